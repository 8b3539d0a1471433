"""libvirt's daemons for a demo, on a machine where no service manager runs them: started as its children, ended with it."""

import asyncio
import grp
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from guestwire.cli.child_processes import Child, Children
from guestwire.cli.libvirt_probe import answers

SERVICE_MANAGER = Path("/run/systemd/system")
KVM = Path("/dev/kvm")
DAEMONS: Mapping[str, Path] = {
    "virtlogd": Path("/run/libvirt/virtlogd-sock"),
    "libvirtd": Path("/run/libvirt/libvirt-sock"),
}
READY_S = 30.0
LOOK_EVERY_S = 0.05


def can_start() -> bool:
    """Whether this process may and can run them: it is root, they are installed, and nothing else is in charge of them."""
    return os.geteuid() == 0 and not SERVICE_MANAGER.exists() and all(shutil.which(name) for name in DAEMONS)


async def start(children: Children) -> None:
    """Start those that do not answer, and wait until they do. Raises PROCESS-FAILED."""
    _open_kvm()
    for name, path in DAEMONS.items():
        if not answers(path):
            await _ready(await children.start(name, [shutil.which(name) or name]), path)


async def _ready(child: Child, path: Path) -> None:
    """They say nothing when they are ready: ask until they answer."""
    try:
        async with asyncio.timeout(READY_S):
            while not answers(path):
                if child.ended.is_set():
                    raise child.failed("ended")
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise child.failed("was not ready in time") from None


def _open_kvm() -> None:
    """Give /dev/kvm to its group, as udev does where it runs: libvirt's QEMU user cannot open it otherwise, and libvirt
    then probes its capabilities anew, for a minute, at every start of a guest."""
    try:
        found = KVM.stat()
        if stat.S_IMODE(found.st_mode) & 0o060 != 0o060:
            os.chown(KVM, -1, grp.getgrnam("kvm").gr_gid)
            KVM.chmod(0o660)
    except (OSError, KeyError):
        return
