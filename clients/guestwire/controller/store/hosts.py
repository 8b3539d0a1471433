"""Hosts as the controller knows them: who they are, what they last said, what people call them. Which of them a selection
means is `host_queries`' matter.

What a host said itself is kept as it said it, in `host_documents`; the columns of `hosts` are what lists show and go by. Texts
that are searched are there in small letters as well (`_low`), those that are ordered as `natural` has them (`_key`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    delete,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import VARCHAR

from guestwire.controller.fleet.natural import LONGEST
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata

DocumentKind = Literal["capabilities", "reported", "inventory"]
AT_ONCE: Final = 200
"""Hosts in one statement."""


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

_OF_A_HOST: tuple[Table, ...] = (VALUES, GUESTS, TEXTS, DOCUMENTS, HOSTS)


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
    it was said, by the host's clock."""

    at: int
    body: bytes
    epoch: int = 0
    n: int = 0
    said_at: int = 0


_PARTS: tuple[tuple[str, type[Any]], ...] = (
    ("words", PeoplesWords),
    ("called", Called),
    ("attendance", Attendance),
    ("machine", Machine),
    ("condition", Condition),
)
_OWN: Final = 4
"""Columns of HOSTS before those of its parts, which follow in the order of their fields."""


def host_row(row: Sequence[Any]) -> HostRow:
    """A host of a row with all columns of HOSTS."""
    site, host, first_seen_at, listed = row[:_OWN]
    at, parts = _OWN, []
    for _, part in _PARTS:
        parts.append(part(*row[at : at + len(part.__slots__)]))
        at += len(part.__slots__)
    return HostRow(HostRef(site, host), first_seen_at, listed, *parts)


def at_host(table: Table, ref: HostRef) -> Any:
    """The condition that a row is about that host."""
    return (table.c.site == ref.site) & (table.c.host == ref.host)


async def every(tx: Tx) -> list[HostRow]:
    """All hosts."""
    return [host_row(row) for row in await tx.execute(select(HOSTS).order_by(HOSTS.c.site, HOSTS.c.host))]


async def one(tx: Tx, ref: HostRef) -> HostRow | None:
    """A host, if it is known."""
    row = (await tx.execute(select(HOSTS).where(at_host(HOSTS, ref)))).first()
    return None if row is None else host_row(row)


async def some(tx: Tx, refs: Sequence[HostRef]) -> list[HostRow]:
    """Those of these hosts that are known, in no order."""
    found: list[HostRow] = []
    for first in range(0, len(refs), AT_ONCE):
        chosen = tuple_(HOSTS.c.site, HOSTS.c.host).in_(refs[first : first + AT_ONCE])
        found += [host_row(row) for row in await tx.execute(select(HOSTS).where(chosen))]
    return found


async def add(tx: Tx, rows: Iterable[HostRow]) -> None:
    """Add hosts; one that is there stays as it is."""
    made: list[dict[str, Any]] = []
    for row in rows:
        ref = row.ref
        values = {"site": ref.site, "host": ref.host, "first_seen_at": row.first_seen_at, "listed": row.listed}
        for part, _ in _PARTS:
            values |= asdict(getattr(row, part))
        made.append(values)
    await upsert(tx, HOSTS, made, ("site", "host"), update=())


async def put_words(tx: Tx, ref: HostRef, words: PeoplesWords, called: Called) -> None:
    """What people say of a host now."""
    await _put(tx, ref, asdict(words) | asdict(called))


async def put_attendance(tx: Tx, many: Mapping[HostRef, Attendance]) -> None:
    """Whether hosts are there now."""
    await _put_many(tx, {ref: asdict(row) for ref, row in many.items()})


async def put_machine(tx: Tx, ref: HostRef, machine: Machine, called: Called) -> None:
    """What `host-show` said."""
    await _put(tx, ref, asdict(machine) | asdict(called))


async def put_conditions(tx: Tx, many: Mapping[HostRef, Condition]) -> None:
    """What `reported` said."""
    await _put_many(tx, {ref: asdict(row) for ref, row in many.items()})


async def put_listed(tx: Tx, refs: Iterable[HostRef], *, listed: bool) -> None:
    """Whether the site's trust document knows them."""
    await _put_many(tx, {ref: {"listed": listed} for ref in refs})


async def put_values(tx: Tx, ref: HostRef, prefix: str, rows: Iterable[ValueRow]) -> None:
    """The values of a host whose names begin with `prefix`: these, and no others."""
    mine = at_host(VALUES, ref) & VALUES.c.name.startswith(prefix, autoescape=True)
    await tx.execute(delete(VALUES).where(mine))
    made = [{"site": ref.site, "host": ref.host, **asdict(row)} for row in rows]
    await upsert(tx, VALUES, made, ("site", "host", "name", "value"))


async def guests_of(tx: Tx, ref: HostRef) -> list[GuestRow]:
    """The guests of a host, by GUESTnnnn and name."""
    asked = select(*(GUESTS.c[field] for field in GuestRow.__slots__)).where(at_host(GUESTS, ref))
    return [GuestRow(*row) for row in await tx.execute(asked.order_by(GUESTS.c.guest_id, GUESTS.c.name))]


async def replace_guests(tx: Tx, ref: HostRef, rows: Iterable[GuestRow]) -> None:
    """The guests that a host has: these, and no others."""
    await tx.execute(delete(GUESTS).where(at_host(GUESTS, ref)))
    await put_guests(tx, [(ref, row) for row in rows])


async def put_guests(tx: Tx, rows: Sequence[tuple[HostRef, GuestRow]]) -> None:
    """Guests that are new, or are in another state."""
    made = [{"site": ref.site, "host": ref.host, **asdict(row)} for ref, row in rows]
    await upsert(tx, GUESTS, made, ("site", "host", "uuid"))


async def remove_guest(tx: Tx, ref: HostRef, uuid: str) -> None:
    """A guest that is gone."""
    await tx.execute(delete(GUESTS).where(at_host(GUESTS, ref), GUESTS.c.uuid == uuid))


async def put_text(tx: Tx, ref: HostRef, text: str) -> None:
    """What is searched for a host."""
    await upsert(tx, TEXTS, {"site": ref.site, "host": ref.host, "text": text}, ("site", "host"))


async def put_documents(tx: Tx, rows: Sequence[tuple[HostRef, DocumentKind, StoredDocument]]) -> None:
    """What hosts said."""
    made = [{"site": ref.site, "host": ref.host, "kind": kind, **asdict(row)} for ref, kind, row in rows]
    await upsert(tx, DOCUMENTS, made, ("site", "host", "kind"))


async def document(tx: Tx, ref: HostRef, kind: DocumentKind) -> StoredDocument | None:
    """What a host last said, if it has."""
    row = (await tx.execute(select(DOCUMENTS).where(at_host(DOCUMENTS, ref), DOCUMENTS.c.kind == kind))).first()
    return None if row is None else StoredDocument(row.at, row.body, row.epoch, row.n, row.said_at)


async def places(tx: Tx) -> dict[tuple[HostRef, str], tuple[int, int, int]]:
    """The places (`epoch`, `n`, `said_at`) of all documents, by host and kind."""
    it = DOCUMENTS.c
    asked = await tx.execute(select(it.site, it.host, it.kind, it.epoch, it.n, it.said_at))
    return {(HostRef(site, host), kind): (epoch, n, said_at) for site, host, kind, epoch, n, said_at in asked}


async def forget(tx: Tx, ref: HostRef) -> bool:
    """Remove all that is known of a host; whether there was something."""
    for table in _OF_A_HOST:
        removed = await tx.execute(delete(table).where(at_host(table, ref)))
    return bool(removed.rowcount)


async def _put(tx: Tx, ref: HostRef, values: Mapping[str, Any]) -> None:
    await tx.execute(update(HOSTS).where(at_host(HOSTS, ref)).values(**values))


async def _put_many(tx: Tx, many: Mapping[HostRef, Mapping[str, Any]]) -> None:
    """Set columns, the same ones for each; a host that is not there is passed over."""
    if not many:
        return
    columns = next(iter(many.values()))
    statement = (
        update(HOSTS)
        .where(HOSTS.c.site == bindparam("of_site"), HOSTS.c.host == bindparam("of_host"))
        .values({name: bindparam(f"new_{name}") for name in columns})
    )
    rows = [
        {"of_site": ref.site, "of_host": ref.host} | {f"new_{name}": value for name, value in values.items()}
        for ref, values in many.items()
    ]
    await tx.execute(statement, rows)
