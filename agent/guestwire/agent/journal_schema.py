"""What the journal keeps: its rows as values, its tables, and the names of its steps.

No I/O here. PROTOCOL "Life of a request".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from guestwire.agent.audit_schema import AUDIT_TABLES
from guestwire.agent.config_records_schema import CONFIG_TABLES, ConfigStep
from guestwire.agent.mandate_uses import MANDATE_TABLES, MandateUse
from guestwire.protocol.steps import Way

FinalState = Literal["SUCCEEDED", "FAILED", "CANCELED", "TIMED-OUT", "REJECTED", "INDETERMINATE", "ROLLED-BACK"]
LiveState = Literal["ACCEPTED", "RUNNING"]
State = LiveState | FinalState
Effect = Literal["none", "idempotent", "once"]
Via = Way

JobStep = Literal[
    "before-insert",
    "before-insert-commit",
    "after-insert-commit",
    "before-start",
    "after-start-commit",
    "effect-started",
    "effect-done",
    "before-finish",
    "before-finish-commit",
    "after-finish-commit",
    "before-delivered",
    "after-delivered-commit",
]
STEPS: Final[tuple[JobStep, ...]] = get_args(JobStep)
"""Every point of a request at which a crash leaves something different behind. `effect-*` are announced by the agent, the
rest by the journal in its writer thread."""

Step = JobStep | ConfigStep

Observer = Callable[[Step, int], None]
"""Told (step, seq) at each of STEPS, and (step, number) at each of CONFIG_STEPS. For traces, and for tests that end the
process there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that passed every check, as it goes into the journal. Times in Unix ms.

    `run` writes it as RUNNING at once (its lane is free). A `final` makes it a finished row, REJECTED with `code`: kept
    so that a replay of the refused request gets the same answer. `reply_to` is the client's topic level. `keys` (of the
    signers, hexadecimal) and `target` are for the audit log. `mandate`: a use of it is counted when the entry is new.
    """

    issuer: str
    request_id: bytes
    operation: str
    effect: Effect
    lanes: tuple[str, ...]
    body_hash: bytes
    body: bytes
    reply_to: str
    via: Via
    accepted_ms: int
    expires_ms: int
    start_by_ms: int
    run: bool = False
    final: bytes | None = None
    code: str | None = None
    keys: tuple[str, ...] = ()
    target: str = ""
    mandate: MandateUse | None = None


@dataclass(frozen=True, slots=True)
class New:
    """The request was not known: it is on disk now, under `seq`."""

    seq: int


@dataclass(frozen=True, slots=True)
class Running:
    """The same request came before and is not finished."""

    seq: int
    state: LiveState


@dataclass(frozen=True, slots=True)
class Stored:
    """The same request came before and is finished; `final` is the answer that was given, byte for byte."""

    seq: int
    state: FinalState
    final: bytes


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The request id was used before with another body, or for another operation: IDEMPOTENCY-MISMATCH."""

    seq: int


@dataclass(frozen=True, slots=True)
class Outdated:
    """Not known, and `expires` is not above the watermark: it may have run and been pruned. EXPIRED, never run."""

    watermark_ms: int


@dataclass(frozen=True, slots=True)
class UsedUp:
    """Not known, and its mandate allows no more: nothing was kept. MANDATE-USED-UP."""


Inserted = New | Running | Stored | Mismatch | Outdated | UsedUp


@dataclass(frozen=True, slots=True)
class Progress:
    """The last progress of a running job; in memory only."""

    percent: int
    step: str
    message: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """A journalled request as job-get and job-list show it. `final` is filled by `get` only."""

    seq: int
    issuer: str
    request_id: bytes
    operation: str
    effect: Effect
    lanes: tuple[str, ...]
    state: State
    code: str | None
    accepted_ms: int
    expires_ms: int
    start_by_ms: int
    started_ms: int | None
    finished_ms: int | None
    final: bytes | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A row that a crash or a stop left open: what recovery needs to run it, probe it or end it."""

    seq: int
    state: LiveState
    entry: Entry


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A final that is not known to have reached the broker."""

    seq: int
    reply_to: str
    operation: str
    request_id: bytes
    final: bytes


FORMAT: Final = 3
"""PRAGMA user_version of the file."""

JOB_TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE job (
  seq         INTEGER PRIMARY KEY,
  issuer      TEXT NOT NULL,
  request_id  BLOB NOT NULL,
  state       TEXT NOT NULL,
  delivered   INTEGER NOT NULL,
  expires_ms  INTEGER NOT NULL,
  accepted_ms INTEGER NOT NULL,
  start_by_ms INTEGER NOT NULL,
  started_ms  INTEGER,
  finished_ms INTEGER,
  operation   TEXT NOT NULL,
  effect      TEXT NOT NULL,
  lanes       TEXT NOT NULL,
  reply_to    TEXT NOT NULL,
  via         TEXT NOT NULL,
  body_hash   BLOB NOT NULL,
  code        TEXT,
  body        BLOB,
  final       BLOB
);
CREATE UNIQUE INDEX job_request ON job (request_id, issuer);
CREATE INDEX job_prunable ON job (expires_ms) WHERE delivered = 1;
CREATE INDEX job_ended ON job (state) WHERE finished_ms IS NOT NULL;
"""
"""Every question that clients ask has an index: the one writer thread answers them, and a journal may be long. Unfinished
and undelivered rows need none, their numbers are kept in memory; the partial indexes cost nothing before a row is in
them. The request id comes first, for it is asked for without the issuer too, and in order of time it is dense."""

TABLES: Final = JOB_TABLES + CONFIG_TABLES + AUDIT_TABLES + MANDATE_TABLES

MIGRATIONS: Final[Mapping[int, str]] = {1: CONFIG_TABLES, 2: AUDIT_TABLES + MANDATE_TABLES}
"""What makes a file of that format one of the next."""
