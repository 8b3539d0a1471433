"""Hosts by selection, page by page: a tree of `fleet.selection` as SQL that both kinds of database take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any, Final

from sqlalchemy import Table, and_, exists, false, func, not_, or_, select, true, tuple_
from sqlalchemy.sql.elements import ColumnElement

from guestwire.controller.fleet.natural import natural
from guestwire.controller.fleet.selection import LABEL, AllOf, AnyOf, Not, Selection, Term, Text
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx
from guestwire.controller.store.host_tables import GUESTS, HOSTS, TEXTS, VALUES, HostRow, host_row

Condition = ColumnElement[bool]
_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_TEXTS: Mapping[str, Any] = {
    "site": HOSTS.c.site,
    "host": HOSTS.c.host,
    "label": HOSTS.c.label_low,
    "state": HOSTS.c.state,
    "approval": HOSTS.c.approval,
    "driver": HOSTS.c.driver,
    "hostname": HOSTS.c.hostname_low,
    "machine": HOSTS.c.machine,
    "clock": HOSTS.c.clock,
    "sync": HOSTS.c.sync,
}
_NUMBERS: Mapping[str, Any] = {
    "cpus": HOSTS.c.cpus,
    "memory": HOSTS.c.memory_mib,
    "guests": HOSTS.c.guests,
    "running": HOSTS.c.guests_running,
    "revision": HOSTS.c.active_revision,
    "drift": HOSTS.c.drift,
}
_NATURAL: Mapping[str, tuple[Any, Any]] = {
    "agent": (func.lower(HOSTS.c.agent_version), HOSTS.c.agent_key),
    "kernel": (func.lower(HOSTS.c.kernel), HOSTS.c.kernel_key),
}
_FLAGS: Mapping[str, Any] = {"listed": HOSTS.c.listed, "reboot": HOSTS.c.reboot}
MOST_NAMED: Final = 500
"""Hosts that one statement names; more are sorted out here."""

SORTS: Mapping[str, Any] = {
    "host": None,
    "label": HOSTS.c.label_key,
    "state": HOSTS.c.state,
    "agent": HOSTS.c.agent_key,
    "heard": HOSTS.c.heard_at,
}
"""What lists are ordered by; then by site and host."""


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of SORTS."""

    by: str = "host"
    descending: bool = False

    def key(self, row: HostRow) -> tuple[str | int, ...]:
        """Where a host is in it."""
        match self.by:
            case "label":
                return (row.called.label_key, *row.ref)
            case "state":
                return (row.attendance.state, *row.ref)
            case "agent":
                return (row.attendance.agent_key, *row.ref)
            case "heard":
                return (row.attendance.heard_at, *row.ref)
            case _:
                return row.ref


@dataclass(frozen=True, slots=True)
class Among:
    """Only hosts of these sites, and these."""

    sites: frozenset[str]
    hosts: frozenset[HostRef]

    def __contains__(self, ref: HostRef) -> bool:
        return ref.site in self.sites or ref in self.hosts


async def page(
    tx: Tx,
    selection: Selection,
    now_ms: int,
    *,
    sort: Sort,
    after: tuple[str | int, ...] | None,
    limit: int,
    among: Among | None = None,
) -> list[HostRow]:
    """Hosts of a selection without groups, after that key of `sort`, at most `limit`. `among` None: of all."""
    chosen = condition(selection, now_ms)
    named = among is not None and len(among.hosts) <= MOST_NAMED
    if among is not None and named:
        chosen = and_(chosen, _among(among))
    found: list[HostRow] = []
    while len(found) < limit:
        wanted = limit - len(found) if among is None or named else max(limit, 1000)
        rows = [host_row(row) for row in await tx.execute(_paged(chosen, sort, after, wanted))]
        found += rows if among is None or named else [row for row in rows if row.ref in among]
        if len(rows) < wanted:
            break
        after = sort.key(rows[-1])
    return found[:limit]


async def refs(tx: Tx, selection: Selection, now_ms: int, within: Sequence[HostRef] | None = None) -> list[HostRef]:
    """Every host of a selection without groups, in order; of those in `within` only, if given."""
    asked = select(HOSTS.c.site, HOSTS.c.host).where(condition(selection, now_ms))
    if within is not None:
        asked = asked.where(tuple_(HOSTS.c.site, HOSTS.c.host).in_(within))
    return [HostRef(row.site, row.host) for row in await tx.execute(asked.order_by(HOSTS.c.site, HOSTS.c.host))]


def condition(selection: Selection, now_ms: int) -> Condition:
    """The selection as a condition on HOSTS."""
    match selection:
        case Text(value):
            about = (TEXTS.c.site == HOSTS.c.site) & (TEXTS.c.host == HOSTS.c.host)
            found = TEXTS.c.text.contains(value.casefold(), autoescape=True)
            # for each host, not in one go: a word that many hosts have fills a page soon
            return exists(select(1).where(about, found).correlate(HOSTS))
        case Term(op="!="):
            return not_(_term(Term(selection.field, "=", selection.value, selection.literal), now_ms))
        case Term():
            return _term(selection, now_ms)
        case Not(part):
            return not_(condition(part, now_ms))
        case AllOf(parts):
            return and_(true(), *(condition(part, now_ms) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(condition(part, now_ms) for part in parts))


def _term(term: Term, now_ms: int) -> Condition:
    if term.field.startswith(LABEL):
        return _row(VALUES, VALUES.c.name == term.field, _natural(term, VALUES.c.low, VALUES.c.key))
    match term.kind:
        case "text":
            return _text(term, _TEXTS[term.field])
        case "number":
            return _condition(_ORDERS[term.op](_NUMBERS[term.field], int(term.value)))
        case "natural":
            return _natural(term, *_NATURAL[term.field])
        case "flag":
            return _condition(_FLAGS[term.field] if term.value == "yes" else not_(_FLAGS[term.field]))
        case "age":
            # who was heard before that moment has been silent for longer
            turned = {"<": gt, "<=": ge, ">": lt, ">=": le}[term.op]
            return _condition(turned(HOSTS.c.heard_at, now_ms - term.milliseconds))
        case "set":
            return _member(term)
        case "group":
            raise AssertionError("groups are put in before a database is asked")


def _member(term: Term) -> Condition:
    if term.field == "guest":
        by_name = _text(term, GUESTS.c.name_low)
        return _row(GUESTS, or_(by_name, GUESTS.c.guest_id == term.value.upper()) if term.op == "=" else by_name)
    return _row(VALUES, VALUES.c.name == term.field, _natural(term, VALUES.c.low, VALUES.c.key))


def _text(term: Term, column: Any) -> Condition:
    """A comparison with a column in small letters."""
    value = term.value.casefold()
    if term.op == "has":
        return _condition(column.contains(value, autoescape=True))
    if "*" in value and not term.literal:
        escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
        return _condition(column.like(escaped, escape="\\"))
    return _condition(column == value)


def _natural(term: Term, low: Any, key: Any) -> Condition:
    if term.op == "has" or ("*" in term.value and not term.literal and term.op == "="):
        return _text(term, low)
    return _condition(_ORDERS[term.op](key, natural(term.value)))


def _row(table: Table, *conditions: Condition) -> Condition:
    """There is such a row about the host. The rows are looked up first, by their index: SQLite would look for each host."""
    return tuple_(HOSTS.c.site, HOSTS.c.host).in_(select(table.c.site, table.c.host).where(*conditions))


def _among(among: Among) -> Condition:
    named = tuple_(HOSTS.c.site, HOSTS.c.host).in_(sorted(among.hosts)) if among.hosts else false()
    return or_(HOSTS.c.site.in_(sorted(among.sites)) if among.sites else false(), named)


def _paged(chosen: Condition, sort: Sort, after: tuple[str | int, ...] | None, limit: int) -> Any:
    by = SORTS[sort.by]
    columns = [column for column in (by, HOSTS.c.site, HOSTS.c.host) if column is not None]
    asked = select(HOSTS).where(chosen)
    if after is not None:
        here, key = tuple_(*columns), tuple_(*after)
        asked = asked.where(here < key if sort.descending else here > key)
    return asked.order_by(*(column.desc() if sort.descending else column for column in columns)).limit(limit)


def _condition(made: Any) -> Condition:
    found: Condition = made
    return found
