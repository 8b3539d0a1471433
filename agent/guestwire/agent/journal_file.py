"""Opening the journal's file: made where there is none, brought to this format where an older agent wrote it, locked
against a second agent, moved aside where it is damaged.

And what SQLite's errors mean to a caller. Every function runs in the writer's thread.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from guestwire.agent.audit_schema import QUOTA
from guestwire.agent.journal_schema import FORMAT, MIGRATIONS, TABLES, Observer
from guestwire.agent.journal_store import JournalStore
from guestwire.model.errors import GuestwireError

_PRAGMAS = (
    # before the first access: WAL then needs no shared-memory file, and a second agent is refused
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA page_size = 2048",  # half the bytes per commit of the default; only a new file takes it
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -64",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 500",
)


def open_store(
    path: Path, now_ms: int, clock_synchronised: bool, observer: Observer | None, audit_quota: int = QUOTA
) -> JournalStore:
    """Open the journal at `path`, making it if there is none; a damaged one is moved aside, kept, and begun anew. The
    time of a new one is settled if `now_ms` is of a clock that can be trusted. `audit_quota`: bytes of the audit log.

    Raises GuestwireError STATE-DIR-IN-USE when another agent has it, JOURNAL-NEWER when a newer agent wrote it, and
    JOURNAL-FULL when it cannot be opened or made.
    """
    moved_aside = None
    try:
        try:
            db = _connect(path, now_ms, clock_synchronised)
        except sqlite3.DatabaseError as err:
            if not _is_damage(err):
                raise
            moved_aside = _move_aside(path, now_ms)
            db = _connect(path, now_ms, clock_synchronised)
        store = JournalStore(db, observer, moved_aside, audit_quota)
        store.rest()
        return store
    except (sqlite3.Error, OSError) as err:
        raise journal_error(err, path) from err


def _connect(path: Path, now_ms: int, clock_synchronised: bool) -> sqlite3.Connection:
    # The file's permissions pass on to its -wal file. Never open-and-close an existing one: closing any descriptor of
    # a file drops this process's POSIX locks on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=0, cached_statements=16)
    try:
        for pragma in _PRAGMAS:
            db.execute(pragma)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise GuestwireError("JOURNAL-NEWER", detail={"path": str(path), "format": version})
        if version == 0:
            db.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {FORMAT};")
            made = (("created_ms", now_ms), ("created_settled", int(clock_synchronised)))
            db.executemany("INSERT INTO meta VALUES (?, ?)", made)
            db.execute("COMMIT")
        else:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise _damage(verdict)
            _migrate(db, version)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, version: int) -> None:
    """Make the file of an older agent one of this FORMAT, in one transaction: a crash leaves the one or the other."""
    if version < FORMAT:
        changes = "".join(MIGRATIONS[older] for older in range(version, FORMAT))
        db.executescript(f"BEGIN; {changes} PRAGMA user_version = {FORMAT}; COMMIT;")


def _damage(verdict: str) -> sqlite3.DatabaseError:
    err = sqlite3.DatabaseError(verdict)
    err.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return err


def _is_damage(err: sqlite3.Error) -> bool:
    return _primary_code(err) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _primary_code(err: sqlite3.Error) -> int:
    return int(getattr(err, "sqlite_errorcode", 0) or 0) & 0xFF


def _move_aside(path: Path, now_ms: int) -> Path:
    """Rename the file and its -wal, so that a person can look at them. The new name of the file is the answer."""
    aside = path.with_name(f"{path.name}.damaged-{now_ms}")
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        wal.rename(aside.with_name(f"{aside.name}-wal"))
    return path.rename(aside)


def journal_error(err: Exception, path: Path | None = None) -> GuestwireError:
    """What a failed database call means to a caller: nothing was done."""
    detail = {"reason": str(err)}
    if path is not None:
        detail["path"] = str(path)
    if isinstance(err, sqlite3.Error):
        detail["sqlite"] = getattr(err, "sqlite_errorname", "") or type(err).__name__
        if _primary_code(err) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return GuestwireError("STATE-DIR-IN-USE", detail=detail)
    return GuestwireError("JOURNAL-FULL", detail=detail)
