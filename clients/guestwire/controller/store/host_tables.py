"""The tables of hosts, and their rows as values: who hosts are, what they last said, what people call them. What is done with
them is in `hosts` and `host_queries`.

What a host said itself is kept as it said it, in `host_documents`; the columns of `hosts` are what lists show and go by. Texts
that are searched are there in small letters as well (`_low`), those that are ordered as `natural` has them (`_key`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text
from sqlalchemy.dialects.postgresql import VARCHAR

from guestwire.controller.fleet.natural import LONGEST
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.metadata import metadata

DocumentKind = Literal["capabilities", "reported", "inventory", "topology"]


def _key(length: int) -> "String":
    """Text that is ordered by its characters, whatever the language of the database."""
    return String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


HOSTS = Table(
    "hosts",
    metadata,
    Column("site", _key(36), primary_key=True),
    Column("host", _key(36), primary_key=True),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("listed", Boolean, nullable=False),
    # people's
    Column("revision", BigInteger, nullable=False),
    Column("given_label", String(200), nullable=False),
    Column("labels", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("approval", _key(16), nullable=False),
    Column("approved_by", String(200), nullable=False),
    Column("approved_at", BigInteger, nullable=False),
    # what it is called: the label that people gave it, else its own
    Column("label", String(200), nullable=False),
    Column("label_low", _key(200), nullable=False),
    Column("label_key", _key(LONGEST), nullable=False),
    # whether it is there
    Column("state", _key(16), nullable=False),
    Column("state_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger, nullable=False),
    Column("said_at", BigInteger, nullable=False),
    Column("presence", LargeBinary, nullable=True),
    Column("epoch", BigInteger, nullable=False),
    Column("agent_version", String(64), nullable=False),
    Column("agent_key", _key(LONGEST), nullable=False),
    # what it has
    Column("own_label", String(200), nullable=False),
    Column("driver", _key(16), nullable=False),
    Column("hostname", String(255), nullable=False),
    Column("hostname_low", _key(255), nullable=False),
    Column("kernel", String(128), nullable=False),
    Column("kernel_key", _key(LONGEST), nullable=False),
    Column("machine", _key(32), nullable=False),
    Column("clock", _key(16), nullable=False),
    Column("cpus", BigInteger, nullable=False),
    Column("memory_mib", BigInteger, nullable=False),
    Column("guests", BigInteger, nullable=False),
    Column("guests_running", BigInteger, nullable=False),
    Column("sync", _key(16), nullable=False),
    Column("active_revision", BigInteger, nullable=False),
    Column("drift", BigInteger, nullable=False),
    Column("reboot", Boolean, nullable=False),
    Index(None, "label_key", "site", "host"),
    Index(None, "state", "site", "host"),
    Index(None, "agent_key", "site", "host"),
    Index(None, "heard_at", "site", "host"),
    Index(None, "approval", "site", "host"),
)

VALUES = Table(
    "host_values",
    metadata,
    Column("site", _key(36), primary_key=True),
    Column("host", _key(36), primary_key=True),
    Column("name", _key(80), primary_key=True),
    Column("value", String(200), primary_key=True),
    Column("low", _key(200), nullable=False),
    Column("key", _key(LONGEST), nullable=False),
    Index(None, "name", "key", "site", "host"),
)
"""Labels (`label.NAME`) and features (`feature`) of hosts."""

GUESTS = Table(
    "host_guests",
    metadata,
    Column("site", _key(36), primary_key=True),
    Column("host", _key(36), primary_key=True),
    Column("uuid", _key(36), primary_key=True),
    Column("guest_id", _key(16), nullable=False),
    Column("name", String(255), nullable=False),
    Column("name_low", _key(255), nullable=False),
    Column("kind", _key(16), nullable=False),
    Column("state", _key(16), nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("source", _key(16), nullable=False),
    Column("reason", String(200), nullable=False),
    Index(None, "name_low", "site", "host"),
    Index(None, "guest_id", "site", "host"),
)

TEXTS = Table(
    "host_texts",
    metadata,
    Column("site", _key(36), primary_key=True),
    Column("host", _key(36), primary_key=True),
    Column("text", Text, nullable=False),
)
"""All that is known of a host as one text in small letters, to be searched."""

DOCUMENTS = Table(
    "host_documents",
    metadata,
    Column("site", _key(36), primary_key=True),
    Column("host", _key(36), primary_key=True),
    Column("kind", _key(16), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("said_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class PeoplesWords:
    """What people say of a host. `revision` counts their changes; `labels` is JSON, and what is searched of it in VALUES."""

    revision: int = 1
    given_label: str = ""
    labels: str = "{}"
    notes: str = ""
    approval: str = "pending"
    approved_by: str = ""
    approved_at: int = 0


@dataclass(frozen=True, slots=True)
class Called:
    """What a host is called: the label that people gave it, else its own."""

    label: str = ""
    label_low: str = ""
    label_key: str = ""


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whether a host is there. `heard_at`: the last sign of life, 0 for none; a little older than the truth, for not every
    heartbeat is written. `said_at`: when the host said its last word, by its own clock; `presence`: that word, packed."""

    state: str = "offline"
    state_at: int = 0
    heard_at: int = 0
    said_at: int = 0
    presence: bytes | None = None
    epoch: int = 0
    agent_version: str = ""
    agent_key: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What `host-show` said of a host."""

    own_label: str = ""
    driver: str = ""
    hostname: str = ""
    hostname_low: str = ""
    kernel: str = ""
    kernel_key: str = ""
    machine: str = ""
    clock: str = ""
    cpus: int = 0
    memory_mib: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """What `reported` said of a host."""

    guests: int = 0
    guests_running: int = 0
    sync: str = ""
    active_revision: int = 0
    drift: int = 0
    reboot: bool = False


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host."""

    ref: HostRef
    first_seen_at: int
    listed: bool
    words: PeoplesWords = PeoplesWords()
    called: Called = Called()
    attendance: Attendance = Attendance()
    machine: Machine = Machine()
    condition: Condition = Condition()


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A guest as a host last told of it, at `as_of`, Unix ms."""

    uuid: str
    guest_id: str
    name: str
    name_low: str
    kind: str
    state: str
    as_of: int
    source: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A label or a feature. `low`: the value in small letters, `key`: as `natural` has it."""

    name: str
    value: str
    low: str
    key: str


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What a host said, packed, and when it was heard. Its place among what the host says of that kind: `epoch` and `n`; when
    it was said, by the host's clock. What was asked for has no place: `n` tells one content from another there."""

    at: int
    body: bytes
    epoch: int = 0
    n: int = 0
    said_at: int = 0


PARTS: tuple[tuple[str, type[Any]], ...] = (
    ("words", PeoplesWords),
    ("called", Called),
    ("attendance", Attendance),
    ("machine", Machine),
    ("condition", Condition),
)
_OWN: Final = 4
"""Columns of HOSTS before those of its parts, which follow in the order of their fields."""


def fields(row: Any) -> dict[str, Any]:
    """The columns of a part of a row, or of a row that has no parts."""
    return {name: getattr(row, name) for name in row.__slots__}


def host_row(row: Sequence[Any]) -> HostRow:
    """A host of a row with all columns of HOSTS."""
    site, host, first_seen_at, listed = row[:_OWN]
    at, parts = _OWN, []
    for _, part in PARTS:
        parts.append(part(*row[at : at + len(part.__slots__)]))
        at += len(part.__slots__)
    return HostRow(HostRef(site, host), first_seen_at, listed, *parts)
