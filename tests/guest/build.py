"""Build the test guests: a Debian cloud kernel and a busybox initramfs that says it is up and obeys the power button.

`python tests/guest/build.py [comm [GWGUEST]]` prints the two paths; `build()` is the same for fixtures. The packages are
fetched with `apt-get download` into a cache directory (never committed) and unpacked, not installed; a second call takes no
time. There are two flavours: PLAIN, and COMM for tests of the communication between guests, with the modules and programs for
that, and with the program `gwguest` (linked statically) where one is given.

What the guest does, told on its kernel command line:
    guestwire.name=NAME      prints "guestwire-guest: up NAME" on ttyS0 when it is ready for the power button
    guestwire.agent=1        runs Debian's qemu-guest-agent on the channel org.qemu.guest_agent.0 before it says so (PLAIN)
    guestwire.shell=1        obeys commands on the virtio port org.guestwire.test: tests/support/comm_guest.py (COMM)
    guestwire.then=reboot | poweroff | deaf     reboots, powers off, or ignores the power button after that
"""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KERNEL_PACKAGE = "linux-image-cloud-amd64"
AGENT_PACKAGES = ("qemu-guest-agent", "libc6", "libglib2.0-0", "libnuma1", "libudev1", "liburing2", "libpcre2-8-0")
AGENT_FILES = (
    "usr/sbin/qemu-ga",
    "lib64/ld-linux-x86-64.so.2",
    "lib/x86_64-linux-gnu/libc.so.6",
    "lib/x86_64-linux-gnu/libm.so.6",
    "usr/lib/x86_64-linux-gnu/libglib-2.0.so.0",
    "usr/lib/x86_64-linux-gnu/libgmodule-2.0.so.0",
    "usr/lib/x86_64-linux-gnu/libnuma.so.1",
    "usr/lib/x86_64-linux-gnu/libudev.so.1",
    "usr/lib/x86_64-linux-gnu/liburing.so.2",
    "usr/lib/x86_64-linux-gnu/libpcre2-8.so.0",
)
MODULES = ("button", "evdev", "virtio_pci", "virtio_console")
APPLETS = "sh mount insmod cat dd echo grep mkdir poweroff reboot setsid sleep true"
COMM_MODULES = ("virtio_net", "vfio", "vfio_iommu_type1", "vfio_pci")
COMM_APPLETS = (
    "basename chmod cut devmem head hexdump ifconfig ip kill killall ls nc ping printf ps readlink rm rmmod sed seq sort tail "
    "test timeout touch tr udhcpc usleep wc"
)


@dataclass(frozen=True)
class Flavour:
    """What is in an initramfs. `applets`: of busybox, with spaces between. `agent`: Debian's guest agent, too."""

    name: str
    modules: tuple[str, ...] = MODULES
    applets: str = APPLETS
    agent: bool = False


PLAIN = Flavour("initrd", agent=True)
COMM = Flavour("initrd-comm", (*MODULES, *COMM_MODULES), f"{APPLETS} {COMM_APPLETS}")

INIT = """#!/bin/sh
export PATH=/bin:/sbin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tracefs trace /sys/kernel/tracing
exec </dev/console >/dev/console 2>&1
name=unnamed; then=; agent=; shell=
for word in $(cat /proc/cmdline); do
  case $word in
    guestwire.name=*) name=${word#*=} ;;
    guestwire.then=*) then=${word#*=} ;;
    guestwire.agent=*) agent=1 ;;
    guestwire.shell=*) shell=1 ;;
  esac
done
for module in $(cat /modules/order); do insmod /modules/$module.ko; done
# the button's device is open before the guest says that it is up, so that no press is lost
for event in /sys/class/input/event*; do
  if grep -q 'Power Button' $event/device/name; then exec 3</dev/input/${event##*/}; fi
done
if [ -n "$agent" ]; then
  for port in /sys/class/virtio-ports/*; do
    if grep -q org.qemu.guest_agent.0 $port/name; then
      setsid /usr/sbin/qemu-ga -m virtio-serial -p /dev/${port##*/} -t /run -f /run/qemu-ga.pid &
    fi
  done
fi
if [ -n "$shell" ]; then setsid sh /sbin/commands & fi
echo "guestwire-guest: up $name"
case $then in
  reboot) reboot -f ;;
  poweroff) poweroff -f ;;
  deaf) while true; do sleep 3600; done ;;
esac
dd bs=24 count=1 <&3 >/dev/null 2>&1
echo "guestwire-guest: power button"
poweroff -f
"""

SHUTDOWN = """#!/bin/sh
echo "guestwire-guest: shutdown $*" >/dev/console
poweroff -f
"""

COMMANDS = """#!/bin/sh
# A line is "MARK COMMAND"; the answer is "MARK begin", what the command said, and "MARK end STATUS" on lines of their own.
device=
while [ -z "$device" ]; do
  for port in /sys/class/virtio-ports/*; do
    if grep -q org.guestwire.test $port/name; then device=/dev/${port##*/}; fi
  done
  if [ -z "$device" ]; then sleep 0.1; fi
done
exec 3<>$device
while true; do
  # a port that nobody has open on the host is at its end
  read -r mark command <&3 || { sleep 0.1; continue; }
  echo "$mark begin" >&3
  (eval "$command") </dev/null >&3 2>&1
  echo "
$mark end $?" >&3
done
"""

UDHCPC = """#!/bin/sh
case $1 in
  bound | renew) ip address replace "$ip/$mask" dev "$interface"
    for via in $router; do ip route replace default via "$via"; done ;;
  deconfig) ip address flush dev "$interface"; ip link set "$interface" up ;;
esac
"""

SCRIPTS = {
    "init": INIT,
    "sbin/shutdown": SHUTDOWN,
    "sbin/commands": COMMANDS,
    "usr/share/udhcpc/default.script": UDHCPC,
}


@dataclass(frozen=True)
class TestGuest:
    """The two files a direct boot needs. `reason` says why there are none."""

    __test__ = False

    kernel: Path
    initrd: Path


class BuildError(Exception):
    """The test guest cannot be built here; the text says why."""


def cache_dir() -> Path:
    """$XDG_CACHE_HOME/guestwire, or .cache in the repository."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "guestwire" if base else Path(__file__).parents[2] / ".cache"


def build(directory: Path | None = None, flavour: Flavour = PLAIN, gwguest: Path | None = None) -> TestGuest:
    """Build the guest, or find it built. Raises BuildError. Safe when several processes call it at once."""
    directory = (directory or cache_dir()) / "guest"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        guest = TestGuest(directory / "vmlinuz", directory / (flavour.name + ("-gwguest" if gwguest else "")))
        newest = max(path.stat().st_mtime for path in (Path(__file__), gwguest) if path is not None)
        if not (guest.initrd.exists() and guest.kernel.exists() and guest.initrd.stat().st_mtime > newest):
            _build(directory, guest, flavour, gwguest)
        return guest


def _build(directory: Path, guest: TestGuest, flavour: Flavour, gwguest: Path | None) -> None:
    busybox = shutil.which("busybox")
    missing = [tool for tool in ("apt-get", "apt-cache", "dpkg-deb") if shutil.which(tool) is None]
    if missing or busybox is None:
        raise BuildError(f"missing: {', '.join([*missing, *([] if busybox else ['busybox-static'])])}")
    kernel_root = _unpack(directory, _kernel_package())
    roots = [_unpack(directory, package) for package in AGENT_PACKAGES] if flavour.agent else []
    kernels = sorted((kernel_root / "boot").glob("vmlinuz-*"))
    if not kernels:
        raise BuildError(f"no kernel in {kernel_root}")
    modules = kernel_root / "lib/modules" / kernels[-1].name.removeprefix("vmlinuz-")
    files = {"bin/busybox": Path(busybox), **({"bin/gwguest": gwguest} if gwguest else {}), **_agent_files(roots)}
    partial = guest.initrd.with_suffix(".partial")
    partial.write_bytes(b"".join(_archive(files, list(_in_order(modules, flavour.modules)), flavour.applets.split())))
    partial.replace(guest.initrd)
    kernel = guest.kernel.with_suffix(".partial")
    shutil.copyfile(kernels[-1], kernel)  # another flavour's guest may be reading the one that is there
    kernel.replace(guest.kernel)


def _agent_files(roots: Sequence[Path]) -> dict[str, Path]:
    """Where the files of the guest agent are; none without its packages."""
    found = {}
    for name in AGENT_FILES if roots else ():
        source = next((path for root in roots if (path := root / name).exists()), None)
        if source is None:
            raise BuildError(f"{name} is in none of the packages")
        found[name] = source.resolve()
    return found


def _kernel_package() -> str:
    """The package that the metapackage depends on."""
    for line in _run("apt-cache", "depends", KERNEL_PACKAGE).splitlines():
        if line.strip().startswith("Depends: linux-image-"):
            return line.split(":", 1)[1].strip()
    raise BuildError(f"{KERNEL_PACKAGE} is not in the package lists: apt-get update")


def _unpack(directory: Path, package: str) -> Path:
    root = directory / "unpacked" / package
    if root.exists():
        return root
    archives = directory / "archives"
    archives.mkdir(exist_ok=True)
    found = sorted(archives.glob(f"{package}_*.deb"))
    if not found:
        _run("apt-get", "download", "-qq", package, cwd=archives)
        found = sorted(archives.glob(f"{package}_*.deb"))
    partial = root.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _run("dpkg-deb", "-x", str(found[-1]), str(partial))
    partial.rename(root)
    return root


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=300)
    except subprocess.CalledProcessError as err:
        raise BuildError(f"{' '.join(command)}: {err.stderr.strip()[-300:]}") from err
    except subprocess.TimeoutExpired as err:
        raise BuildError(f"{' '.join(command)}: no answer in 300 s") from err
    return done.stdout


def _in_order(modules: Path, wanted: Iterable[str]) -> Iterator[Path]:
    """The modules wanted and all they depend on, each after what it needs."""
    files = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}
    seen: set[str] = set()

    def visit(name: str) -> Iterator[Path]:
        if name in seen or name not in files:  # not there: built into the kernel
            return
        seen.add(name)
        depends = files[name].read_bytes().split(b"\0depends=", 1)[1].split(b"\0", 1)[0].decode()
        for other in filter(None, depends.split(",")):
            yield from visit(other.replace("-", "_"))
        yield files[name]

    for name in wanted:
        yield from visit(name)


def _archive(programs: Mapping[str, Path], modules: Sequence[Path], applets: Iterable[str]) -> Iterator[bytes]:
    """The initramfs: a cpio archive, "newc", not compressed (unpacking costs more than reading under TCG)."""
    number = 0

    def entry(name: str, mode: int, data: bytes = b"") -> bytes:
        nonlocal number
        number += 1
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)

    folders = ("bin", "sbin", "dev", "proc", "sys", "run", "tmp", "modules", "lib64", "lib", "lib/x86_64-linux-gnu")
    for folder in (*folders, "usr", "usr/sbin", "usr/lib", "usr/lib/x86_64-linux-gnu", "usr/share", "usr/share/udhcpc"):
        yield entry(folder, stat.S_IFDIR | 0o755)
    for name, path in programs.items():
        yield entry(name, stat.S_IFREG | 0o755, path.read_bytes())
    for applet in applets:
        yield entry(f"bin/{applet}", stat.S_IFLNK | 0o777, b"busybox")
    for name, text in SCRIPTS.items():
        yield entry(name, stat.S_IFREG | 0o755, text.encode())
    for module in modules:
        yield entry(f"modules/{module.stem}.ko", stat.S_IFREG | 0o644, module.read_bytes())
    yield entry("modules/order", stat.S_IFREG | 0o644, "\n".join(module.stem for module in modules).encode() + b"\n")
    yield entry("TRAILER!!!", 0)


if __name__ == "__main__":
    try:
        more = sys.argv[2:3]
        built = build(flavour=COMM if sys.argv[1:2] == ["comm"] else PLAIN, gwguest=Path(more[0]) if more else None)
    except BuildError as error:
        sys.exit(f"the test guest cannot be built: {error}")
    print(built.kernel)
    print(built.initrd)
