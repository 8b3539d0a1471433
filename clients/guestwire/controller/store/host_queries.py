"""Hosts by selection, page by page: a tree of `fleet.selection` as SQL that both kinds of database take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, and_, case, exists, false, func, not_, or_, select, true, tuple_
from sqlalchemy.sql.elements import ColumnElement

from guestwire.controller.fleet.natural import natural
from guestwire.controller.fleet.selection import LABEL, AllOf, AnyOf, Not, Selection, Term, Text
from guestwire.controller.fleet.standing import NOT_THERE
from guestwire.controller.fleet.views import UNKNOWN
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx
from guestwire.controller.store.host_tables import GUESTS, HOSTS, TEXTS, VALUES, HostRow, host_row

Condition = ColumnElement[bool]
_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_THERE = HOSTS.c.state.not_in(sorted(NOT_THERE))
_TOLD = and_(_THERE, HOSTS.c.sync != "")
"""As `views` has it. A number or a flag that is not known is null here, and a comparison with it neither holds nor does not."""
_TEXTS: Mapping[str, Any] = {
    "site": HOSTS.c.site,
    "host": HOSTS.c.host,
    "label": HOSTS.c.label_low,
    "state": HOSTS.c.state,
    "approval": HOSTS.c.approval,
    "driver": HOSTS.c.driver,
    "hostname": HOSTS.c.hostname_low,
    "machine": HOSTS.c.machine,
    "clock": case((and_(_THERE, HOSTS.c.clock != ""), HOSTS.c.clock), else_=UNKNOWN),
    "sync": case((_TOLD, HOSTS.c.sync), else_=UNKNOWN),
    "last.clock": case((HOSTS.c.clock != "", HOSTS.c.clock), else_=UNKNOWN),
    "last.sync": case((HOSTS.c.sync != "", HOSTS.c.sync), else_=UNKNOWN),
}
_NUMBERS: Mapping[str, Any] = {
    "cpus": HOSTS.c.cpus,
    "memory": HOSTS.c.memory_mib,
    "guests": HOSTS.c.guests,
    "running": case((_TOLD, HOSTS.c.guests_running)),
    "revision": HOSTS.c.active_revision,
    "drift": case((_TOLD, HOSTS.c.drift)),
    "last.running": case((HOSTS.c.sync != "", HOSTS.c.guests_running)),
    "last.drift": case((HOSTS.c.sync != "", HOSTS.c.drift)),
}
_NATURAL: Mapping[str, tuple[Any, Any]] = {
    "agent": (func.lower(HOSTS.c.agent_version), HOSTS.c.agent_key),
    "kernel": (func.lower(HOSTS.c.kernel), HOSTS.c.kernel_key),
}
_FLAGS: Mapping[str, Any] = {
    "listed": HOSTS.c.listed,
    "reboot": case((_TOLD, HOSTS.c.reboot)),
    "last.reboot": case((HOSTS.c.sync != "", HOSTS.c.reboot)),
}
LOOKED_AT: Final = 500
"""Hosts that a word is looked for one by one, before it is looked for in all of them at once (on SQLite)."""
MANY_TIMES: Final = 8
"""Where so many times as many hosts would fill the page, the others are looked at one by one as well."""
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
    looked_at: int = LOOKED_AT,
) -> list[HostRow]:
    """Hosts of a selection without groups, after that key of `sort`, at most `limit`. `among` None: of all. `looked_at`: see
    LOOKED_AT."""
    named = among is not None and len(among.hosts) <= MOST_NAMED
    found: list[HostRow] = []
    while len(found) < limit:
        wanted = limit - len(found) if among is None or named else max(limit, 1000)
        asked = _Asked(selection, now_ms, sort, after, wanted, looked_at)
        rows = await _rows(tx, asked, _among(among) if among is not None and named else true())
        found += rows if among is None or named else [row for row in rows if row.ref in among]
        if len(rows) < wanted:
            break
        after = sort.key(rows[-1])
    return found[:limit]


class _Asked(NamedTuple):
    """A page, as `page` is asked for it."""

    selection: Selection
    now_ms: int
    sort: Sort
    after: tuple[str | int, ...] | None
    wanted: int
    looked_at: int


async def _rows(tx: Tx, page: _Asked, only: Condition) -> list[HostRow]:
    if tx.dialect.name != "sqlite" or not _has_words(page.selection):
        return await _found(tx, page, and_(condition(page.selection, page.now_ms), only))
    # a word that many hosts have fills a page soon; one that few have is found sooner where all texts are gone through in one go
    first = and_(condition(page.selection, page.now_ms), only)
    last = (await tx.execute(_paged(only, page.sort, page.after, 1).offset(page.looked_at - 1))).first()
    if last is not None:
        first = and_(first, not_(_beyond(page.sort, page.sort.key(host_row(last)))))
    rows = await _found(tx, page, first)
    if len(rows) == page.wanted or last is None:
        return rows
    few = len(rows) * MANY_TIMES < page.wanted
    return await _found(tx, page, and_(condition(page.selection, page.now_ms, at_once=few), only))


async def _found(tx: Tx, page: _Asked, chosen: Condition) -> list[HostRow]:
    return [host_row(row) for row in (await tx.execute(_paged(chosen, page.sort, page.after, page.wanted))).all()]


async def refs(tx: Tx, selection: Selection, now_ms: int, within: Sequence[HostRef] | None = None) -> list[HostRef]:
    """Every host of a selection without groups, in order; of those in `within` only, if given."""
    asked = select(HOSTS.c.site, HOSTS.c.host).where(
        condition(selection, now_ms, at_once=tx.dialect.name == "sqlite" and within is None)
    )
    if within is not None:
        asked = asked.where(tuple_(HOSTS.c.site, HOSTS.c.host).in_(within))
    rows = (await tx.execute(asked.order_by(HOSTS.c.site, HOSTS.c.host))).all()
    return list(map(HostRef._make, rows))  # not row by row: there may be ten thousand


def condition(selection: Selection, now_ms: int, *, at_once: bool = False) -> Condition:
    """The selection as a condition on HOSTS. `at_once`: words are looked for in the texts of all hosts, not host by host."""
    match selection:
        case Text(value):
            found = TEXTS.c.text.contains(value.casefold(), autoescape=True)
            if at_once:
                return _row(TEXTS, found)
            about = (TEXTS.c.site == HOSTS.c.site) & (TEXTS.c.host == HOSTS.c.host)
            return exists(select(1).where(about, found).correlate(HOSTS))
        case Term(op="!="):
            return not_(_term(Term(selection.field, "=", selection.value, selection.literal), now_ms))
        case Term():
            return _term(selection, now_ms)
        case Not(part):
            return not_(condition(part, now_ms, at_once=at_once))
        case AllOf(parts):
            return and_(true(), *(condition(part, now_ms, at_once=at_once) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(condition(part, now_ms, at_once=at_once) for part in parts))


def _has_words(selection: Selection) -> bool:
    match selection:
        case Text():
            return True
        case Not(part):
            return _has_words(part)
        case AllOf(parts) | AnyOf(parts):
            return any(map(_has_words, parts))
        case _:
            return False


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
    asked = select(HOSTS).where(chosen)
    if after is not None:
        asked = asked.where(_beyond(sort, after))
    return asked.order_by(*(column.desc() if sort.descending else column for column in _columns(sort))).limit(limit)


def _beyond(sort: Sort, key: tuple[str | int, ...]) -> Condition:
    """Hosts that come after that key in an order."""
    here, there = tuple_(*_columns(sort)), tuple_(*key)
    return here < there if sort.descending else here > there


def _columns(sort: Sort) -> list[Any]:
    return [column for column in (SORTS[sort.by], HOSTS.c.site, HOSTS.c.host) if column is not None]


def _condition(made: Any) -> Condition:
    found: Condition = made
    return found
