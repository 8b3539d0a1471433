"""A libvirtd of a test's own that runs as root and may make taps, in a network namespace of its own: it has no guests of other
tests, and whatever is made on its network is on nobody else's.

The test's process is in that namespace too while the block lasts, and whatever it starts: no program has to be told.
"""

import asyncio
import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import libvirt_host

CLONE_NEWNET = 0x40000000
START_S = 60.0
_LIBC = ctypes.CDLL(None)
_DAEMON = """set -e
mount --bind "$0/run" /run/libvirt
mount --bind "$0/lib" /var/lib/libvirt
mount --bind "$0/etc" /etc/libvirt
mount --rbind /sys "$0/sys"
mount -t sysfs none /sys
mount --rbind "$0/sys/fs/cgroup" /sys/fs/cgroup
exec libvirtd --pid-file "$0/libvirtd.pid"
"""
"""Its folders are its own, and the interfaces that it finds in /sys are those of its network."""


@contextmanager
def own_network() -> Iterator[None]:
    """A network namespace for this thread, and for all that it starts, while the block lasts."""
    with open("/proc/thread-self/ns/net") as before:  # noqa: PTH123 (a link of the kernel's)
        if _LIBC.unshare(CLONE_NEWNET) != 0:
            libvirt_host.unavailable("a network of one's own needs root")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            assert _LIBC.setns(before.fileno(), CLONE_NEWNET) == 0


@asynccontextmanager
async def own_libvirt() -> AsyncIterator[str]:
    """Its URI. Its guests must be gone when the block ends."""
    libvirt_host._check_programs()
    libvirt_host._open_kvm()
    folder = Path(tempfile.mkdtemp(prefix="gwlv-", dir="/tmp"))  # a socket's path has 107 bytes
    for name in ("run", "lib/qemu", "etc", "sys"):
        (folder / name).mkdir(parents=True)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    Path("/run/libvirt").mkdir(exist_ok=True)
    (folder / "etc/qemu.conf").write_text('stdio_handler = "file"\nsecurity_driver = "none"\n')
    with own_network(), (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "unshare", "--mount", "--propagation", "private", "sh", "-c", _DAEMON, str(folder),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            socket = folder / "run/libvirt-sock"
            async with asyncio.timeout(START_S):
                while not libvirt_host._answers(socket):
                    if process.returncode is not None:
                        libvirt_host.unavailable((folder / "log").read_text()[-500:])
                    await asyncio.sleep(0.05)
            yield f"qemu+unix:///system?socket={socket}"
        finally:
            if process.returncode is None:
                process.terminate()
                async with asyncio.timeout(START_S):
                    await process.wait()
            shutil.rmtree(folder)
