"""Users and groups of the settings, as the kernel numbers them, and the folders that are given to them."""

import grp
import os
import pwd
from dataclasses import dataclass

from guestwire.comm.config import Settings
from guestwire.model.errors import GuestwireError

GUESTS_MODE = 0o1770
"""QEMU binds its guest's serial socket there, so its group writes; the sticky bit keeps it from taking away what is ours."""


@dataclass(frozen=True, slots=True)
class Identities:
    """`trusted`: users that may give documents and ask for guests' memory. `group`: may attach; `qemu_group`: QEMU's. -1: the
    process's own."""

    trusted: frozenset[int]
    group: int
    qemu_group: int


def identities(settings: Settings) -> Identities:
    """Raises CONFIG-INVALID: a user or group that is not there. The agent's user may be missing (another one is named)."""
    trusted = {0, os.geteuid()}
    for name in filter(None, (part.strip() for part in settings.users.split(","))):
        try:
            trusted.add(pwd.getpwnam(name).pw_uid)
        except KeyError as err:
            if name != Settings.model_fields["users"].default:
                raise GuestwireError("CONFIG-INVALID", f"users: there is no user {name}", field="users") from err
    return Identities(frozenset(trusted), _group(settings.group, "group"), _qemu_group(settings.qemu_group))


def _group(name: str, field: str) -> int:
    if not name:
        return -1
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as err:
        raise GuestwireError("CONFIG-INVALID", f"{field}: there is no group {name}", field=field) from err


def _qemu_group(name: str) -> int:
    """Without root nobody else's group can be given: then QEMU is the same user's."""
    return _group(name, "qemu_group") if os.geteuid() == 0 and name in {one.gr_name for one in grp.getgrall()} else -1


def make_folders(settings: Settings, who: Identities) -> None:
    """The run and state directories. Others may pass through the first to its sockets, which say themselves who may connect;
    only QEMU's group may enter that of the guests' sockets. Raises CONFIG-INVALID."""
    guests = settings.dir / "guests"
    try:
        for folder in (settings.dir, guests, settings.state_dir):
            folder.mkdir(parents=True, exist_ok=True)
        if who.qemu_group >= 0:
            os.chown(guests, -1, who.qemu_group)
        guests.chmod(GUESTS_MODE)
        settings.state_dir.chmod(0o700)
    except OSError as err:
        field = str(err.filename or settings.dir)
        raise GuestwireError("CONFIG-INVALID", f"{field}: {err.strerror}", field=field) from err
