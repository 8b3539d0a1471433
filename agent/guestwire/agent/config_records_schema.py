"""What the journal keeps of configuration changes: the rows as values, their tables, and the names of their steps.

No I/O here. DOMAIN "How a change reaches a host".
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from guestwire.model.plan import Risk

Origin = Literal["apply", "rollback", "adopt", "first"]
Phase = Literal["forward", "undoing", "confirm", "reboot"]
"""Of the change under way: its steps are being done; they are being undone; all are done and it waits to be confirmed,
or for the host to boot."""
StepState = Literal["planned", "started", "done", "undone"]

ConfigStep = Literal[
    "before-change-begun-commit",
    "after-change-begun-commit",
    "before-step-started-commit",
    "after-step-started-commit",
    "before-step-done-commit",
    "after-step-done-commit",
    "before-step-undone-commit",
    "after-step-undone-commit",
    "before-change-kept-commit",
    "after-change-kept-commit",
    "before-change-dropped-commit",
    "after-change-dropped-commit",
]
CONFIG_STEPS: Final[tuple[ConfigStep, ...]] = get_args(ConfigStep)
"""The points of a configuration change at which a crash leaves something different behind; an observer of the journal is
told each with the number of the step, of the revision that is kept, or else of the revision that is changed."""


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A configuration that is or was active, without its document. `hash` is the document's `content_hash`; `applied_ms`
    in Unix ms."""

    number: int
    hash: str
    author: str
    applied_ms: int
    origin: Origin
    comment: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """The change under way. `target` is the document that is made true, `options` what else the caller of the journal
    needs to go on with it; both are bytes to the journal. From `confirm_by_ms` (Unix ms) on it may be undone for want of
    a confirmation. `boot_id`: the boot during which it began. `risk`: what its plan was; to end it takes the same right."""

    request_id: bytes
    issuer: str
    plan_id: str
    base_revision: int
    target: bytes
    origin: Origin
    author: str
    comment: str
    phase: Phase
    confirm_s: int | None
    confirm_by_ms: int | None
    boot_id: str
    started_ms: int
    options: bytes
    risk: Risk


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of the change under way; `n` counts from 0 in the order of the plan. `undo` is None until it started."""

    n: int
    kind: str
    args: bytes
    undo: bytes | None
    state: StepState


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known without asking the disk, both of the same commit."""

    newest: RevisionRow | None = None
    under_way: ChangeRow | None = None


CONFIG_TABLES: Final = """
CREATE TABLE revision (
  number        INTEGER PRIMARY KEY,
  hash          TEXT NOT NULL,
  author        TEXT NOT NULL,
  applied_ms    INTEGER NOT NULL,
  origin        TEXT NOT NULL,
  comment       TEXT NOT NULL,
  document      BLOB NOT NULL
);
CREATE TABLE change (
  one           INTEGER PRIMARY KEY CHECK (one = 1),
  request_id    BLOB NOT NULL,
  issuer        TEXT NOT NULL,
  plan_id       TEXT NOT NULL,
  base_revision INTEGER NOT NULL,
  target        BLOB NOT NULL,
  origin        TEXT NOT NULL,
  author        TEXT NOT NULL,
  comment       TEXT NOT NULL,
  phase         TEXT NOT NULL,
  confirm_s     INTEGER,
  confirm_by_ms INTEGER,
  boot_id       TEXT NOT NULL,
  started_ms    INTEGER NOT NULL,
  options       BLOB NOT NULL,
  risk          INTEGER NOT NULL
);
CREATE TABLE step (
  n             INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL,
  args          BLOB NOT NULL,
  undo          BLOB,
  state         TEXT NOT NULL
);
"""
"""The document is last in its row: a list of revisions then reads none of its pages. `change` has one row or none, and
the rows of `step` are of that change. The newest revision is never pruned, so its number is the highest ever given."""
