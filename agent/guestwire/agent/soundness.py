"""What `guestwire-agent check` says: whether an agent could start with these settings, and how long it could go on.

It changes nothing and needs no agent. What only a running agent knows, `guestwire doctor` asks it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from guestwire.agent import compose, floor_note, identity
from guestwire.agent.certificate_dates import certificates, dates
from guestwire.agent.config import Settings
from guestwire.agent.time_floor import TimeFloor
from guestwire.protocol.trust_file import in_words

DAY_MS = 86_400_000
SOON_DAYS = 30


class Found(NamedTuple):
    """Lines for people. `wrong`: there is something that keeps the host from its broker, or clients from its listener."""

    lines: tuple[str, ...]
    wrong: bool


def look(settings: Settings) -> Found:
    """Raises the first thing that would keep an agent from starting: CONFIG-INVALID, KEY-FILE-INVALID, TRUST-INVALID."""
    who = compose.host_identity(settings)
    trust = identity.newest(who.trust, settings.host.state_dir / "trust")
    document = trust.document
    floor = TimeFloor(document.issued_at)
    judge = compose.clock(settings, floor)
    log = structlog.get_logger()
    compose.broker(settings, compose.tls_identity(settings, floor, judge, log), log)
    compose.listener(settings, floor, judge, log)
    compose.socket_group(settings.host.socket_group)
    noted = _noted_floor(settings.host.state_dir / "journal.db")
    floor.seen(noted or 0)
    quality = judge()
    now_ms = compose.wall_ms() if quality != "unsynchronised" else floor.ms
    revision = in_words(trust.revision)
    ends = tuple(_ends(settings, now_ms))
    lines = (
        f"host {who.host} of site {who.site}: settings, keys and trust document {revision} are sound",
        f"trust document: revision {revision}, issued {_date(document.issued_at)}",
        f"clock: {quality}, {_date(compose.wall_ms())}; it is {_date(floor.ms)} at least"
        + ("" if noted is not None else ", by what the files say"),
        *(line for line, _ in ends),
        *(f"closed to others: {path}" for path in _secrets(settings)),
    )
    return Found(lines, any(wrong for _, wrong in ends))


def _ends(settings: Settings, now_ms: int) -> Iterator[tuple[str, bool]]:
    """Until when the certificates are good, and whether that keeps the host from its broker, or clients from its listener: of
    authorities one may be over that was replaced."""
    section, listener = settings.broker, settings.listener
    if section.cert is not None:
        yield _end("certificate", section.cert, certificates(section.cert)[0], now_ms)
    if listener.address and listener.cert not in (None, section.cert):
        yield _end("listener's certificate", listener.cert, certificates(listener.cert)[0], now_ms)
    if section.ca is not None:
        ends = [_end("authority", section.ca, der, now_ms) for der in certificates(section.ca)]
        all_over = all(over for _, over in ends)
        yield from ((line, all_over) for line, _ in ends)


def _end(name: str, path: Path, der: bytes, now_ms: int) -> tuple[str, bool]:
    end_ms = dates(der).not_after_ms
    days = (end_ms - now_ms) // DAY_MS
    left = f"{days} days left" if end_ms >= now_ms else "it has run out"
    renew = ": renew it" if days < SOON_DAYS else ""
    return f"{name}: {path} until {_date(end_ms)}, {left}{renew}", end_ms < now_ms


def _secrets(settings: Settings) -> Iterator[Path]:
    """They were checked when they were read."""
    files = (settings.trust.host_key, settings.broker.key, settings.broker.password_file, settings.listener.key)
    yield from dict.fromkeys(path for path in files if path is not None)


def _noted_floor(journal: Path) -> int | None:
    """The time floor in the journal. None where there is none, or where the journal is not closed: an agent has it, or one was
    killed. Read without a lock and without files beside it, which would be of another user than the agent's."""
    if journal.with_name(f"{journal.name}-wal").exists():
        return None
    try:
        with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?immutable=1", uri=True)) as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (f"note:{floor_note.NOTE}",)).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else int.from_bytes(row[0], "big")


def _date(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
