#!/bin/sh
# `make demo`: the demo, with a small real guest on its libvirt host where one can be built and run.
set -eu
cd "$(dirname "$0")/.."
guestwire=.venv/bin/guestwire
[ "$(id -u)" = 0 ] && .venv/bin/python -c 'import libvirt' 2>/dev/null && command -v qemu-system-x86_64 >/dev/null ||
    exec "$guestwire" demo "$@"
for word in "$@"; do
    [ "$word" != simulated ] && [ "$word" != --driver=simulated ] || exec "$guestwire" demo "$@"
done

# libvirt's QEMU runs as a user of its own: it must be able to read the guest's files
files=$(mktemp -d /var/tmp/guestwire-demo-guest.XXXXXX)
trap 'rm -rf "$files"' EXIT
trap : INT TERM HUP # the demo ends by itself; then the files go
chmod 755 "$files"
if ! built=$(.venv/bin/python tests/guest/build.py 2>"$files/why"); then
    echo "no small guest for the real host: $(tail -n 1 "$files/why")" >&2
    "$guestwire" demo "$@"
    exit
fi
# shellcheck disable=SC2086 # two paths, one a line
cp $built "$files"
chmod 644 "$files"/vmlinuz "$files"/initrd
cat >"$files/linux.toml" <<EOF
name = "linux"
memory_mib = 128
[boot]
kernel = "$files/vmlinuz"
initrd = "$files/initrd"
cmdline = "console=ttyS0 quiet guestwire.name=linux"
[ready_when]
by = "console_text"
text = "guestwire-guest: up linux"
EOF
"$guestwire" demo --guest "$files/linux.toml" "$@"
