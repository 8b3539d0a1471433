"""The guest services: what they answer, what they note, and what they refuse."""

import asyncio
import os
import re
import time
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import CapturingLogger

from guestwire.broker_test.fixtures import require
from guestwire.comm.happenings import Happenings
from guestwire.comm.services import DATA_MAX, LINES_BURST, LOG_MAX, NUMBER_OF, GuestServices, log_text
from guestwire.comm.tracing import Bounds, HostTrace, Snapshot, TraceRefused
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import NUMBERS

ALL = ("log", "ping", "flush", "data")
OK, DENIED, INVALID, BUSY, TOO_LARGE, UNSUPPORTED = (
    NUMBERS[f"GW_{name}"] for name in ("OK", "DENIED", "INVALID", "BUSY", "TOO_LARGE", "UNSUPPORTED")
)
AT = 1_000_000_007


class Marks:
    """A trace that keeps its marks; `missing` says why there is none. A snapshot ends when `answer` is there."""

    def __init__(self, missing: str = "") -> None:
        self.missing = missing
        self.said: list[str] = []
        self.data: list[bytes] = []
        self.asked: list[tuple[str, Collection[int] | None]] = []
        self.answer: asyncio.Future[Snapshot] = asyncio.Future()

    def mark(self, text: str) -> str:
        if not self.missing:
            self.said.append(text)
        return self.missing

    def mark_bytes(self, text: str, data: bytes) -> str:
        if not self.missing:
            self.data.append(data)
        return self.mark(text)

    async def snapshot(self, guest: str, cpus: Collection[int] | None) -> Snapshot:
        self.asked.append((guest, cpus))
        return await self.answer


class Desk:
    """Services with everything that they tell."""

    def __init__(self, trace: Marks, allowed: tuple[str, ...] = ALL) -> None:
        self.trace = trace
        self.log = CapturingLogger()
        self.told = asyncio.Event()
        self.kept = Happenings(bytes(16), on_new=self.told.set)
        self.mono = 0.0
        self.services = GuestServices(
            lambda guest: allowed if guest != "other" else (), trace, self.log, self.kept.add, lambda: self.now,
            cpus_of=lambda guest: {4, 5} if guest == "alpha" else (), cpu=lambda: 1, mono_ns=lambda: AT,
        )  # fmt: skip
        self.seq = 0

    @property
    def now(self) -> Now:
        return Now(1_700_000_000_000, self.mono)

    def ask(
        self, op: str, *, value: int = 0, flags: int = 0, payload: bytes = b"", party: str = "alpha"
    ) -> tuple[int, int]:
        self.seq += 1
        return self.services.request(party, NUMBERS[f"GW_OP_{op}"], self.seq, flags, value, payload, self.now)

    @property
    def happened(self):
        return self.kept.since(self.kept.log, 0).happenings


@pytest.fixture
async def desk():
    made = Desk(Marks())
    yield made
    await made.services.close()


# -- what there is, and what is denied


@pytest.mark.parametrize("allowed", [(), ("ping",), ("log", "flush"), ALL], ids=str)
@pytest.mark.parametrize("missing", ["", "tracefs: no"])
async def test_available_says_what_the_guest_may_use_and_the_host_can_do(allowed, missing):
    desk = Desk(Marks(missing), allowed)
    can = {service for service in allowed if not missing or service not in ("flush", "data")}
    assert desk.ask("AVAILABLE") == (OK, int(bool(can)))
    assert {service for service, n in NUMBER_OF.items() if desk.ask("AVAILABLE", value=n) == (OK, 1)} == can
    assert desk.ask("AVAILABLE", value=2**64 - 1) == (OK, 0)
    assert not desk.happened


@pytest.mark.parametrize(("op", "service"), [("PING", "ping"), ("LOG", "log"), ("FLUSH", "flush"), ("DATA", "data")])
async def test_a_service_that_was_not_given_is_denied_and_noted(op, service):
    desk = Desk(Marks(), tuple({*ALL} - {service}))
    assert desk.ask(op, payload=b"x") == (DENIED, 0)
    (told,) = desk.happened
    assert (told.kind, told.guest, told.name, told.code) == ("denied", "alpha", service, "COMM-DENIED")
    assert (desk.trace.said, desk.trace.asked, desk.log.calls) == ([], [], [])


async def test_by_default_there_is_nothing(desk):
    assert desk.ask("AVAILABLE", party="other") == (OK, 0)
    assert {desk.ask(op, payload=b"x", party="other") for op in ("PING", "LOG", "FLUSH", "DATA")} == {(DENIED, 0)}


async def test_what_is_no_service_is_not_supported(desk):
    assert desk.services.request("alpha", 9999, 1, 0, 0, b"", desk.now) == (UNSUPPORTED, 0)


# -- ping, log, data


async def test_a_ping_brings_its_cookie_back_and_leaves_a_mark(desk):
    assert desk.ask("PING", value=2**64 - 1) == (OK, 2**64 - 1)
    assert desk.trace.said == [f"guestwire ping guest=alpha record=1 request=1 at_ns={AT} cookie=0xffffffffffffffff"]
    assert not desk.happened


async def test_records_count_up_for_each_guest(desk):
    for party in ("alpha", "beta", "alpha"):
        desk.ask("PING", party=party)
    assert [re.search(r"guest=(\w+) record=(\d+) request=(\d+)", said).groups() for said in desk.trace.said] == [
        ("alpha", "1", "1"), ("beta", "1", "2"), ("alpha", "2", "3"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "level"),
    [(0, "debug"), (1, "info"), (2, "warning"), (3, "error"), (4, "error"), (65535, "error")],
)
async def test_a_line_goes_to_the_log_the_trace_and_the_happenings(desk, flags, level):
    assert desk.ask("LOG", flags=flags, payload=b"disk is full\n") == (OK, 0)
    (call,) = desk.log.calls
    assert (call.method_name, call.args) == (level, ("guest says",))
    assert call.kwargs == {
        "guest": "alpha", "text": "disk is full", "truncated": False, "record": 1, "request": 1, "at_ns": AT, "unsaid": 0,
    }  # fmt: skip
    (told,) = desk.happened
    assert (told.kind, told.guest, told.text, told.level, told.truncated) == (
        "log",
        "alpha",
        "disk is full",
        level,
        False,
    )
    assert told.name == f"1.1@{AT}"
    assert desk.trace.said[0].endswith(f"level={level} disk is full")


async def test_a_line_that_is_too_long_is_cut_and_flagged(desk):
    assert desk.ask("LOG", payload=b"y" * 30_000) == (OK, 1)
    (told,) = desk.happened
    assert (told.text, told.truncated) == ("y" * LOG_MAX, True)


async def test_a_guest_that_writes_lines_without_end_is_told_to_wait_and_what_was_not_said_is_counted(desk):
    codes = [desk.ask("LOG", payload=b"again")[0] for _ in range(int(LINES_BURST) + 7)]
    assert codes == [OK] * int(LINES_BURST) + [BUSY] * 7
    assert desk.ask("LOG", payload=b"me too", party="beta") == (OK, 0)
    desk.mono += 1
    assert [desk.ask("LOG", payload=b"the end") for _ in range(2)] == [(OK, 0)] * 2
    assert [call.kwargs["unsaid"] for call in desk.log.calls[-3:]] == [0, 7, 0]


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (b"", ""),
        (b"plain text, with spaces ", "plain text, with spaces "),
        ("Größe 5 µs ✓".encode(), "Größe 5 µs ✓"),
        (b"ends like C\0\0", "ends like C"),
        (b"one\r\ntwo\n", "one\\r\\ntwo"),
        (b"\x1b[2Jgone\x07\0x", "\\x1b[2Jgone\\x07\\x00x"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("a\u202eb\u2028c\u200bd\x85".encode(), "a\\u202eb\\u2028c\\u200bd\\x85"),
    ],
)
def test_a_text_becomes_one_line(payload, line):
    assert log_text(payload) == (line, False)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000) | st.text(max_size=1500).map(lambda text: text.encode("utf-8", "replace")))
def test_no_text_makes_more_than_a_line_of_its_length(payload):
    line, cut = log_text(payload)
    assert len(line.encode()) <= LOG_MAX
    assert line.isprintable()
    assert cut or len(payload.rstrip(b"\0\r\n")) <= LOG_MAX
    assert not cut or len(line.encode()) > LOG_MAX - 16


async def test_data_is_marked_and_noted_with_the_guests_number(desk):
    data = bytes(range(256)) * 16
    assert desk.ask("DATA", payload=data) == (OK, 0)
    assert desk.trace.data == [data]
    assert desk.trace.said == [f"guestwire data guest=alpha record=1 request=1 at_ns={AT} bytes=4096"]
    (told,) = desk.happened
    assert (told.kind, told.name, told.data, told.text) == ("data", f"1.1@{AT}", data, "")


@pytest.mark.parametrize(("payload", "answer"), [(b"", (INVALID, 0)), (bytes(DATA_MAX + 1), (TOO_LARGE, DATA_MAX))])
async def test_no_data_and_too_much_are_refused(desk, payload, answer):
    assert desk.ask("DATA", payload=payload) == answer
    assert (desk.happened, desk.trace.data) == ((), [])


async def test_without_a_trace_data_is_noted_all_the_same_and_ping_and_log_work():
    desk = Desk(Marks("tracefs: Operation not permitted"))
    assert desk.ask("DATA", payload=b"mark") == (UNSUPPORTED, 0)
    (told,) = desk.happened
    assert told.data == b"mark"
    assert told.text == "It is not in the host's trace: tracefs: Operation not permitted."
    assert desk.ask("PING", value=5) == (OK, 5)
    assert desk.ask("LOG", payload=b"line") == (OK, 0)


# -- flush


async def settled(desk: Desk, count: int = 1) -> None:
    """Until that many happenings were told."""
    async with asyncio.timeout(10):
        while len(desk.happened) < count:
            desk.told.clear()
            await desk.told.wait()


@pytest.mark.parametrize(
    ("party", "scope", "cpus"), [("alpha", 0, {1}), ("alpha", 1, {4, 5}), ("beta", 1, None), ("alpha", 2, None)]
)
async def test_a_flush_takes_the_trace_of_its_scope(desk, party, scope, cpus):
    assert desk.ask("FLUSH", value=scope, party=party) == (OK, 1)
    assert desk.ask("FLUSH", value=scope, party="gamma") == (BUSY, 0)
    desk.trace.answer.set_result(Snapshot(Path("/traces/one"), 100, True))
    await settled(desk)
    assert desk.trace.asked == [(party, cpus)]
    (told,) = desk.happened
    assert (told.kind, told.guest, told.name, told.truncated) == ("flush", party, f"1.1@{AT}", True)
    assert told.text.endswith(": /traces/one")
    assert len(desk.trace.said) == 1
    assert f"scope={scope}" in desk.trace.said[0]


async def test_a_flush_that_fails_is_told(desk):
    desk.ask("FLUSH")
    desk.trace.answer.set_exception(TraceRefused("No space left on device: /traces"))
    await settled(desk)
    (told,) = desk.happened
    assert (told.level, told.text) == ("warning", "No trace was taken: No space left on device: /traces.")


async def test_a_guest_may_not_flush_all_the_time(desk):
    desk.trace.answer.set_result(Snapshot(Path("/traces/one"), 100, False))
    codes = []
    for n in range(5):
        codes.append(desk.ask("FLUSH")[0])
        await settled(desk, min(n + 1, 4))
    assert codes == [OK] * 4 + [BUSY]
    assert desk.ask("FLUSH", party="beta")[0] == OK


@pytest.mark.parametrize("scope", [3, 2**64 - 1])
async def test_a_scope_that_is_none_is_refused(desk, scope):
    assert desk.ask("FLUSH", value=scope) == (INVALID, 0)


async def test_a_flush_where_there_is_no_trace_is_not_supported():
    desk = Desk(Marks("tracefs: it is not mounted"))
    assert desk.ask("FLUSH") == (UNSUPPORTED, 0)
    (told,) = desk.happened
    assert told.text == "No trace was taken: tracefs: it is not mounted."


async def test_the_end_does_not_wait_for_a_snapshot(desk):
    desk.ask("FLUSH")
    await desk.services.close()
    assert desk.trace.answer.cancelled() or not desk.trace.asked


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["AVAILABLE", "PING", "LOG", "DATA"]),
    st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=5000),
)  # fmt: skip
async def test_whatever_a_guest_asks_there_is_an_answer(op, seq, flags, value, payload):
    desk = Desk(Marks())
    code, answer = desk.services.request("alpha", NUMBERS[f"GW_OP_{op}"], seq, flags, value, payload, desk.now)
    assert code in (OK, INVALID, TOO_LARGE)
    assert 0 <= answer < 2**64


# -- with the kernel


async def test_the_records_of_two_guests_are_in_the_hosts_trace_in_the_order_of_its_clock(tmp_path):
    trace = HostTrace(tmp_path, instance=f"guestwire-services-{os.getpid()}", bounds=Bounds(buffer_kib=64))
    refused = await trace.open()
    require("mount", not refused, f"may not mount a small file system: {refused}")
    desk = Desk(Marks())
    services = GuestServices(lambda guest: ALL, trace, desk.log, desk.kept.add, lambda: Now(0, time.monotonic()))
    try:
        for n in range(20):
            op, payload = (NUMBERS["GW_OP_DATA"], b"mark") if n % 3 else (NUMBERS["GW_OP_LOG"], b"a line")
            assert services.request(("alpha", "beta")[n % 2], op, 100 + n, 0, 0, payload, desk.now)[0] == OK
        assert services.request("alpha", NUMBERS["GW_OP_FLUSH"], 200, 0, 2, b"", desk.now)[0] == OK
        await settled(desk, 21)
    finally:
        await services.close()
        await trace.close()
    text = Path(desk.happened[-1].text.removeprefix("all CPUs: ")).read_text()
    found = re.findall(
        r"(\d+\.\d+): tracing_mark_write: guestwire \w+ guest=(\w+) record=(\d+) request=(\d+) at_ns=(\d+)", text
    )
    assert [(guest, int(seq)) for _, guest, _, seq, _ in found] == [
        *((("alpha", "beta")[n % 2], 100 + n) for n in range(20)), ("alpha", 200),
    ]  # fmt: skip
    assert [int(number) for _, guest, number, _, _ in found if guest == "beta"] == list(range(1, 11))
    stamps = [int(ns) for *_, ns in found]
    assert stamps == sorted(stamps)
    # the stamp was taken before the mark was made, by the same clock, which the trace prints in whole microseconds
    assert all(ns / 1e9 <= float(printed) + 1e-6 for printed, *_, ns in ((row[0], int(row[4])) for row in found))
    assert [told.name for told in desk.happened] == [f"{row[2]}.{row[3]}@{row[4]}" for row in found]
