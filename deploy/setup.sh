#!/usr/bin/env bash
# Make .venv and what the tests and the demo want around it: `make setup`. Quick when there is nothing to do.
# Arguments: `test` makes the test guest and what the dashboard is tested with too, `bench` adds what the benchmarks compare with.
# Nothing here is needed to run Guestwire with simulated hosts and the embedded broker but Python >= 3.11.
set -euo pipefail
cd -P "$(dirname "$0")/.."
umask 022
exec </dev/null

venv=.venv
locks=deploy/locks
say() { printf 'setup: %s\n' "$*" >&2; }
wanted() { [[ " $arguments " == *" $1 "* ]]; }
arguments="$*"

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

if [[ -x $venv/bin/python ]]; then python=$venv/bin/python; else python=$(find_python) || python=; fi
header= # of Python's C interface, which Debian has in a package of its own
if [[ -n $python ]]; then
  read -r header version < <("$python" -c 'import sys, sysconfig
print(sysconfig.get_path("include") + "/Python.h", "%d.%d" % sys.version_info[:2])') || header=
fi

# -- Debian packages: package, a program or file that shows it elsewhere, what is not done without it
packages=(
  "mosquitto mosquitto tests over mosquitto; the demo uses the embedded broker"
  "faketime faketime tests of a host whose clock is wrong"
  "mosquitto-clients mosquitto_pub tests of the embedded broker with mosquitto's clients"
  "libvirt-daemon-system libvirtd real guests, in the tests and in the demo"
  "libvirt-clients virsh virsh, to look at real guests"
  "qemu-system-x86 qemu-system-x86_64 real guests, in the tests and in the demo"
  "qemu-utils qemu-img real guests with disk images"
  "libvirt-dev /usr/include/libvirt/libvirt.h libvirt-python, so all of libvirt"
  "gcc gcc libvirt-python, so all of libvirt; C in the benchmarks"
  "pkg-config pkg-config libvirt-python, so all of libvirt"
  "busybox-static busybox the test guest, so the tests with real guests"
  "ovmf /usr/share/OVMF/OVMF_CODE_4M.fd real guests with UEFI"
  "swtpm swtpm real guests with a TPM"
  "swtpm-tools swtpm_setup real guests with a TPM"
  "iproute2 ip addresses of the host's adapters, as an apply sets them"
  "nftables nft the air gap and virtual networks, as an apply sets them"
  "dnsmasq-base dnsmasq leases on virtual networks"
  "libc6-dev /usr/include/stdio.h the guest library"
  "make make the guest library"
  "musl-tools musl-gcc the guest library for guests without glibc"
  "postgresql psql the controller's tests over PostgreSQL"
  "prometheus promtool tests of what Prometheus makes of the metrics, the alert rules and the dashboard"
  "gcc-mingw-w64-x86-64 x86_64-w64-mingw32-gcc the guest library's part for other systems"
)
bench_packages=(
  "chromium chromium the benchmark of the dashboard"
  "nats-server nats-server the comparison with NATS"
  "libmosquitto-dev /usr/include/mosquitto.h the comparison with C libmosquitto"
)

test_packages=(
  "chromium chromium tests of the dashboard"
  "nodejs node the check of the dashboard's types, and whether everybody can use its pages"
)
# where Node comes from elsewhere it has an npm of its own, which Debian's does not go together with
command -v npm >/dev/null ||
  test_packages+=("npm npm the check of the dashboard's types, and whether everybody can use its pages")

is_there() { # is_there PACKAGE PROBE
  if [[ -n $debian ]]; then
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
  elif [[ $2 == /* ]]; then
    [[ -e $2 ]]
  else
    PATH="$PATH:/usr/sbin:/sbin" command -v "$2" >/dev/null
  fi
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

install_packages() { # install_packages PACKAGE...
  local log
  log=$(mktemp)
  say "installing Debian packages: $*"
  # the lists may be missing or old: fetch them only when they do not do
  if apt install -y --no-install-recommends "$@" >"$log" 2>&1 ||
    { apt update >>"$log" 2>&1 && apt install -y --no-install-recommends "$@" >>"$log" 2>&1; }; then
    rm -f "$log"
    # Debian starts a server with these packages, which nobody asked for: ours run on ports of their own, when needed
    local service
    for service in mosquitto nats-server postgresql prometheus prometheus-node-exporter; do
      if [[ " $* " == *" $service "* && -d /run/systemd/system ]]; then
        systemctl disable --quiet --now "$service.service" || true
        say "$service's own service was switched off again (systemctl enable --now $service)"
      fi
    done
  else
    tail -n 15 "$log" >&2
    rm -f "$log"
    say "apt-get failed; going on without these packages"
  fi
}

if [[ -n $header && ! -e $header ]]; then packages+=("python$version-dev $header libvirt-python, so all of libvirt"); fi
debian=
[[ -e /etc/debian_version ]] && command -v apt-get >/dev/null && debian=1
wanted test && packages+=("${test_packages[@]}")
wanted bench && packages+=("${bench_packages[@]}")
missing=()
for row in "${packages[@]}"; do
  read -r package probe _ <<<"$row"
  is_there "$package" "$probe" || missing+=("$package")
done
if ((${#missing[@]})) && [[ -n $debian && $EUID -eq 0 ]]; then
  install_packages "${missing[@]}"
fi
for row in "${packages[@]}"; do
  read -r package probe without <<<"$row"
  is_there "$package" "$probe" || say "missing: $package; so there will not be: $without"
done
if ((${#missing[@]})) && [[ -n $debian && $EUID -ne 0 ]]; then
  say "to install: sudo apt-get install --no-install-recommends ${missing[*]}"
fi

# -- Python
# two setups at once would spoil one another's .venv
mkdir -p .cache
exec 9>.cache/setup.lock
if command -v flock >/dev/null; then flock 9; fi

# a .venv that was moved has programs that start another place's Python
if ! grep -qsF "$PWD/$venv/bin/python" "$venv/bin/pip" || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  if ! python=$(find_python); then
    say "Python 3.11 or newer is needed, and none was found (set PYTHON to one)."
    exit 1
  fi
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [[ -n $debian && $EUID -eq 0 ]]; then install_packages "python$version-venv"; fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      say "$python has no venv module. On Debian: sudo apt-get install python$version-venv"
      exit 1
    fi
  fi
  say "making $venv with $("$python" --version)"
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi

# -- the test guest: a kernel and a busybox, fetched from Debian and unpacked, never installed; beside what follows
test_guest() {
  local build="$venv/bin/python tests/guest/build.py"
  $build >/dev/null 2>&1 && return
  if [[ $EUID -eq 0 ]]; then apt update >/dev/null 2>&1 || true; fi
  $build >/dev/null || say "tests with real guests are skipped"
}
if wanted test && [[ -n $debian && -e $header ]]; then
  test_guest &
fi

# -- what the dashboard's code is checked with: out of deploy/web's lock, into .cache
web_tools() {
  local place=.cache/web-tools stamp
  command -v node >/dev/null && command -v npm >/dev/null || return 0
  stamp=$({ node --version && cat deploy/web/package.json deploy/web/package-lock.json; } | cksum)
  if [[ -e $place/stamp && $(<"$place/stamp") == "$stamp" ]]; then return; fi
  mkdir -p "$place"
  rm -f "$place/stamp"
  cp deploy/web/package.json deploy/web/package-lock.json "$place"
  say "installing Node packages from deploy/web/package-lock.json"
  if (cd "$place" && npm ci --silent --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
    printf '%s\n' "$stamp" >"$place/stamp"
  else
    tail -n 15 "$place/npm.log" >&2
    say "npm failed; the dashboard's types and its use by everybody are not checked"
  fi
}
if wanted test; then
  web_tools &
fi

fingerprint() { # of what decides what is in .venv
  { "$venv/bin/python" --version && printf '%s\n' "$PWD" "$with_libvirt" && cat pyproject.toml "$locks"/*.txt deploy/setup.sh; } | cksum
}

with_libvirt=
if [[ -e $header ]] && command -v gcc >/dev/null && command -v pkg-config >/dev/null && pkg-config --exists 'libvirt >= 5'; then
  with_libvirt=libvirt
fi
pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@"; }
stamp=$venv/guestwire-setup
if [[ ! -e $stamp || $(<"$stamp") != "$(fingerprint)" ]]; then
  rm -f "$stamp"
  say "installing Python packages from $locks/dev.txt"
  pip install --require-hashes -r "$locks/dev.txt"
  pip install --require-hashes -r "$locks/build.txt"
  if [[ -n $with_libvirt ]]; then
    # source only: it is compiled with the setuptools just installed
    if ! pip install --require-hashes --no-build-isolation -r "$locks/libvirt.txt"; then
      say "libvirt-python does not compile here; everything with libvirt is skipped"
    fi
  else
    say "no libvirt-python: it needs gcc, pkg-config, libvirt-dev and Python.h; everything with libvirt is skipped"
  fi
  pip install --no-deps --no-build-isolation --editable .
  fingerprint >"$stamp"
fi
stamp=$venv/guestwire-e2e
if { wanted test || wanted bench; } && ! cmp --silent "$locks/e2e.txt" "$stamp"; then
  say "installing Python packages from $locks/e2e.txt"
  pip install --require-hashes -r "$locks/e2e.txt"
  cp "$locks/e2e.txt" "$stamp"
fi
wait
