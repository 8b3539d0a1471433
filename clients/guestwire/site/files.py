"""Files of a site: written whole or not at all, private ones closed to other users, none overwritten by accident."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import is_private, parse_private, parse_public
from guestwire.protocol.signing import SigningKey, VerifyingKey

PRIVATE = 0o600
PUBLIC = 0o644
DIRECTORY = 0o700


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet, durably. Raises EXISTS when it is."""
    temporary = _temporary(path, data, mode)
    try:
        os.link(temporary, path)  # unlike a rename, a link never replaces
    except FileExistsError:
        raise GuestwireError("EXISTS", f"{path} exists already; nothing was overwritten.") from None
    finally:
        temporary.unlink()
    _sync_directory(path.parent)


def replace(path: Path, data: bytes, mode: int, group: int = -1) -> None:
    """Put new content in place of a file in one step: a reader sees the old or the new, and so does a crash. `group`: the
    id of a group that is to have the file; -1 leaves it ours."""
    temporary = _temporary(path, data, mode, group)
    try:
        temporary.replace(path)
    except OSError:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def read_signing_key(path: Path) -> SigningKey:
    """The private key in a file. Raises KEY-FILE-INVALID: missing, unreadable, open to other users, or no key."""
    try:
        with path.open("rb") as file:
            private = is_private(os.fstat(file.fileno()).st_mode)
            text = file.read(8192).decode("ascii", "replace")
    except OSError as err:
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: {err.strerror}.") from err
    if not private:
        raise GuestwireError("KEY-FILE-INVALID", f"{path} is open to other users: run `chmod 600 {path}`.")
    try:
        return parse_private(text)
    except GuestwireError as err:
        raise GuestwireError(err.code, f"{path}: {err.message}") from err


def read_public_key(path: Path) -> VerifyingKey:
    """The public key in a file. Raises KEY-FILE-INVALID: missing, unreadable, or no key."""
    try:
        with path.open("rb") as file:
            text = file.read(8192).decode("ascii", "replace")
    except OSError as err:
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: {err.strerror}.") from err
    try:
        return parse_public(text)
    except GuestwireError as err:
        raise GuestwireError(err.code, f"{path}: {err.message}") from err


def _temporary(path: Path, data: bytes, mode: int, group: int = -1) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        if group >= 0:
            os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
