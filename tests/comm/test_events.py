"""The state of events: rights, reset kinds, waits, what peers make, and any sequence of requests against a plain model."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from guestwire.comm.event_rows import RATE_SECONDS
from guestwire.comm.events import MAX_DENIALS, Answer, Declared, Denial, EventTable
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import NUMBERS, WAIT_ANY_MAX

OK, DENIED, NOT_FOUND, INVALID, FULL, EXISTS, UNSUPPORTED, NOT_STARTED = (
    NUMBERS[f"GW_{name}"]
    for name in ("OK", "DENIED", "NOT_FOUND", "INVALID", "FULL", "EXISTS", "UNSUPPORTED", "NOT_STARTED")
)
CREATE, MANUAL, INITIAL = NUMBERS["GW_CREATE"], NUMBERS["GW_MANUAL"], NUMBERS["GW_INITIAL"]
EXISTED, NATIVE, DIRECT = NUMBERS["GW_EXISTED"], NUMBERS["GW_NATIVE"], NUMBERS["GW_DIRECT"]
SIGNAL, WAIT = NUMBERS["GW_MAY_SIGNAL"], NUMBERS["GW_MAY_WAIT"]
NOW = Now(1_700_000_000_000, 100.0)
A, B, HOST, REMOTE = 1, 2, 3, 4
PARTIES = {A: "a", B: "b", HOST: "HOST", REMOTE: "REMOTE"}


def event(name: str = "e", signal: str = "a b", wait: str = "a b", **more: Any) -> Declared:
    given: dict[str, Any] = {"manual": False, "initial": False, **more}
    return Declared(name, signal=frozenset(signal.split()), wait=frozenset(wait.split()), **given)


def table(*events: Declared, **bounds: int) -> EventTable:
    made = EventTable(**bounds)
    assert made.declare(events, NOW) == []
    for peer, party in PARTIES.items():
        made.attach(peer, party)
    return made


def opened(made: EventTable, peer: int, name: str = "e", flags: int = 0) -> int:
    answer = made.open(peer, 9, name, flags, NOW)
    assert answer.code == OK
    return answer.handle


# -- open


@pytest.mark.parametrize(
    ("peer", "name", "flags", "code", "reply", "rights"),
    [
        (A, "both", 0, OK, EXISTED, SIGNAL | WAIT),
        (A, "both", CREATE, OK, EXISTED, SIGNAL | WAIT),
        (A, "both", MANUAL, OK, EXISTED, SIGNAL | WAIT),
        (A, "both", CREATE | MANUAL, EXISTS, 0, 0),
        (A, "manual", CREATE | MANUAL, OK, EXISTED | MANUAL, WAIT),
        (B, "manual", 0, OK, EXISTED | MANUAL, SIGNAL),
        (HOST, "both", 0, DENIED, 0, 0),
        (HOST, "both", CREATE | MANUAL, DENIED, 0, 0),
        (REMOTE, "cloud", 0, OK, EXISTED, SIGNAL),
        (HOST, "native", 0, OK, EXISTED | NATIVE, SIGNAL | WAIT),
        (A, "direct", 0, OK, EXISTED | DIRECT, SIGNAL),
        (A, "queue:q", 0, OK, EXISTED, WAIT),
        (A, "queue:other", 0, NOT_FOUND, 0, 0),
        (A, "queue:other", CREATE, NOT_FOUND, 0, 0),
        (A, "nobody", 0, NOT_FOUND, 0, 0),
        (A, "mine", CREATE, OK, 0, SIGNAL | WAIT),
        (HOST, "mine", CREATE | MANUAL | INITIAL, OK, MANUAL, SIGNAL | WAIT),
        (REMOTE, "mine", CREATE, DENIED, 0, 0),
        (A, "x" * 64, CREATE, OK, 0, SIGNAL | WAIT),
        (A, "x" * 65, CREATE, INVALID, 0, 0),
        (A, "", CREATE, INVALID, 0, 0),
        (A, "with space", 0, INVALID, 0, 0),
        (A, "line\n", CREATE, INVALID, 0, 0),
        (A, "both", NATIVE, INVALID, 0, 0),
        (99, "both", 0, NOT_STARTED, 0, 0),
    ],
)
def test_open(peer: int, name: str, flags: int, code: int, reply: int, rights: int) -> None:
    made = table(
        event("both"), event("manual", signal="b", wait="a", manual=True), event("cloud", signal="REMOTE"),
        event("native", "HOST", "HOST", kind="native"), event("direct", "a", "b", kind="direct"),
        event("queue:q", signal="b", wait="a", hidden=True),
    )  # fmt: skip
    answer = made.open(peer, 7, name, flags, NOW)
    assert answer == Answer(peer, 7, code, answer.handle, reply, rights)
    assert (answer.handle > 0) == (code == OK)


def test_what_a_peer_made_is_everybody_s_but_the_clouds_and_goes_with_the_last_who_has_it() -> None:
    made = table()
    mine = opened(made, A, "x", CREATE | INITIAL)
    other = made.open(B, 1, "x", CREATE, NOW)
    assert (other.code, other.flags, other.value) == (OK, EXISTED, SIGNAL | WAIT)
    assert made.open(REMOTE, 1, "x", 0, NOW).code == DENIED
    assert made.wait(B, 2, [other.handle], NOW) == [Answer(B, 2, OK)]
    assert made.close(A, 3, mine) == Answer(A, 3, OK)
    assert [view.name for view in made.views(NOW)] == ["x"]
    assert made.detach(B, NOW) == []
    assert made.views(NOW) == ()


def test_a_wait_keeps_its_event_though_its_handle_is_closed() -> None:
    made = table()
    handle = opened(made, A, "x", CREATE)
    made.wait(A, 1, [handle], NOW)
    made.close(A, 2, handle)
    again = made.open(B, 3, "x", CREATE, NOW)
    assert again.flags == EXISTED
    assert made.set(B, again.handle, NOW) == [Answer(A, 1, OK)]
    made.close(B, 4, again.handle)
    assert made.views(NOW) == ()


@pytest.mark.parametrize("bound", ["dynamic", "handles", "waits"])
def test_each_peer_has_bounds_of_its_own(bound: str) -> None:
    made = table(event(), max_dynamic=2, max_handles=3, max_waits=2)
    if bound == "dynamic":
        handles = [opened(made, A, name, CREATE) for name in "xy"]
        assert made.open(A, 1, "z", CREATE, NOW).code == FULL
        assert made.open(B, 1, "z", CREATE, NOW).code == OK
        made.close(A, 2, handles[0])
        assert made.open(A, 3, "w", CREATE, NOW).code == OK
    elif bound == "handles":
        handles = [opened(made, A) for _ in range(3)]
        assert len(set(handles)) == 3
        assert made.open(A, 1, "e", 0, NOW).code == FULL
        assert made.open(A, 1, "x", CREATE, NOW).code == FULL
        assert made.open(B, 1, "e", 0, NOW).code == OK
        made.close(A, 2, handles[1])
        assert made.open(A, 3, "e", 0, NOW).code == OK
    else:
        handle = opened(made, A)
        assert [made.wait(A, seq, [handle], NOW) for seq in (1, 2, 3)] == [[], [], [Answer(A, 3, FULL)]]
        assert made.set(A, handle, NOW) == [Answer(A, 1, OK)]
        assert made.wait(A, 4, [handle], NOW) == []


def test_a_number_is_attached_once() -> None:
    with pytest.raises(ValueError, match="attached"):
        table().attach(A, "a")


# -- set, reset, wait


def test_an_auto_event_lets_the_first_waiter_go_and_is_unset() -> None:
    made = table(event())
    a, b = opened(made, A), opened(made, B)
    for seq, peer in enumerate((A, B, A), 1):
        assert made.wait(peer, seq, [a if peer == A else b], NOW) == []
    assert [made.set(B, b, NOW) for _ in range(5)] == [
        [Answer(A, 1, OK)], [Answer(B, 2, OK)], [Answer(A, 3, OK)], [], [],
    ]  # fmt: skip
    assert made.query(A, 5, a) == Answer(A, 5, OK, value=1)
    assert made.wait(A, 6, [a], NOW) == [Answer(A, 6, OK)]
    assert made.wait(A, 7, [a], NOW) == []


def test_a_manual_event_lets_all_go_until_it_is_reset() -> None:
    made = table(event(manual=True))
    a, b = opened(made, A), opened(made, B)
    for seq in (1, 2, 3):
        made.wait(A, seq, [a], NOW)
    assert made.set(B, b, NOW) == [Answer(A, 1, OK), Answer(A, 2, OK), Answer(A, 3, OK)]
    assert made.wait(B, 4, [b], NOW) == [Answer(B, 4, OK)]
    assert made.reset(A, a, NOW) == []
    assert made.query(B, 5, b).value == 0
    assert made.wait(B, 6, [b], NOW) == []


def test_wait_any_takes_one_event_alone() -> None:
    made = table(event("one"), event("two"))
    one, two = opened(made, A, "one"), opened(made, A, "two")
    made.set(A, two, NOW)
    made.set(A, one, NOW)
    assert made.wait(A, 1, [two, one, two], NOW) == [Answer(A, 1, OK, value=0)]
    assert made.wait(A, 2, [two, one], NOW) == [Answer(A, 2, OK, value=1)]
    assert made.wait(A, 3, [two, one], NOW) == []
    assert made.set(A, one, NOW) == [Answer(A, 3, OK, value=1)]
    assert made.set(A, two, NOW) == []
    assert made.query(A, 4, two).value == 1
    assert made.view("one", NOW).waiters == made.view("two", NOW).waiters == ()


def test_cancel_and_the_answer() -> None:
    made = table(event())
    a = opened(made, A)
    made.wait(A, 1, [a], NOW)
    assert made.cancel(A, 2, 1) == [Answer(A, 2, OK)]
    assert made.cancel(A, 3, 1) == [Answer(A, 3, NOT_FOUND)]
    assert made.set(A, a, NOW) == []
    assert made.wait(A, 4, [a], NOW) == [Answer(A, 4, OK)]
    assert made.cancel(A, 5, 4) == [Answer(A, 5, NOT_FOUND)]
    made.wait(A, 6, [a], NOW)
    assert made.cancel(B, 7, 6) == [Answer(B, 7, NOT_FOUND)]
    assert made.set(A, a, NOW) == [Answer(A, 6, OK)]


def test_who_is_gone_takes_no_signal() -> None:
    made = table(event())
    a, b = opened(made, A), opened(made, B)
    made.wait(A, 1, [a], NOW)
    made.wait(B, 2, [b], NOW)
    assert made.detach(A, NOW) == []
    assert made.set(B, b, NOW) == [Answer(B, 2, OK)]
    assert made.set(A, a, NOW) == []
    assert made.wait(A, 3, [a], NOW) == [Answer(A, 3, NOT_STARTED)]
    assert made.view("e", NOW).signals == 1


def test_who_is_not_served_any_more_is_told_so() -> None:
    made = table(event("one"), event("two"))
    one, two = opened(made, A, "one"), opened(made, A, "two")
    made.wait(A, 1, [one, two], NOW)
    made.wait(A, 2, [two], NOW)
    made.wait(B, 3, [opened(made, B, "two")], NOW)
    assert made.end_waits(A, NOT_STARTED) == [Answer(A, 1, NOT_STARTED), Answer(A, 2, NOT_STARTED)]
    assert made.end_waits(A, NOT_STARTED) == made.end_waits(99, NOT_STARTED) == []
    assert made.set(A, two, NOW) == [Answer(B, 3, OK)]
    assert made.set(A, one, NOW) == []


@pytest.mark.parametrize(
    ("handles", "code"),
    [([], INVALID), ([0], INVALID), ([-1], INVALID), ([77], INVALID), ([1] * (WAIT_ANY_MAX + 1), INVALID),
     ([1] * WAIT_ANY_MAX, OK), ([1, 77], INVALID), ([1, 2], DENIED), ([3], UNSUPPORTED), ([4], NOT_FOUND)],
)  # fmt: skip
def test_a_wait_takes_nothing_when_one_handle_is_wrong(handles: list[int], code: int) -> None:
    made = table(
        event("set", initial=True), event("deaf", wait="b"), event("direct", wait="a", kind="direct"), event("old")
    )
    assert [opened(made, A, name) for name in ("set", "deaf", "direct", "old")] == [1, 2, 3, 4]
    made.declare([event("set"), event("deaf", wait="b"), event("direct", wait="a", kind="direct")], NOW)
    assert made.wait(A, 5, handles, NOW) == [Answer(A, 5, code)]
    assert made.view("set", NOW).set is (code != OK)


def test_a_wait_that_is_under_way_keeps_its_seq() -> None:
    made = table(event("one"), event("two"))
    one, two = opened(made, A, "one"), opened(made, A, "two")
    made.wait(A, 1, [one], NOW)
    assert made.wait(A, 1, [two], NOW) == [Answer(A, 1, INVALID)]
    assert made.set(A, two, NOW) == []
    assert made.set(A, one, NOW) == [Answer(A, 1, OK)]


@pytest.mark.parametrize("call", ["close", "query"])
def test_handles_that_are_no_more(call: str) -> None:
    made = table(event())
    handle = opened(made, A)
    made.declare([], NOW)
    dead = getattr(made, call)(A, 1, handle)
    assert dead.code == (OK if call == "close" else NOT_FOUND)
    made.close(A, 2, handle)
    assert getattr(made, call)(A, 3, handle).code == INVALID
    assert made.set(A, handle, NOW) == made.reset(A, handle, NOW) == made.take_denials() == []


# -- rights


def test_what_is_denied_is_counted_and_taken_once() -> None:
    made = table(event("in", signal="a", wait="b"), event("out", signal="b", wait="a"))
    inward, outward = opened(made, A, "in"), opened(made, A, "out")
    made.wait(A, 1, [outward], NOW)
    for _ in range(3):
        assert made.set(A, outward, NOW) == []
    made.reset(A, outward, NOW)
    assert made.wait(A, 2, [inward], NOW) == [Answer(A, 2, DENIED)]
    made.open(HOST, 3, "in", 0, NOW)
    assert made.take_denials() == [
        Denial(A, "a", "out", "set", 3), Denial(A, "a", "out", "reset", 1), Denial(A, "a", "in", "wait", 1),
    ]  # fmt: skip
    assert made.take_denials() == []
    assert [(view.name, view.denied, view.signals) for view in made.views(NOW)] == [("in", 2, 0), ("out", 4, 0)]


def test_denials_that_nobody_takes_are_bounded_and_none_is_lost() -> None:
    made = table(*(event(f"e{n}", signal="") for n in range(2 * MAX_DENIALS)))
    for n in range(2 * MAX_DENIALS):
        made.set(A, opened(made, A, f"e{n}"), NOW)
    denials = made.take_denials()
    assert len(denials) == MAX_DENIALS + 1
    assert denials[-1] == Denial(A, "a", "", "set", MAX_DENIALS)


def test_new_rights_hold_at_once() -> None:
    made = table(event(), event("other"))
    a, b, other = opened(made, A), opened(made, B), opened(made, A, "other")
    made.wait(A, 1, [other, a], NOW)
    made.wait(B, 2, [b], NOW)
    assert made.declare([event(signal="a", wait="b"), event("other")], NOW) == [Answer(A, 1, DENIED, value=1)]
    assert made.set(B, b, NOW) == []
    assert made.set(A, other, NOW) == []
    assert made.set(A, a, NOW) == [Answer(B, 2, OK)]
    assert made.rights("e", "b") == WAIT
    made.declare([event(signal="", wait="b")], NOW)
    assert made.query(A, 3, a).code == DENIED


# -- declare


@pytest.mark.parametrize("after", [None, {"manual": True}, {"kind": "direct"}])
def test_an_event_that_is_gone_or_another_answers_its_waits(after: dict[str, Any] | None) -> None:
    made = table(event(initial=True), event("other"))
    a, other = opened(made, A), opened(made, A, "other")
    made.reset(A, a, NOW)
    made.wait(A, 1, [other, a], NOW)
    made.wait(A, 2, [other], NOW)
    events = [event("other")] if after is None else [event("other"), event(**after)]
    assert made.declare(events, NOW) == [Answer(A, 1, NOT_FOUND, value=1)]
    assert made.query(A, 3, a).code == NOT_FOUND
    assert made.set(A, a, NOW) == []
    made.declare([event("other"), event()], NOW)
    assert made.query(A, 4, a).code == NOT_FOUND
    assert made.set(A, other, NOW) == [Answer(A, 2, OK)]


def test_an_event_that_stays_keeps_everything() -> None:
    made = table(event())
    a = opened(made, A)
    made.set(A, a, NOW)
    assert made.declare([event(initial=False, signal="a", wait="a b")], NOW) == []
    assert made.wait(A, 1, [a], NOW) == [Answer(A, 1, OK)]
    made.wait(A, 2, [a], NOW)
    assert made.declare([event(initial=True)], NOW) == []
    assert made.set(A, a, NOW) == [Answer(A, 2, OK)]
    assert made.view("e", NOW).signals == 2


def test_a_declared_name_wins_over_what_a_peer_made() -> None:
    made = table()
    a = opened(made, A, "e", CREATE)
    made.wait(A, 1, [a], NOW)
    assert made.declare([event(signal="b")], NOW) == [Answer(A, 1, NOT_FOUND)]
    assert made.query(A, 2, a).code == NOT_FOUND
    assert made.open(A, 3, "e", 0, NOW).value == WAIT
    assert [made.open(A, 4, f"x{n}", CREATE, NOW).code for n in range(65)] == [OK] * 64 + [FULL]


def test_an_event_goes_while_it_is_decided_about() -> None:
    """The last wait for a peer's event ends with a declared one that is gone, and its own name is declared."""
    made = table(event("gone"))
    gone, mine = opened(made, A, "gone"), opened(made, A, "mine", CREATE)
    made.wait(A, 1, [gone, mine], NOW)
    made.close(A, 2, mine)
    assert made.declare([event("mine")], NOW) == [Answer(A, 1, NOT_FOUND)]
    assert [(view.name, view.declared) for view in made.views(NOW)] == [("mine", True)]


# -- the server's own, and what people see


def test_the_server_signals_by_name() -> None:
    made = table(event("lock:l", signal="", wait="a", hidden=True), event("d", kind="direct"))
    made.wait(A, 1, [opened(made, A, "lock:l")], NOW)
    assert made.signal("lock:l", "comm", NOW) == [Answer(A, 1, OK)]
    assert made.signal("lock:l", "comm", NOW) == []
    assert made.view("lock:l", NOW).set is True
    made.unset("lock:l", "comm", NOW)
    assert made.view("lock:l", NOW).set is False
    assert [view.name for view in made.views(NOW)] == ["d"]
    for name, code in (("none", "NOT-FOUND"), ("d", "UNSUPPORTED")):
        with pytest.raises(GuestwireError) as caught:
            made.signal(name, "comm", NOW)
        assert caught.value.code == code
        with pytest.raises(GuestwireError, match=code):
            made.unset(name, "comm", NOW)


def test_what_people_see() -> None:
    made = table(event("b", manual=True), event("a", "a HOST", "b"))
    a, b = opened(made, A, "a"), opened(made, B, "a")
    opened(made, HOST, "x", CREATE)
    for n in range(10):
        made.set(A, a, Now(NOW.wall_ms + n, NOW.mono + n / 10))
    made.wait(B, 1, [b], NOW)
    for seq in (2, 3):
        made.wait(B, seq, [b], NOW)
    first, second, third = made.views(Now(0, NOW.mono + 1))
    assert (first.name, first.reset, first.delivery, first.declared, first.set) == (
        "a",
        "auto",
        "arbitrated",
        True,
        False,
    )
    assert (first.signal, first.wait, first.waiters) == (("HOST", "a"), ("b",), ("b",))
    assert (first.signals, first.last_by, first.last_at) == (10, "a", NOW.wall_ms + 9)
    assert first.rate == pytest.approx(10 / RATE_SECONDS, rel=0.2)
    assert (second.name, second.reset, second.waiters, second.last_at) == ("b", "manual", (), 0)
    assert (third.name, third.declared, third.signal, third.wait) == ("x", False, (), ())
    assert made.view("a", Now(0, NOW.mono + RATE_SECONDS + 3)).rate == 0
    assert [made.is_manual(name) for name in ("a", "b", "none")] == [False, True, False]


@pytest.mark.parametrize("kind", ["direct", "native"])
def test_an_event_whose_state_is_elsewhere(kind: Any) -> None:
    made = table(event("d", kind=kind, initial=True))
    handle = opened(made, A, "d")
    assert made.wait(A, 1, [handle], NOW) == [Answer(A, 1, UNSUPPORTED)]
    assert made.query(A, 2, handle).code == UNSUPPORTED
    assert made.set(A, handle, NOW) == made.reset(A, handle, NOW) == []
    made.observe("d", 50, "a", NOW)
    made.observe("d", 20, "b", Now(NOW.wall_ms + 5, NOW.mono))
    made.observe("none", 20, "b", NOW)
    view = made.view("d", NOW)
    assert (view.set, view.delivery, view.signals, view.rate, view.last_by) == (None, kind, 20, 10.0, "b")
    assert view.last_at == NOW.wall_ms + 5


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5)), max_size=40), st.integers(0, 40))
def test_the_rate_counts_the_last_seconds_alone(steps: list[tuple[int, int]], after: int) -> None:
    """Quarter seconds: exact in binary."""
    made = table(event())
    a = opened(made, A)
    quarters, signals = 400, []
    for wait, count in steps:
        quarters += wait
        for _ in range(count):
            made.set(A, a, Now(0, quarters / 4))
        signals += [quarters] * count
    quarters += after
    from_second = quarters // 4 - RATE_SECONDS
    counted = sum(at // 4 >= from_second for at in signals)
    assert made.view("e", Now(0, quarters / 4)).rate == pytest.approx(
        counted / (RATE_SECONDS + quarters % 4 / 4), abs=0.01
    )


# -- any sequence


@given(st.data())
@settings(max_examples=60)
def test_nothing_that_a_peer_asks_makes_it_raise(data: st.DataObject) -> None:
    made = table(
        event("e"), event("m", manual=True), event("d", kind="direct"), event("lock:l", hidden=True),
        event("shut", "", ""), max_dynamic=3, max_handles=5, max_waits=3,
    )  # fmt: skip
    peers = st.sampled_from([A, B, HOST, REMOTE, 5, 0, -1, 1 << 31])
    numbers = st.one_of(st.integers(-1, 8), st.integers(0, (1 << 32) - 1))
    names = st.one_of(st.sampled_from(["e", "m", "d", "lock:l", "shut", "x", "y", "z", "w"]), st.text(max_size=80))
    for _ in range(data.draw(st.integers(1, 40))):
        peer, seq, number = data.draw(peers), data.draw(numbers), data.draw(numbers)
        answers: list[Answer]
        match data.draw(st.integers(0, 7)):
            case 0 | 1:
                answers = [made.open(peer, seq, data.draw(names), data.draw(st.integers(0, 0xFFFF)) & 0x4F, NOW)]
            case 2:
                answers = [made.close(peer, seq, number)]
            case 3:
                answers = made.set(peer, number, NOW) + made.reset(peer, data.draw(numbers), NOW)
            case 4 | 5:
                answers = made.wait(peer, seq, data.draw(st.lists(numbers, max_size=20)), NOW)
            case 6:
                answers = made.cancel(peer, seq, number)
            case _:
                answers = [made.query(peer, seq, number)]
        assert all(isinstance(answer, Answer) and answer.code <= 0 for answer in answers)
    assert len(made.views(NOW)) <= 4 + 3 * 3
    for peer in PARTIES:
        made.detach(peer, NOW)
    assert [view.name for view in made.views(NOW)] == ["d", "e", "m", "shut"]


@dataclass(eq=False)
class PlainEvent:
    name: str
    manual: bool
    is_set: bool
    declared: Declared | None
    maker: int = 0

    def may(self, right: int, party: str) -> bool:
        if self.declared is None:
            return party != "REMOTE"
        return party in (self.declared.signal if right == SIGNAL else self.declared.wait)


@dataclass(eq=False)
class PlainWait:
    peer: int
    seq: int
    places: list[PlainEvent]


@dataclass
class Plain:
    """The same by lists that are searched: waits in the order they came."""

    parties: dict[int, str] = field(default_factory=dict)
    events: list[PlainEvent] = field(default_factory=list)
    handles: dict[tuple[int, int], PlainEvent] = field(default_factory=dict)
    waits: list[PlainWait] = field(default_factory=list)

    def find(self, name: str) -> PlainEvent | None:
        return next((one for one in self.events if one.name == name), None)

    def sweep(self) -> None:
        used = [*self.handles.values(), *(one for wait in self.waits for one in wait.places)]
        self.events = [one for one in self.events if one.declared is not None or one in used]

    def answer(self, one: PlainEvent, code: int, waits: list[PlainWait]) -> list[Answer]:
        self.waits = [wait for wait in self.waits if wait not in waits]
        self.sweep()
        return [Answer(wait.peer, wait.seq, code, value=wait.places.index(one)) for wait in waits]

    def set(self, one: PlainEvent) -> list[Answer]:
        waits = [wait for wait in self.waits if one in wait.places]
        one.is_set = one.manual or not waits
        return self.answer(one, OK, waits if one.manual else waits[:1])


MAX_DYNAMIC, MAX_HANDLES, MAX_WAITS = 2, 5, 4
NUMBER = st.integers(1, 4)
PARTY = st.sampled_from(["a", "b", "HOST", "REMOTE"])
PARTY_SET = st.frozensets(PARTY, min_size=2)
DECLARED = st.builds(
    Declared, name=st.sampled_from(["d1", "d2", "d3"]), manual=st.booleans(), initial=st.booleans(), signal=PARTY_SET,
    wait=PARTY_SET,
)  # fmt: skip


class EventMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.table = EventTable(MAX_DYNAMIC, MAX_HANDLES, MAX_WAITS)
        self.plain = Plain()
        self.seq = 0
        self.last_peer = 0
        self.attach("a")
        self.attach("b")

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def peer(self, number: int) -> int:
        peers = [*self.plain.parties]
        return peers[number % len(peers)] if peers else 99

    def handle(self, peer: int, number: int) -> int:
        handles = [handle for owner, handle in self.plain.handles if owner == peer]
        return handles[number % len(handles)] if handles else 50

    @rule(party=PARTY)
    def attach(self, party: str) -> None:
        if len(self.plain.parties) < 4:
            self.last_peer += 1
            self.table.attach(self.last_peer, party)
            self.plain.parties[self.last_peer] = party

    @rule(number=NUMBER)
    def detach(self, number: int) -> None:
        peer = self.peer(number)
        assert self.table.detach(peer, NOW) == []
        self.plain.parties.pop(peer, None)
        self.plain.handles = {key: one for key, one in self.plain.handles.items() if key[0] != peer}
        self.plain.waits = [wait for wait in self.plain.waits if wait.peer != peer]
        self.plain.sweep()

    @rule(events=st.lists(DECLARED, max_size=3, unique_by=lambda one: one.name))
    def declare(self, events: list[Declared]) -> None:
        plain, wanted, expected = self.plain, {one.name: one for one in events}, []
        for one in [*plain.events]:
            if one not in plain.events:
                continue
            to = wanted.get(one.name)
            waits = [wait for wait in plain.waits if one in wait.places]
            if one.declared is not None and to is not None and to.manual == one.manual:
                one.declared = to
                denied = [wait for wait in waits if plain.parties[wait.peer] not in to.wait]
                expected += plain.answer(one, DENIED, denied)
            elif one.declared is not None or to is not None:
                plain.events.remove(one)
                expected += plain.answer(one, NOT_FOUND, waits)
        plain.events += [
            PlainEvent(to.name, to.manual, to.initial, to) for to in events if plain.find(to.name) is None
        ]  # fmt: skip
        assert self.table.declare(events, NOW) == expected

    @rule(number=NUMBER, name=st.sampled_from(["d1", "d2", "d3", "x", "y", "z"]), flags=st.integers(0, 7))
    def open(self, number: int, name: str, flags: int) -> None:
        peer, seq, plain = self.peer(number), self.next_seq(), self.plain
        answer = self.table.open(peer, seq, name, flags, NOW)
        one, party = plain.find(name), plain.parties.get(peer)
        dynamic = sum(other.declared is None and other.maker == peer for other in plain.events)
        if party is None:
            code = NOT_STARTED
        elif one is None and not flags & CREATE:
            code = NOT_FOUND
        elif one is None and party == "REMOTE":
            code = DENIED
        elif one is None and dynamic == MAX_DYNAMIC:
            code = FULL
        elif one is not None and not (one.may(SIGNAL, party) or one.may(WAIT, party)):
            code = DENIED
        elif one is not None and flags & CREATE and one.manual != bool(flags & MANUAL):
            code = EXISTS
        elif sum(owner == peer for owner, _ in plain.handles) == MAX_HANDLES:
            code = FULL
        else:
            existed = one is not None
            if one is None:
                one = PlainEvent(name, bool(flags & MANUAL), bool(flags & INITIAL), None, peer)
                plain.events.append(one)
            rights = sum(right for right in (SIGNAL, WAIT) if one.may(right, party))
            reply = (MANUAL if one.manual else 0) | (EXISTED if existed else 0)
            assert answer == Answer(peer, seq, OK, answer.handle, reply, rights)
            assert answer.handle > 0
            assert (peer, answer.handle) not in plain.handles
            plain.handles[peer, answer.handle] = one
            return
        assert answer == Answer(peer, seq, code)

    @rule(number=NUMBER, handle=NUMBER)
    def close(self, number: int, handle: int) -> None:
        peer, seq = self.peer(number), self.next_seq()
        handle = self.handle(peer, handle)
        code = NOT_STARTED if peer == 99 else INVALID if handle == 50 else OK
        assert self.table.close(peer, seq, handle) == Answer(peer, seq, code)
        self.plain.handles.pop((peer, handle), None)
        self.plain.sweep()

    @rule(number=NUMBER, handle=NUMBER)
    def set(self, number: int, handle: int) -> None:
        peer = self.peer(number)
        handle = self.handle(peer, handle)
        one = self.plain.handles.get((peer, handle))
        works = one is not None and one in self.plain.events and one.may(SIGNAL, self.plain.parties[peer])
        expected = self.plain.set(one) if one is not None and works else []
        assert self.table.set(peer, handle, NOW) == expected
        for answer in expected:
            assert self.table.cancel(answer.peer, 0, answer.seq) == [Answer(answer.peer, 0, NOT_FOUND)]

    @rule(number=NUMBER, handle=NUMBER)
    def reset(self, number: int, handle: int) -> None:
        peer = self.peer(number)
        handle = self.handle(peer, handle)
        one = self.plain.handles.get((peer, handle))
        if one is not None and one.may(SIGNAL, self.plain.parties[peer]):
            one.is_set = False
        assert self.table.reset(peer, handle, NOW) == []

    @rule(name=st.sampled_from(["d1", "d2", "x"]))
    def signal(self, name: str) -> None:
        if (one := self.plain.find(name)) is not None:
            assert self.table.signal(name, "comm", NOW) == self.plain.set(one)

    @rule(number=NUMBER, handles=st.lists(NUMBER, min_size=1, max_size=4))
    def wait(self, number: int, handles: list[int]) -> None:
        peer, seq, plain = self.peer(number), self.next_seq(), self.plain
        chosen = [self.handle(peer, handle) for handle in handles]
        answers = self.table.wait(peer, seq, chosen, NOW)
        if peer == 99 or 50 in chosen:
            assert answers == [Answer(peer, seq, NOT_STARTED if peer == 99 else INVALID)]
            return
        places = [plain.handles[peer, handle] for handle in chosen]
        for one in places:
            if one not in plain.events or not one.may(WAIT, plain.parties[peer]):
                assert answers == [Answer(peer, seq, NOT_FOUND if one not in plain.events else DENIED)]
                return
        ready = next((one for one in places if one.is_set), None)
        if ready is not None:
            ready.is_set = ready.manual
            assert answers == [Answer(peer, seq, OK, value=places.index(ready))]
        elif sum(wait.peer == peer for wait in plain.waits) == MAX_WAITS:
            assert answers == [Answer(peer, seq, FULL)]
        else:
            assert answers == []
            plain.waits.append(PlainWait(peer, seq, places))

    @rule(number=NUMBER)
    def cancel(self, number: int) -> None:
        if self.plain.waits:
            wait = self.plain.waits[number % len(self.plain.waits)]
            assert self.table.cancel(wait.peer, 0, wait.seq) == [Answer(wait.peer, 0, OK)]
            self.plain.waits.remove(wait)
            self.plain.sweep()

    @invariant()
    def same(self) -> None:
        seen = {view.name: view for view in self.table.views(NOW)}
        assert seen.keys() == {one.name for one in self.plain.events}
        for one in self.plain.events:
            waits = [wait for wait in self.plain.waits if one in wait.places]
            assert seen[one.name].set == one.is_set
            assert seen[one.name].waiters == tuple(dict.fromkeys(self.plain.parties[wait.peer] for wait in waits))
            assert not (one.is_set and waits)


TestEventMachine = EventMachine.TestCase
TestEventMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
