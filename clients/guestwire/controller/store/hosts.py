"""Hosts as the controller knows them: how they are added, changed, read and forgotten. Which of them a selection means is
`host_queries`' matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, select, tuple_, update

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.host_tables import (
    DOCUMENTS,
    GUESTS,
    HOSTS,
    PARTS,
    TEXTS,
    VALUES,
    Attendance,
    Called,
    Condition,
    DocumentKind,
    GuestRow,
    HostRow,
    PeoplesWords,
    StoredDocument,
    ValueRow,
    fields,
    host_row,
)

AT_ONCE: Final = 200
"""Hosts in one statement."""
_OF_A_HOST: tuple[Table, ...] = (VALUES, GUESTS, TEXTS, DOCUMENTS, HOSTS)


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
        for part, _ in PARTS:
            values |= fields(getattr(row, part))
        made.append(values)
    await upsert(tx, HOSTS, made, ("site", "host"), update=())


async def put_words(tx: Tx, ref: HostRef, words: PeoplesWords, called: Called) -> None:
    """What people say of a host now."""
    await _put(tx, ref, fields(words) | fields(called))


async def put_approvals(tx: Tx, many: Mapping[HostRef, PeoplesWords]) -> None:
    """Who was let in, of what people say of hosts; the rest stays."""
    columns = ("revision", "approval", "approved_by", "approved_at")
    await put_columns(tx, {ref: {name: getattr(words, name) for name in columns} for ref, words in many.items()})


async def put_attendance(tx: Tx, many: Mapping[HostRef, Attendance]) -> None:
    """Whether hosts are there now."""
    await put_columns(tx, {ref: fields(row) for ref, row in many.items()})


async def put_conditions(tx: Tx, many: Mapping[HostRef, Condition]) -> None:
    """What `reported` said."""
    await put_columns(tx, {ref: fields(row) for ref, row in many.items()})


async def put_listed(tx: Tx, refs: Iterable[HostRef], *, listed: bool) -> None:
    """Whether the site's trust document knows them."""
    await put_columns(tx, {ref: {"listed": listed} for ref in refs})


async def put_values(tx: Tx, ref: HostRef, prefix: str, rows: Iterable[ValueRow]) -> None:
    """The values of a host whose names begin with `prefix`: these, and no others."""
    mine = at_host(VALUES, ref) & VALUES.c.name.startswith(prefix, autoescape=True)
    await tx.execute(delete(VALUES).where(mine))
    made = [{"site": ref.site, "host": ref.host, **fields(row)} for row in rows]
    await upsert(tx, VALUES, made, ("site", "host", "name", "value"))


async def guests_of(tx: Tx, ref: HostRef) -> list[GuestRow]:
    """The guests of a host, by GUESTnnnn and name."""
    asked = select(*(GUESTS.c[field] for field in GuestRow.__slots__)).where(at_host(GUESTS, ref))
    return [GuestRow(*row) for row in await tx.execute(asked.order_by(GUESTS.c.guest_id, GUESTS.c.name))]


async def put_guests(tx: Tx, rows: Sequence[tuple[HostRef, GuestRow]]) -> None:
    """Guests that are new, or are in another state."""
    made = [{"site": ref.site, "host": ref.host, **fields(row)} for ref, row in rows]
    await upsert(tx, GUESTS, made, ("site", "host", "uuid"))


async def put_text(tx: Tx, ref: HostRef, text: str) -> None:
    """What is searched for a host."""
    await upsert(tx, TEXTS, {"site": ref.site, "host": ref.host, "text": text}, ("site", "host"))


async def put_documents(tx: Tx, rows: Sequence[tuple[HostRef, DocumentKind, StoredDocument]]) -> None:
    """What hosts said."""
    made = [{"site": ref.site, "host": ref.host, "kind": kind, **fields(row)} for ref, kind, row in rows]
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


async def put_columns(tx: Tx, many: Mapping[HostRef, Mapping[str, Any]]) -> None:
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
