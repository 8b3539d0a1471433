"""Selections asked of a database: for any fleet and any selection the same hosts as by the book, page by page, on both kinds."""

import fnmatch
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_hosts import MadeHost, made_host, put

from guestwire.controller.fleet.natural import natural
from guestwire.controller.fleet.selection import (
    FIELDS,
    LABEL,
    AllOf,
    AnyOf,
    Not,
    Selection,
    Term,
    Text,
    parse,
)
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import host_queries, hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_queries import SORTS, Among, Sort
from guestwire.controller.store.host_tables import (
    HOSTS,
    Attendance,
    Called,
    Condition,
    Machine,
    PeoplesWords,
)

NOW_MS = 1_800_000_000_000


def made(site: str = "plant", host: str = "h1", **said: Any) -> MadeHost:
    return made_host(HostRef(site, host), NOW_MS, **said)


async def store(database: Database, fleet: list[MadeHost]) -> None:
    async with database.write() as tx:
        await put(tx, fleet)


async def found(database: Database, selection: Selection, **how: Any) -> list[HostRef]:
    async with database.read() as tx:
        rows = await host_queries.page(
            tx, selection, NOW_MS, sort=how.pop("sort", Sort()), after=how.pop("after", None), limit=how.pop("limit", 500), **how
        )  # fmt: skip
    return [row.ref for row in rows]


# -- by the book


def holds(selection: Selection, one: MadeHost) -> bool | None:
    """None: nobody knows, of a host that is not there to tell."""
    match selection:
        case Text(value):
            return value.casefold() in one.text
        case Not(part):
            return None if (held := holds(part, one)) is None else not held
        case AllOf(parts):
            each = [holds(part, one) for part in parts]
            return None if None in each and False not in each else all(each)
        case AnyOf(parts):
            each = [holds(part, one) for part in parts]
            return None if None in each and True not in each else any(each)
        case Term(op="!="):
            return holds(Not(Term(selection.field, "=", selection.value, selection.literal)), one)
        case Term():
            return compares(selection, one)


def compares(term: Term, one: MadeHost) -> bool | None:
    row = one.row
    there = row.attendance.state not in ("offline", "unknown")
    told = there and bool(row.condition.sync)
    if term.field in ("running", "drift", "reboot") and not told:
        return None
    if term.field.startswith(LABEL):
        value = one.labels.get(term.field.removeprefix(LABEL))
        return value is not None and ordered(term, value)
    texts = {
        "site": row.ref.site, "host": row.ref.host, "label": row.called.label, "state": row.attendance.state,
        "approval": row.words.approval, "driver": row.machine.driver, "hostname": row.machine.hostname,
        "machine": row.machine.machine, "clock": row.machine.clock if there else "unknown",
        "sync": row.condition.sync if told else "unknown", "last.sync": row.condition.sync or "unknown",
    }  # fmt: skip
    numbers = {
        "cpus": row.machine.cpus, "memory": row.machine.memory_mib, "guests": row.condition.guests,
        "running": row.condition.guests_running, "last.running": row.condition.guests_running, "drift": row.condition.drift,
        "revision": row.condition.active_revision,
    }  # fmt: skip
    match term.field:
        case "agent":
            return ordered(term, row.attendance.agent_version)
        case "kernel":
            return ordered(term, row.machine.kernel)
        case "listed":
            return row.listed == (term.value == "yes")
        case "reboot":
            return row.condition.reboot == (term.value == "yes")
        case "guest":
            by_id = term.op == "=" and any(term.value.upper() == gid for gid, _ in one.guests)
            return by_id or any(alike(term, name) for _, name in one.guests)
        case "feature":
            return any(ordered(term, name) for name in one.features)
        case "silent":
            return order(term.op, NOW_MS - row.attendance.heard_at, term.milliseconds)
        case name if name in numbers:
            return order(term.op, numbers[name], int(term.value))
        case name:
            return alike(term, texts[name])


def order(op: str, left: Any, right: Any) -> bool:
    return {"=": left == right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]


def wild(term: Term) -> bool:
    return "*" in term.value and not term.literal and term.op == "="


def ordered(term: Term, value: str) -> bool:
    if term.op == "has" or wild(term):
        return alike(term, value)
    return order(term.op, natural(value), natural(term.value))


def alike(term: Term, value: str) -> bool:
    value, wanted = value.casefold(), term.value.casefold()
    if term.op == "has":
        return wanted in value
    if wild(term):
        pattern = "".join(letter if letter == "*" else f"[{letter}]" if letter in "?[" else letter for letter in wanted)
        return fnmatch.fnmatchcase(value, pattern)
    return value == wanted


# -- any fleet, any selection

WORDS = st.sampled_from(
    ["Press", "press 2", "press 10", "100%", "a_b", "axb", "ÄÖ", "äö", "\\", "it's", "*", "", "?[a]", "3", "03"]
)
HOST = st.builds(
    made,
    site=st.sampled_from(["plant", "east"]),
    host=st.sampled_from([f"h{n}" for n in range(6)]),
    label=WORDS,
    labels=st.dictionaries(st.sampled_from(["line", "rack"]), WORDS, max_size=2),
    state=st.sampled_from(["online", "offline", "unknown"]),
    sync=st.sampled_from(["in_sync", "drifted"]),
    running=st.integers(0, 2),
    approval=st.sampled_from(["approved", "pending"]),
    agent=st.sampled_from(["0.1.0", "0.2.0", "0.10.0", ""]),
    hostname=WORDS,
    cpus=st.integers(0, 3),
    silent_ms=st.sampled_from([0, 60_000, 3_600_000]),
    reboot=st.booleans(),
    listed=st.booleans(),
    guests=st.lists(
        st.tuples(st.sampled_from(["GUEST0001", "GUEST0002"]), WORDS.filter(bool)), max_size=2, unique=True
    ),
    features=st.lists(st.sampled_from(["kvm", "rt_kernel", "rtxkernel"]), max_size=2),
    text=st.sampled_from(["rtlinux kvm", "100% of a_b", "windows", ""]),
)
FLEETS = st.lists(HOST, max_size=6, unique_by=lambda one: one.row.ref)


def term(field: str, ops: tuple[str, ...], values: st.SearchStrategy[str]) -> st.SearchStrategy[Selection]:
    return st.builds(
        lambda op, value, literal: Term(field, op, value, literal and "*" in value),
        st.sampled_from(ops),
        values,
        st.booleans(),
    )


_ORDERED = ("=", "!=", "<", "<=", ">", ">=", "has")
LEAVES: st.SearchStrategy[Selection] = st.one_of(
    *(
        term(name, ("=", "!=", "has"), WORDS | st.sampled_from(["pre*", "*1*", "h*", "a_*", "*%*"]))
        for name in ("label", "hostname", "guest", "site")
    ),
    *(
        term(name, _ORDERED, WORDS | st.sampled_from(["pre*", "0.2.0", "2"]))
        for name in ("label.line", "label.rack", "agent")
    ),
    term("guest", ("=", "!="), st.sampled_from(["GUEST0001", "guest0002"])),
    term("feature", ("=", "!=", "has"), st.sampled_from(["kvm", "rt_kernel", "rt", "rt*"])),
    term("cpus", ("=", "!=", "<", "<=", ">", ">="), st.sampled_from(["0", "1", "2", "-1"])),
    term("silent", ("<", "<=", ">", ">="), st.sampled_from(["60s", "5m", "2h", "1d"])),
    term("reboot", ("=", "!="), st.sampled_from(["yes", "no"])),
    *(term(name, ("=", "!=", "<", ">"), st.sampled_from(["0", "1"])) for name in ("running", "last.running")),
    *(term(name, ("=", "!="), st.sampled_from(["in_sync", "unknown"])) for name in ("sync", "last.sync")),
    term("listed", ("=", "!="), st.sampled_from(["yes", "no"])),
    term("state", ("=", "!="), st.sampled_from(["online", "offline", "unknown"])),
    st.builds(Text, st.sampled_from(["RTLinux", "100%", "a_b", "indow", "nothing"])),
)
SELECTIONS: st.SearchStrategy[Selection] = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(lambda parts: AllOf(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
        | st.builds(lambda parts: AnyOf(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("batch", range(2))
async def test_any_selection_of_any_fleet(database: Database, batch: int) -> None:
    """Generated on the side, for the database is opened once; each batch with examples of its own."""
    examples: list[tuple[list[MadeHost], list[Selection]]] = []

    @settings(max_examples=12, database=None, suppress_health_check=list(HealthCheck), deadline=None)
    @given(FLEETS, st.lists(SELECTIONS, min_size=12, max_size=12))
    def generate(fleet: list[MadeHost], selections: list[Selection]) -> None:
        examples.append((fleet, selections))

    generate()
    for fleet, selections in examples:
        async with database.read() as tx:
            before = [row.ref for row in await hosts.every(tx)]
        async with database.write() as tx:
            for ref in before:
                await hosts.forget(tx, ref)
        await store(database, fleet)
        for selection in selections:
            expected = sorted(one.row.ref for one in fleet if holds(selection, one))
            assert await found(database, selection) == expected, (
                selection,
                [one for one in fleet if one.row.ref in expected],
            )
            async with database.read() as tx:
                assert await host_queries.refs(tx, selection, NOW_MS) == expected


# -- by rows

FLEET = [
    made("plant", "h1", label="Press 2", labels={"line": "3", "note": "ÄÖ"}, agent="0.1.9", guests=[("GUEST0001", "rtlinux")], text="virtio e1000e"),
    made("plant", "h2", label="Press 10", labels={"line": "10"}, agent="0.1.10", driver="simulated", state="offline"),
    made("plant", "h3", label="millx1", hostname="Line-3", agent="0.2.0", features=["rt_kernel"], silent_ms=8 * 86_400_000),
    made("east", "h1", label="mill_1", labels={"line": "3"}, agent="1.0", reboot=True, cpus=64),
]  # fmt: skip
P1, P2, P3, E1 = (one.row.ref for one in FLEET)


@pytest.fixture
async def fleet(database: Database) -> Database:
    await store(database, FLEET)
    return database


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ("", [E1, P1, P2, P3]),
        ("site=plant", [P1, P2, P3]),
        ("host=h1", [E1, P1]),
        ("label='", []),
        ("label=press*", [P1, P2]),
        ('label="press 2"', [P1]),
        ("label has ill_", [E1]),
        ("label has ill%", []),
        ("label=mill_*", [E1]),
        ("label=mill*", [E1, P3]),
        ("label.line=3", [E1, P1]),
        ("label.line>=4", [P2]),
        ("label.line=*", [E1, P1, P2]),
        ("not label.line=*", [P3]),
        ("label.line!=3", [P2, P3]),
        ("label.note=äö", [P1]),
        ("label.note has ä", [P1]),
        ("agent<0.1.10", [P1]),
        ("agent>0.1.9", [E1, P2, P3]),
        ("guest=rtlinux", [P1]),
        ("guest=guest0001", [P1]),
        ("feature=rt_kernel", [P3]),
        ("silent>7d", [P3]),
        ("reboot=yes or cpus<4", [E1]),
        ("running=0 reboot!=yes", [P1, P3]),
        ("sync=unknown last.sync=in_sync last.running=0 last.reboot=no last.clock=synchronised", [P2]),
        ("not running>0 or not reboot=yes or clock=synchronised", [E1, P1, P3]),
        ("E1000E", [P1]),
        ("state=online driver=libvirt (label.line=3 or hostname=line-3) not site=east", [P1, P3]),
    ],
)
async def test_selections(fleet: Database, text: str, refs: list[HostRef]) -> None:
    assert await found(fleet, parse(text)) == refs


@pytest.mark.parametrize("by", SORTS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "among", [None, Among(frozenset({"plant"}), frozenset({E1})), Among(frozenset(), frozenset({P1, E1}))]
)
async def test_pages_are_one_list(fleet: Database, by: str, descending: bool, among: Among | None) -> None:
    """Whatever their size, nothing twice and nothing left out."""
    sort = Sort(by, descending)
    whole = await found(fleet, parse(""), sort=sort, among=among)
    assert set(whole) == {ref for ref in (P1, P2, P3, E1) if among is None or ref in among}
    paged: list[HostRef] = []
    after: tuple[str | int, ...] | None = None
    while True:
        async with fleet.read() as tx:
            rows = await host_queries.page(tx, parse(""), NOW_MS, sort=sort, after=after, limit=1, among=among)
        if not rows:
            break
        after = sort.key(rows[-1])
        paged.append(rows[-1].ref)
    assert paged == whole


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "q", ["mill", "virtio", "nothing", "not virtio", "virtio or label.line=3", "label.line=3 mill"]
)
async def test_words_are_found_among_the_first_hosts_and_among_all(fleet: Database, q: str, descending: bool) -> None:
    """However few hosts are looked at one by one before."""
    sort, expected = Sort("label", descending), None
    for looked_at in (1, 2, 500):
        paged: list[HostRef] = []
        after: tuple[str | int, ...] | None = None
        while True:
            async with fleet.read() as tx:
                rows = await host_queries.page(
                    tx, parse(q), NOW_MS, sort=sort, after=after, limit=1, looked_at=looked_at
                )
            if not rows:
                break
            after = sort.key(rows[-1])
            paged.append(rows[-1].ref)
        expected = paged if expected is None else expected
        assert paged == expected == await found(fleet, parse(q), sort=sort)
        assert set(paged) == {one.row.ref for one in FLEET if holds(parse(q), one)}


async def test_labels_are_ordered_as_people_do(fleet: Database) -> None:
    assert await found(fleet, parse("label=press*"), sort=Sort("label")) == [P1, P2]
    assert (await found(fleet, parse(""), sort=Sort("heard")))[0] == P3


async def test_more_hosts_by_name_than_a_statement_takes(fleet: Database) -> None:
    many = Among(frozenset(), frozenset(HostRef("plant", f"n{n}") for n in range(2000)) | {P2})
    assert await found(fleet, parse(""), among=many, limit=2) == [P2]
    assert await found(fleet, parse(""), among=Among(frozenset(), frozenset())) == []


async def test_of_some_hosts_those_that_are_meant(fleet: Database) -> None:
    async with fleet.read() as tx:
        assert await host_queries.refs(tx, parse("label.line=3"), NOW_MS, [P1, P2]) == [P1]
        assert await host_queries.refs(tx, parse("label.line=3"), NOW_MS, []) == []


async def test_a_host_comes_back_as_it_was_put(fleet: Database) -> None:
    async with fleet.read() as tx:
        assert await hosts.one(tx, P1) == FLEET[0].row
        assert await hosts.one(tx, HostRef("plant", "h9")) is None
        assert {row.ref: row for row in await hosts.some(tx, [P1, E1])} == {P1: FLEET[0].row, E1: FLEET[3].row}


async def test_of_a_forgotten_host_nothing_is_left(fleet: Database) -> None:
    async with fleet.write() as tx:
        assert await hosts.forget(tx, P1)
        assert not await hosts.forget(tx, P1)
    assert P1 not in await found(fleet, parse(""))
    async with fleet.read() as tx:
        assert await hosts.guests_of(tx, P1) == []


def test_the_parts_of_a_host_are_the_columns_in_their_order() -> None:
    parts = (PeoplesWords, Called, Attendance, Machine, Condition)
    named = [field.name for part in parts for field in fields(part)]
    assert [column.name for column in HOSTS.c] == ["site", "host", "first_seen_at", "listed", *named]


def test_every_field_can_be_asked() -> None:
    for field in FIELDS:
        if field.kind == "group":
            continue
        value = {"number": "1", "flag": "yes", "age": "1d"}.get(field.kind, (*field.values, "x")[0])
        op = "<" if field.kind == "age" else "="
        assert host_queries.condition(Term(field.name, op, value), NOW_MS) is not None  # type: ignore[arg-type]
