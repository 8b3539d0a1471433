"""What was read of hosts, for many of them in one statement: documents, guests, features, machines, texts. What is done with one host
is in `hosts`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, select, tuple_

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.host_tables import (
    DOCUMENTS,
    GUESTS,
    TEXTS,
    VALUES,
    Called,
    DocumentKind,
    GuestRow,
    Machine,
    ValueRow,
    fields,
)
from guestwire.controller.store.hosts import AT_ONCE, put_columns

Key = tuple[HostRef, str]
"""A host, and what of it: a guest's UUID, a value, a kind of document."""
Place = tuple[int, ...]
"""`epoch`, `n` and `said_at` of a document."""


async def places(tx: Tx, refs: Sequence[HostRef]) -> dict[Key, Place]:
    """Where all that is kept of these hosts has its place, by host and kind."""
    it = DOCUMENTS.c
    found: dict[Key, Place] = {}
    for some in _parts(refs):
        asked = select(it.site, it.host, it.kind, it.epoch, it.n, it.said_at).where(_among(DOCUMENTS, some))
        for site, host, kind, *place in await tx.execute(asked):
            found[HostRef(site, host), kind] = tuple(place)
    return found


async def bodies(tx: Tx, refs: Sequence[HostRef], kind: DocumentKind) -> dict[HostRef, bytes]:
    """What these hosts last said of that kind."""
    it = DOCUMENTS.c
    found: dict[HostRef, bytes] = {}
    for some in _parts(refs):
        asked = select(it.site, it.host, it.body).where(_among(DOCUMENTS, some), it.kind == kind)
        for site, host, body in await tx.execute(asked):
            found[HostRef(site, host)] = body
    return found


async def remove_documents(tx: Tx, kind: DocumentKind, refs: Iterable[HostRef]) -> None:
    """What is kept of hosts of that kind no more."""
    await _remove(tx, DOCUMENTS, [{**_of(ref), "of_kind": kind} for ref in refs])


async def guests(tx: Tx, refs: Sequence[HostRef]) -> dict[HostRef, dict[str, GuestRow]]:
    """The guests of these hosts, by host and UUID."""
    columns = [GUESTS.c[field] for field in GuestRow.__slots__]
    found: dict[HostRef, dict[str, GuestRow]] = {}
    for some in _parts(refs):
        asked = select(GUESTS.c.site, GUESTS.c.host, *columns).where(_among(GUESTS, some))
        for site, host, *rest in await tx.execute(asked):
            row = GuestRow(*rest)
            found.setdefault(HostRef(site, host), {})[row.uuid] = row
    return found


async def values(tx: Tx, refs: Sequence[HostRef], name: str) -> dict[HostRef, set[str]]:
    """The values of that name that these hosts have."""
    it = VALUES.c
    found: dict[HostRef, set[str]] = {}
    for some in _parts(refs):
        asked = select(it.site, it.host, it.value).where(_among(VALUES, some), it.name == name)
        for site, host, value in await tx.execute(asked):
            found.setdefault(HostRef(site, host), set()).add(value)
    return found


async def put_machines(tx: Tx, many: Mapping[HostRef, tuple[Machine, Called]]) -> None:
    """What `host-show` said of hosts."""
    await put_columns(tx, {ref: fields(machine) | fields(called) for ref, (machine, called) in many.items()})


async def put_values(tx: Tx, rows: Sequence[tuple[HostRef, ValueRow]]) -> None:
    """Values that hosts have as well."""
    made = [{"site": ref.site, "host": ref.host, **fields(row)} for ref, row in rows]
    await upsert(tx, VALUES, made, ("site", "host", "name", "value"))


async def remove_values(tx: Tx, name: str, gone: Sequence[Key]) -> None:
    """Values of that name that hosts have no more."""
    await _remove(tx, VALUES, [{**_of(ref), "of_name": name, "of_value": value} for ref, value in gone])


async def remove_guests(tx: Tx, gone: Sequence[Key]) -> None:
    """Guests that are gone."""
    await _remove(tx, GUESTS, [{**_of(ref), "of_uuid": uuid} for ref, uuid in gone])


async def put_texts(tx: Tx, many: Mapping[HostRef, str]) -> None:
    """What is searched for hosts."""
    rows = [{"site": ref.site, "host": ref.host, "text": text} for ref, text in many.items()]
    await upsert(tx, TEXTS, rows, ("site", "host"))


def _of(ref: HostRef) -> dict[str, str]:
    return {"of_site": ref.site, "of_host": ref.host}


async def _remove(tx: Tx, table: Table, rows: Sequence[Mapping[str, str]]) -> None:
    """Rows by their columns, each of which is named `of_` and its name."""
    if rows:
        chosen = (table.c[name.removeprefix("of_")] == bindparam(name) for name in rows[0])
        await tx.execute(delete(table).where(and_(*chosen)), rows)


def _among(table: Table, refs: Sequence[HostRef]) -> Any:
    return tuple_(table.c.site, table.c.host).in_(refs)


def _parts(refs: Sequence[HostRef]) -> Iterator[list[HostRef]]:
    left = iter(refs)
    while some := list(islice(left, AT_ONCE)):
        yield some
