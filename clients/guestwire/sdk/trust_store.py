"""The newest trust document that a context has met, kept on disk: revisions only go up, and the root only as its own lines lead.

A document proves itself, so that it does not matter who brings it. It is kept in the file that the context names, or where
that may not be written in the user's state directory; the newer of the two counts:

    $XDG_STATE_HOME/guestwire/trust/ID         a document that is newer than the context's file
    $XDG_STATE_HOME/guestwire/trust/ID.looked  its time: when somebody was asked for a newer one

ID is made of the file's path and the root that is pinned.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import VerifyingKey
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import MAX_BYTES, is_behind, unseal
from guestwire.sdk import locked_file

LOCK_WAIT_S = 1.0
_LOOK_S = 0.02


class Judge(Protocol):
    """Somebody who believes by a trust document: he is given each newer one."""

    trust: Trust | None


class TrustStore:
    """The trust of one context. `file`: what the context names; `kept`: where else a newer one may be. None: whoever follows this
    keeps newer ones elsewhere, the files stay as they are, and `found` is what was kept so."""

    def __init__(self, file: Path, kept: Path | None, root: VerifyingKey, found: Sequence[bytes] = ()) -> None:
        """Raises TRUST-INVALID unless the file, or another document, is there and good."""
        self._file = file
        self._kept = kept
        self._judges: list[Judge] = []
        self._trust = _newest(self._files, root, found)

    @property
    def trust(self) -> Trust:
        return self._trust

    def follow(self, judge: Judge) -> None:
        """Have somebody believe by the newest document from now on."""
        self._judges.append(judge)
        judge.trust = self._trust

    def take_up(self, data: bytes) -> bool:
        """Believe by a document, and keep it durably where files are kept. False: it is the one in force.

        Raises TRUST-INVALID when it is not of this site's root, or older than the one in force.
        """
        if not self._believe(data):
            return False
        for path in self._files if self._kept is not None else ():
            with suppress(OSError):
                _keep(path, self._trust)
                return True
        return True  # nowhere to write: it counts as long as this process runs

    def reread(self) -> None:
        """Believe by what another process has kept since, where that is newer."""
        for path in self._files:
            with suppress(OSError, GuestwireError):
                self._believe(_read(path))

    def _believe(self, data: bytes) -> bool:
        found = unseal(data, VerifyingKey(self._trust.roots[-1]), at_least=self._trust.revision)
        if found.site != self._trust.site:
            raise GuestwireError("TRUST-INVALID", f"The trust document is for site {found.site}.")
        if found.revision == self._trust.revision:
            return False
        self._trust = found
        for judge in self._judges:
            judge.trust = found
        return True

    def age_s(self) -> float:
        """How long ago somebody was asked for a newer document, or this one was put here: infinite where nobody knows."""
        newest = 0.0
        for path in (*self._looked, *self._files):
            with suppress(OSError):
                newest = max(newest, path.stat().st_mtime)
        ago = time.time() - newest
        return ago if ago >= 0 else float("inf")  # a time to come says nothing

    def looked(self) -> None:
        """Note that somebody was asked just now, for other processes too."""
        for path in self._looked:
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600)

    @property
    def _files(self) -> tuple[Path, ...]:
        return (self._file,) if self._kept is None else (self._file, self._kept)

    @property
    def _looked(self) -> tuple[Path, ...]:
        return () if self._kept is None else (self._kept.with_name(f"{self._kept.name}.looked"),)


def kept_path(file: Path, root: VerifyingKey, environment: Mapping[str, str]) -> Path:
    """Where a document is kept that cannot be put into the context's file."""
    base = environment.get("XDG_STATE_HOME")
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    state = Path(base) if base and Path(base).is_absolute() else home / ".local/state"
    name = hashlib.sha256(root.raw + os.fsencode(file.absolute())).hexdigest()[:32]
    return state / "guestwire/trust" / name


def _newest(files: Sequence[Path], root: VerifyingKey, brought: Sequence[bytes]) -> Trust:
    """One that leads to a later root is newer, whatever its revision: the root before signs nothing any more."""
    found: list[Trust] = []
    wrong: GuestwireError | None = None
    for path in files:
        try:
            found.append(unseal(_read(path), root))
        except OSError as err:
            wrong = wrong or GuestwireError("TRUST-INVALID", f"{path}: {err.strerror}.")
        except GuestwireError as err:
            wrong = wrong or err
    for data in brought:
        with suppress(GuestwireError):  # of another root, which somebody pinned before
            found.append(unseal(data, root))
    if not found:
        raise wrong or GuestwireError("TRUST-INVALID", f"{files[0]} is missing.")
    if len({trust.site for trust in found}) > 1:
        return found[0]
    return max(found, key=lambda trust: (len(trust.roots), trust.revision))


def _keep(path: Path, trust: Trust) -> None:
    """Write it in one step for every reader, unless another process has put one there that is as new."""
    path = path.resolve()  # a link to the real file stays a link
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(path):
        mode = 0o600
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode & 0o777
            with suppress(GuestwireError):
                # the roots of the two may differ: the last one of ours vouches for both, or theirs is older
                theirs = unseal(_read(path), VerifyingKey(trust.roots[-1])).revision
                if theirs == trust.revision or is_behind(trust.revision, theirs):
                    return
        locked_file.replace(path, trust.data, mode)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The lock of a trust file, which `guestwire site` holds as well while it works. Raises TimeoutError, an OSError."""
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        ends = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise TimeoutError(f"{path} is locked") from None
                time.sleep(_LOOK_S)
        yield


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
