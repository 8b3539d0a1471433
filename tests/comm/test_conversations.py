"""Conversations: numbers, HELLO again, other parties, requests that cost or break."""

import os
import struct
from collections.abc import Sequence
from typing import Any

import pytest

from guestwire.comm.conversation_ports import Granted
from guestwire.comm.conversations import REQUEST_S, Conversations
from guestwire.comm.event_rows import Declared
from guestwire.comm.events import EventTable
from guestwire.comm.reaper import Reaped
from guestwire.comm.storms import Storms
from guestwire.comm.throttle import Throttle
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import NUMBERS, REPLY, REQUEST, VERSION

N = NUMBERS


class Line:
    """A way that keeps what is put into it."""

    def __init__(self, party: str, kind: Any = "doorbell") -> None:
        self.party, self.kind, self.pid = party, kind, None
        self.replies: list[dict[str, Any]] = []
        self.flushed = 0
        self.paused: list[float] = []

    def reply(self, reply: bytes, fds: Sequence[int] = ()) -> None:
        self.replies.append(REPLY.unpack(reply))

    def flush(self) -> None:
        self.flushed += 1

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    def close(self) -> None: ...

    @property
    def last(self) -> dict[str, Any]:
        return self.replies[-1]


class Others:
    """Grants, services, audit and storms' hearer in one: who may have what is set by the test, what is told is kept."""

    def __init__(self) -> None:
        self.serving, self.instance = True, 7
        self.told: list[tuple[Any, ...]] = []
        self.released: list[int] = []
        self.broken = False
        self.granted = Granted(N["GW_DENIED"])
        self.spent = 0.0
        self.each = 0.0

    def may_be(self, way: object, guest: str) -> int:
        return N["GW_OK" if guest in ("a", "b") else "GW_NOT_FOUND" if guest == "zzz" else "GW_DENIED"]

    def area(self, party: str, name: str, wanted: int) -> Granted:
        if self.broken:
            raise OSError("no files left")
        return self.granted

    def directory(self, party: str) -> Granted:
        return Granted(N["GW_NOT_FOUND"])

    def plug(self, way: object, guest: str, index: int, wanted: int) -> Granted:
        return Granted(N["GW_DENIED"])

    def native(self, event: str) -> int | None:
        return None

    def release_locks(self, number: int) -> Reaped:
        self.released.append(number)
        return Reaped(("l",), ("lock:l",))

    def request(self, *_: object) -> tuple[int, int]:
        return N["GW_OK"], 0

    def processor(self) -> float:
        self.spent += self.each
        return self.spent

    def __getattr__(self, name: str) -> Any:
        if name not in ("denied", "ready", "attached", "detached", "talking", "reaped", "defect", "throttled", "calm"):
            raise AttributeError(name)
        return lambda *what: self.told.append((name, *what))


class Scene:
    def __init__(self, rate: float = 1e6) -> None:
        self.others = Others()
        self.table = EventTable()
        parties = frozenset(("a", "b", "HOST"))
        self.table.declare(
            [
                Declared("e", False, False, parties, parties),
                Declared("lock:l", False, False, parties, parties, hidden=True),
            ],
            self.now(),
        )
        storms = Storms(lambda: Throttle(rate, rate), self.others, self.now, lambda *_: None)
        self.talks = Conversations(
            self.table, self.others, self.others, self.others, self.now, storms, spent=self.others.processor
        )

    def now(self) -> Now:
        return Now(wall_ms=5, mono=1.0)

    def line(self, party: str, kind: Any = "doorbell") -> Line:
        line = Line(party, kind)
        self.talks.attached(line)
        return line

    def ask(self, line: Line, *requests: bytes) -> dict[str, Any]:
        self.talks.requests(line, requests)
        return line.last


def request(op: str, **fields: Any) -> bytes:
    return REQUEST.pack(seq=fields.pop("seq", 1), op=N[f"GW_OP_{op}"], **fields)


def hello(name: str = "") -> bytes:
    return request("HELLO", value=VERSION, text=name)


def wait(*handles: int, seq: int = 1, **more: int) -> bytes:
    return request("WAIT", seq=seq, count=len(handles), text=struct.pack(f"<{len(handles)}I", *handles), **more)


def test_nothing_is_asked_before_hello() -> None:
    scene = Scene()
    line = scene.line("a")
    assert scene.ask(line, request("OPEN", text="e"))["code"] == N["GW_INVALID"]
    scene.talks.requests(line, [request("SET", handle=1)])  # has no reply, here neither
    assert len(line.replies) == 1
    assert scene.ask(line, request("HELLO", value=VERSION + 1))["code"] == N["GW_UNSUPPORTED"]
    assert scene.ask(line, hello())["code"] == N["GW_OK"]


def test_hello_again_is_another_conversation() -> None:
    scene = Scene()
    line = scene.line("a")
    first = scene.ask(line, hello())["value"]
    handle = scene.ask(line, request("OPEN", text="e"))["handle"]
    scene.talks.requests(line, [wait(handle, seq=9)])
    second = scene.ask(line, hello())["value"]
    assert first != second
    assert scene.others.released == [first]
    assert ("reaped", "a", "l") in scene.others.told
    assert scene.talks.party(first) is None
    assert scene.talks.party(second) == "a"
    assert scene.ask(line, request("QUERY", handle=handle))["code"] == N["GW_INVALID"]
    assert 9 not in [reply["seq"] for reply in line.replies]  # whoever waited is gone
    scene.talks.detached(line)
    assert scene.others.released == [first, second]


def test_a_number_that_nobody_was_told_holds_no_lock() -> None:
    scene = Scene()
    line = scene.line("a")
    scene.talks.detached(line)
    assert scene.others.released == []


def test_a_process_becomes_another_guest_within_one_batch() -> None:
    """What it held as the one is let go as that one's, what it asks next it asks as the other."""
    scene = Scene()
    line = scene.line("HOST", "socket")
    scene.ask(line, hello("a"), request("OPEN", text="e"), hello("b"), request("OPEN", text="e"), request("READY"))
    assert [reply["code"] for reply in line.replies] == [0] * 5
    told = [one for one in scene.others.told if one[0] in ("attached", "detached", "reaped", "ready")]
    assert told == [
        ("attached", "a", "socket"), ("reaped", "a", "l"), ("detached", "a", "socket"), ("attached", "b", "socket"),
        ("ready", "b"),
    ]  # fmt: skip
    assert scene.ask(line, hello("nobody"))["code"] == N["GW_DENIED"]
    assert scene.ask(line, request("READY"))["code"] == N["GW_OK"]  # it is still b


def test_a_reset_guest_begins_anew_on_all_its_ways() -> None:
    scene = Scene()
    bell, port, other = scene.line("a"), scene.line("a", "serial"), scene.line("b")
    numbers = [scene.ask(line, hello())["value"] for line in (bell, port, other)]
    scene.talks.restart("a")
    assert scene.others.released == numbers[:2]
    assert scene.ask(bell, request("READY"))["code"] == N["GW_INVALID"]
    assert scene.ask(other, request("READY"))["code"] == N["GW_OK"]


def test_services_that_stop_answer_waits_and_free_no_lock() -> None:
    scene = Scene()
    line = scene.line("a")
    number = scene.ask(line, hello())["value"]
    handle = scene.ask(line, request("OPEN", text="e"))["handle"]
    heard: list[Any] = []
    caller = scene.talks.join("HOST", heard.append)
    opened = scene.table.open(caller, 0, "e", 0, scene.now())
    scene.table.wait(caller, 3, [opened.handle], scene.now())
    scene.talks.requests(line, [wait(handle, seq=9)])
    scene.others.serving = False
    scene.talks.end_all()
    assert (line.last["seq"], line.last["code"]) == (9, N["GW_NOT_STARTED"])
    assert [(one.seq, one.code) for one in heard] == [(3, N["GW_NOT_STARTED"])]
    assert scene.others.released == []
    assert scene.ask(line, request("OPEN", text="e"))["code"] == N["GW_NOT_STARTED"]
    scene.others.serving = True
    assert scene.ask(line, request("OPEN", text="e"))["code"] == N["GW_INVALID"]
    assert scene.ask(line, hello())["value"] != number
    assert scene.others.released == [number]


def test_numbers_go_round_and_miss_those_in_use() -> None:
    scene = Scene()
    kept = scene.line("a")
    first = scene.ask(kept, hello())["value"]
    scene.talks._last = 0x7FFFFFFE - 1
    numbers = [scene.ask(scene.line("b"), hello())["value"] for _ in range(4)]
    assert numbers == [0x7FFFFFFE, *(n for n in range(1, 5) if n != first)][:4]
    assert all(0 < number < N["GW_LOCK_WAITERS"] for number in numbers)


def test_a_request_that_breaks_is_answered_and_told_and_the_next_is_served() -> None:
    scene = Scene()
    line = scene.line("HOST", "socket")
    scene.ask(line, hello())
    scene.others.broken = True
    scene.ask(line, request("AREA", text="x", seq=5), request("READY", seq=6))
    assert [(reply["seq"], reply["code"]) for reply in line.replies[1:]] == [(5, N["GW_SYSTEM"]), (6, N["GW_OK"])]
    assert [one[0] for one in scene.others.told].count("defect") == 1


@pytest.mark.parametrize(("each", "paused"), [(REQUEST_S / 2, False), (REQUEST_S * 200, True)])
def test_a_request_that_takes_long_counts_as_many(each: float, paused: bool) -> None:
    scene = Scene(rate=100)
    line = scene.line("a")
    scene.others.each = each
    scene.ask(line, hello())
    assert bool(line.paused) is paused


@pytest.mark.parametrize(("waits", "paused"), [(10, False), (150, True)])
def test_a_set_counts_as_the_waits_that_it_ends(waits: int, paused: bool) -> None:
    scene = Scene(rate=100)
    line, other = scene.line("a"), scene.line("b")
    scene.ask(line, hello())
    scene.ask(other, hello())
    mine = scene.ask(line, request("OPEN", text="m", flags=N["GW_CREATE"] | N["GW_MANUAL"]))["handle"]
    theirs = scene.ask(other, request("OPEN", text="m"))["handle"]
    for seq in range(waits):
        scene.talks.requests(other, [wait(theirs, seq=seq)])
    line.paused.clear()
    scene.talks.requests(line, [request("SET", handle=mine)])
    assert bool(line.paused) is paused


def test_a_wait_may_set_another_event_first() -> None:
    scene = Scene()
    lines = [scene.line(name) for name in "ab"]
    for line in lines:
        scene.ask(line, hello())
    a, b = lines
    scene.ask(a, request("OPEN", text="back", flags=N["GW_CREATE"]))
    there, back = ([scene.ask(line, request("OPEN", text=name))["handle"] for line in lines] for name in ("e", "back"))
    scene.talks.requests(b, [wait(there[1], seq=5)])
    said = len(a.replies)
    first = {"flags": N["GW_SET_FIRST"]}
    scene.talks.requests(a, [wait(back[0], seq=6, value=there[0], **first)])
    assert (b.last["seq"], b.last["code"], len(a.replies)) == (5, N["GW_OK"], said)
    scene.talks.requests(b, [wait(there[1], seq=7, value=back[1], **first)])
    assert (a.last["seq"], a.last["code"], b.last["seq"]) == (6, N["GW_OK"], 5)
    scene.talks.requests(a, [wait(there[0], seq=8, value=there[0], **first)])
    assert b.last["seq"] == 7, "who waited before gets it, not who set it"
    scene.talks.requests(a, [wait(0xBAD, seq=9, value=0xFFFFFFFFFFFFFFFF, **first)])
    assert (a.last["seq"], a.last["code"]) == (9, N["GW_INVALID"])


@pytest.mark.parametrize(("signallers", "paused"), [(("a", "b"), False), (("b",), True)])
def test_what_a_quick_request_takes_is_looked_at_when_it_is_denied(signallers: tuple[str, ...], paused: bool) -> None:
    scene = Scene(rate=100)
    scene.table.declare([Declared("e", False, False, frozenset(signallers), frozenset("ab"))], scene.now())
    line = scene.line("a")
    scene.ask(line, hello())
    handle = scene.ask(line, request("OPEN", text="e"))["handle"]
    scene.others.each = REQUEST_S * 200
    scene.talks.requests(line, [request("SET", handle=handle)])
    assert bool(line.paused) is paused


@pytest.mark.parametrize(("signallers", "waiters", "op"), [("b", "a", "SET"), ("b", "a", "RESET"), ("a", "b", "WAIT")])
def test_what_is_done_without_the_right_is_told_and_counted(signallers: str, waiters: str, op: str) -> None:
    scene = Scene()
    scene.table.declare([Declared("e", False, False, frozenset(signallers), frozenset(waiters))], scene.now())
    line = scene.line("a")
    scene.ask(line, hello())
    handle = scene.ask(line, request("OPEN", text="e"))["handle"]
    asked = wait(handle) if op == "WAIT" else request(op, handle=handle)
    scene.talks.requests(line, [asked, asked])
    assert [row for row in scene.others.told if row[0] == "denied"] == [("denied", "a", op.lower(), "e", 2)]
    assert [talk.denied for talk in scene.talks.all] == [2]


def test_the_ways_of_a_guest_wait_together() -> None:
    scene = Scene(rate=10)
    bell, port = scene.line("a"), scene.line("a", "serial")
    for _ in range(12):
        scene.talks.woken(bell)
    assert bell.paused
    scene.ask(port, hello())
    assert port.paused
    other = scene.line("b")
    scene.ask(other, hello())
    assert not other.paused


@pytest.mark.parametrize(("name", "code", "told"), [("zzz", "NOT_FOUND", 1), ("other", "DENIED", 1), ("b", "OK", 0)])
def test_who_may_be_which_guest(name: str, code: str, told: int) -> None:
    scene = Scene()
    line = scene.line("HOST", "socket")
    assert scene.ask(line, hello(name))["code"] == N[f"GW_{code}"]
    assert [row[0] for row in scene.others.told].count("denied") == told


def test_files_go_over_sockets_alone() -> None:
    scene = Scene()
    line = scene.line("a")
    scene.ask(line, hello())
    there, held = os.pipe2(os.O_NONBLOCK)
    scene.others.granted = Granted(N["GW_OK"], held)
    assert scene.ask(line, request("AREA", text="x"))["code"] == N["GW_UNSUPPORTED"]
    assert os.read(there, 1) == b"", "the file was closed"
    os.close(there)
    assert not [row for row in scene.others.told if row[0] == "denied"]


@pytest.mark.parametrize("kind", ["doorbell", "serial", "socket"])
def test_a_file_without_a_right_to_it_is_told_over_every_way(kind: str) -> None:
    scene = Scene()
    line = scene.line("a", kind)
    scene.ask(line, hello())
    assert scene.ask(line, request("AREA", text="x"))["code"] == N["GW_DENIED"]
    assert [row for row in scene.others.told if row[0] == "denied"] == [("denied", "a", "open", "x")]
    assert [talk.denied for talk in scene.talks.all] == [1]
    scene.others.granted = Granted(N["GW_NOT_FOUND"])
    assert scene.ask(line, request("AREA", text="x"))["code"] == N["GW_NOT_FOUND"]
