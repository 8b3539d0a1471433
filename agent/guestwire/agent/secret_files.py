"""Files with secrets: read only when they are closed to everybody who is not to know them."""

import os
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import is_private

MAX_BYTES = 64 * 1024


def read_secret(path: Path) -> str:
    """The text in the file. Raises KEY-FILE-INVALID, also when others may read it; no error quotes it."""
    try:
        with path.open("rb") as file:
            _check(path, os.fstat(file.fileno()))
            return file.read(MAX_BYTES).decode()
    except OSError as err:
        raise _invalid(path, err.strerror or str(err)) from err
    except UnicodeDecodeError:
        raise _invalid(path, "it is no text") from None


def check_closed(path: Path) -> None:
    """Raises KEY-FILE-INVALID unless the file is there and closed, for what a library reads itself."""
    try:
        status = path.stat()
    except OSError as err:
        raise _invalid(path, err.strerror or str(err)) from err
    _check(path, status)


def is_closed(status: os.stat_result) -> bool:
    """Whether nobody but the owner and root may read it. A credential of systemd is root's and may not be written: its group bits
    are the mask of an access list that names the service's user (systemd.exec, LoadCredential)."""
    credential = (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o440)
    return credential or is_private(status.st_mode)


def _check(path: Path, status: os.stat_result) -> None:
    if not is_closed(status):
        raise _invalid(path, f"others may read it; run `chmod 600 {path}`")


def _invalid(path: Path, why: str) -> GuestwireError:
    return GuestwireError("KEY-FILE-INVALID", f"{path}: {why}", detail={"file": str(path)})
