"""The folder that holds all that a host is: its keys, its certificate, whom it believes. Written whole or not at all.

A new one is made beside it and takes its place at the end; keys that an interrupted enrolment made are in the unfinished one,
and are taken up. Key and certificate for TLS are in one file, so that they change in one step.
"""

import ctypes
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from guestwire.agent.services.generated_file import sync_folder, write_file
from guestwire.model.errors import GuestwireError

HOST_KEY, TLS, CA, ROOT, TRUST = "host.key", "tls.pem", "ca.crt", "root.pub", "trust"
TLS_KEY, CODE = "tls.key", "code"
"""Of an unfinished one only: the key of the certificate to come, and the hash of the code it is asked for with."""
_FOLDER, _FILE = 0o700, 0o600

_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""


def settings(
    folder: Path, site: str, host: str, brokers: tuple[str, ...], authority: str
) -> dict[str, dict[str, object]]:
    """The agent's settings for the identity in a folder."""
    broker: dict[str, object] = {"urls": list(brokers)} if brokers else {}
    tls = str(folder / TLS)
    return {
        "host": {"id": host, "site": site},
        "broker": {**broker, "ca": str(folder / CA), "cert": tls, "key": tls},
        "trust": {
            "document": str(folder / TRUST), "root_key": str(folder / ROOT), "host_key": str(folder / HOST_KEY),
            "authority": authority,
        },
    }  # fmt: skip


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """The folder beside it in which the next one is made, while nobody else makes one. Root works in it as the owner of the
    folder above, the agent's user: what is made is his, and a link that he put there leads root nowhere. Raises EXISTS when
    somebody does, and OSError."""
    folder.parent.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
    with _as_owner(folder.parent):
        yield from _alone(folder)


def _alone(folder: Path) -> Iterator[Path]:
    made = folder.with_name(f".{folder.name}.new")
    made.mkdir(mode=_FOLDER, exist_ok=True)
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuestwireError(
                "EXISTS", "Another enrolment of this host is on its way: wait until it has ended."
            ) from None
        yield made
    finally:
        os.close(descriptor)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put files into a folder, each durable before the next; nobody else may read them. Raises OSError."""
    for name, data in files.items():
        write_file(folder / name, data, _FILE)


def put_in_place(made: Path, folder: Path) -> None:
    """Let the folder that was made take the place of the one before, which goes. Raises OSError."""
    if folder.exists():
        _exchange(made, folder)
        sync_folder(folder.parent)
        shutil.rmtree(made, ignore_errors=True)
    else:
        made.rename(folder)
        sync_folder(folder.parent)


def _exchange(one: Path, other: Path) -> None:
    """Each is where the other was, in one step: at no moment the host is without an identity (renameat2(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


@contextmanager
def _as_owner(folder: Path) -> Iterator[None]:
    """Root's process is a process of that folder's owner while the block lasts; anybody else's stays what it is."""
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
