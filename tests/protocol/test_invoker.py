"""The invoker beyond the conformance cases: its timers, and any network between it and a host."""

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.comm_models import EventWait, EventWaited
from guestwire.protocol.envelope import about_request, body_hash, decode, encode, encode_parts
from guestwire.protocol.error_body import to_body
from guestwire.protocol.executor import Executor
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.pending import Accepted, Done, Failed, Pending, Progressed, Transmit
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Inbound, Limits, Now, Record, Run, Send
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

HOST, ANNA = SigningKey(bytes([1] * 32)), SigningKey(bytes([2] * 32))
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            Signer(principal="host:h1", public_key=HOST.public.raw.hex(), scope=Scope(operations=())),
            Signer(principal="operator:anna", public_key=ANNA.public.raw.hex(), scope=Scope(risk=3)),
        ),
    )
)
NOW = Now(1_800_000_000_000, 100.0)
PING, UNDEFINE, RESET = BY_NAME["host-ping"], BY_NAME["guest-undefine"], BY_NAME["guest-reset"]
WAIT = BY_NAME["event-wait"]


def later(seconds: float) -> Now:
    return Now(NOW.wall_ms + round(seconds * 1000), NOW.mono + seconds)


def invoker(**more: Any) -> Invoker:
    return Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST, **more)


def begin(it: Invoker, operation: Any = UNDEFINE, timeout_s: float = 60.0, **more: Any) -> Pending:
    requests = {PING.name: m.Ping(), WAIT.name: EventWait(names=("x",), timeout_s=1)}
    request = requests.get(operation.name, m.GuestRef(guest="web"))
    return it.begin("h1", operation, request, NOW, timeout_s=timeout_s, **more)


def test_what_a_request_says() -> None:
    pending = begin(invoker(), accept_within_s=10.0)
    header = decode(pending.frames[0]).header
    assert pending.topic == "gw/1/plant/host/h1/request/cli-1/guest-undefine"
    assert (header.audience, header.reply_to, header.issuer) == (("plant", "h1"), "cli-1", "operator:anna")
    assert (header.issued_at, header.expires, header.ttl_ms) == (NOW.wall_ms, NOW.wall_ms + 10_000, 10_000)
    assert header.version == (1, 0)


def test_a_request_is_valid_for_an_hour_at_most() -> None:
    header = decode(begin(invoker(), timeout_s=1e9).frames[0]).header
    assert header.expires - header.issued_at == 3_600_000


def test_the_timer_is_for_the_next_thing_only() -> None:
    it = invoker()
    assert it.next_due() is None
    one, two = begin(it), begin(it, PING, timeout_s=0.5)
    assert it.next_due() == NOW.mono + 0.5
    it.abandon(two)
    assert it.next_due() == NOW.mono + 1
    assert it.due(later(0.9)) == []
    [event] = it.due(later(1))
    assert event == Transmit(one)
    it.abandon(one)
    assert it.next_due() is None
    assert len(it) == 0


def test_resends_double_up_to_a_minute() -> None:
    it = invoker()
    begin(it, timeout_s=3600.0)
    times = []
    for _ in range(10):
        at = it.next_due()
        assert at is not None
        times.append(at - NOW.mono)
        it.due(later(times[-1]))
    gaps = [b - a for a, b in zip([0.0, *times], times, strict=False)]
    assert gaps == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_without_a_key_only_reads_can_be_asked_over_a_broker() -> None:
    it = Invoker("plant", "cli-1", "operator:anna", None, TRUST)
    assert not decode(begin(it, PING).frames[0]).signatures
    with pytest.raises(GuestwireError, match="UNSIGNED"):
        begin(it)
    local = Invoker("plant", "cli-1", "local:0", None, None, path_vouches=True)
    assert not decode(begin(local).frames[0]).signatures


def test_a_read_can_be_signed_to_have_its_answer_signed() -> None:
    assert decode(begin(invoker(), PING, sign=True).frames[0]).signatures
    assert decode(begin(invoker(sign_reads=True), PING).frames[0]).signatures
    assert not decode(begin(invoker(), PING).frames[0]).signatures


def test_an_inquiry_is_no_tuple_to_its_driver() -> None:
    """link/invoke keeps (future, callback) tuples in `context` and tells them from inquiries by that."""
    it = invoker()
    begin(it, accept_within_s=1.0)
    [event] = it.due(later(1))
    assert isinstance(event, Transmit)
    assert event.pending.operation.name == "job-get"
    assert not isinstance(event.pending.context, tuple)


def test_ids_can_be_given() -> None:
    it = invoker()
    pending = begin(it)
    with pytest.raises(GuestwireError) as raised:
        begin(it, request_id=pending.request_id)
    assert raised.value.code == "IDEMPOTENCY-MISMATCH"
    it.abandon(pending)
    assert begin(it, request_id=pending.request_id).request_id == pending.request_id


class Host:
    """A host with a journal, for one kind of operation; it can die between any two messages."""

    def __init__(self) -> None:
        self.journal: dict[tuple[str, bytes], list[Any]] = {}
        self.effects = 0
        self.start()

    def start(self) -> None:
        fast = Limits(issuer_rate=1e9, issuer_burst=1e9, failure_rate=1e9, failure_burst=1e9)
        self.executor = Executor("plant", "h1", BY_NAME, TRUST, HOST, limits=fast)

    def crash(self, now: Now) -> None:
        self.start()
        for row in self.journal.values():
            if row[1] is None:
                row[1] = tuple(self.executor.fail(row[0], GuestwireError("INDETERMINATE"), now).frames)

    def end(self, now: Now) -> list[bytes]:
        frames: list[bytes] = []
        for row in self.journal.values():
            if row[1] is None:
                row[1] = tuple(self.executor.fail(row[0], GuestwireError("WRONG-STATE"), now).frames)
                frames += row[1]
        return frames

    def receive(self, operation: str, frame: bytes, now: Now) -> list[bytes]:
        step = self.executor.receive(Inbound(frame, "cli-1", operation), now)
        if isinstance(step, Record):
            row = self.journal.get(step.call.key)
            if row is None:
                self.journal[step.call.key] = [step.call, None]
                self.effects += 1
                return list(self.executor.accepted(step.call, now).frames)
            outcome, final = ("running", ()) if row[1] is None else ("stored", row[1])
            step = self.executor.recorded(step.call, outcome, final, now)
        if isinstance(step, Run):
            return self.job_get(step, now)
        return list(step.frames) if isinstance(step, Send) else []

    def job_get(self, step: Run, now: Now) -> list[bytes]:
        asked: m.JobRef = step.call.request
        row = self.journal.get((asked.issuer or "", asked.request_id))
        if row is None:
            return list(self.executor.fail(step.call, GuestwireError("NOT-FOUND"), now).frames)
        job = m.JobGet(
            request_id=asked.request_id, issuer="operator:anna", operation="guest-reset",
            state="running" if row[1] is None else "failed", accepted_at=0, expires=0, final=row[1],
        )  # fmt: skip
        return list(self.executor.succeed(step.call, job, now).frames)


class Network:
    """Between a client and a host: loses, doubles, delays and so reorders; the host may die between any two messages."""

    def __init__(self, seed: int, loss: float, crashes: float, skew_ms: int) -> None:
        self.chance = random.Random(seed)
        self.loss, self.crashes, self.skew_ms = loss, crashes, skew_ms
        self.host, self.client = Host(), invoker()
        self.to_host: list[tuple[float, str, bytes]] = []
        self.to_client: list[tuple[float, bytes]] = []
        self.ends: list[Any] = []
        self.accepted = False
        """Whether the client heard that its request was accepted."""

    def arrivals(self, at: float) -> list[float]:
        copies = self.chance.choice([1, 1, 2])
        return [at + self.chance.random() * 4 for _ in range(copies) if self.chance.random() >= self.loss]

    def answer(self, frames: list[bytes], at: float) -> None:
        self.to_client += [(arrival, frame) for frame in frames for arrival in self.arrivals(at)]

    def handle(self, events: Any, at: float) -> None:
        for event in events:
            if isinstance(event, Transmit):
                name = event.pending.operation.name
                self.to_host += [(t, name, frame) for frame in event.pending.frames for t in self.arrivals(at)]
            elif isinstance(event, Done | Failed):
                self.ends.append(event)
            else:
                assert isinstance(event, Accepted | Progressed)
                self.accepted |= event.pending.operation is RESET

    def tick(self, at: float) -> None:
        now = later(at)
        there = Now(now.wall_ms + self.skew_ms, now.mono)
        if self.chance.random() < self.crashes * 0.1:
            self.host.crash(there)
        for item in [item for item in self.to_host if item[0] <= at]:
            self.to_host.remove(item)
            self.answer(self.host.receive(item[1], item[2], there), at)
        if self.chance.random() < 0.1:
            self.answer(self.host.end(there), at)
        for answer in [item for item in self.to_client if item[0] <= at]:
            self.to_client.remove(answer)
            self.handle(self.client.receive(answer[1], now, "h1"), at)
        self.handle(self.client.due(now), at)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32), st.floats(0, 0.6), st.floats(0, 0.3), st.integers(-20_000, 20_000) | st.just(0))
@example(28391178, 0.5625, 0.0, 3750)
def test_over_any_network_an_effect_happens_at_most_once_and_the_answer_is_true(
    seed: int, loss: float, crashes: float, skew_ms: int
) -> None:
    """Loss, duplication, reordering, delay, restarts and wrong clocks: the effect happens at most once, there is exactly
    one end, and who is told EXPIRED, so may ask again under a new id, is told the truth."""
    net = Network(seed, loss, crashes, skew_ms)
    pending = begin(net.client, RESET, timeout_s=120.0, accept_within_s=8.0)
    net.handle([Transmit(pending)], 0.0)
    for tick in range(1, 500):
        net.tick(tick * 0.25)
    assert net.host.effects <= 1
    [end] = net.ends
    assert isinstance(end, Failed)
    if end.error.code == "EXPIRED":
        assert net.host.effects == 0
    elif end.error.code == "NO-ANSWER" and not net.accepted:
        # one copy was refused as expired, and every answer about the others was lost
        assert "could not be found out" in end.error.message
    elif end.error.code != "HOST-UNREACHABLE":
        assert end.error.code in ("WRONG-STATE", "INDETERMINATE", "NO-ANSWER")
        assert net.host.effects == 1


# -- what somebody on the way says


def said(pending: Pending, phase: str, status: str, body: bytes, **more: Any) -> bytes:
    """An answer to a request, as anybody can make it up."""
    header = pending.header._replace(
        kind="response", issuer="host:h1", status=status, phase=phase, body_hash=body_hash(body), **more
    )
    return encode(header, body)


def refused(pending: Pending, code: str, phase: str = "refused", **more: Any) -> bytes:
    return said(pending, phase, code, to_body(GuestwireError(code)), **more)


@pytest.mark.parametrize("phase", ["refused", "final"])
def test_a_question_for_proof_that_nobody_signed_ends_no_command(phase: str) -> None:
    """The host may be at work on it: the word of somebody on the way is no failure."""
    it = invoker()
    pending = begin(it, RESET)
    for _ in range(6):
        assert it.receive(refused(pending, "CLOCK-UNSYNCHRONISED", phase), NOW) == []
    assert len(it) == 1
    assert it.dropped["UNSIGNED-RESPONSE"] == 6
    [failed] = [event for event in it.due(later(61)) if isinstance(event, Failed)]
    assert failed.error.code == "UNSIGNED-RESPONSE"


def test_questions_for_proof_are_answered_a_few_times_and_end_no_command() -> None:
    it = invoker()
    pending = begin(it, RESET)
    frames = [refused(pending, "CLOCK-UNSYNCHRONISED", nonce=bytes([n] * 24)) for n in range(5)]
    events = [it.receive(frame, NOW) for frame in frames]
    assert [[type(event) for event in some] for some in events] == [[Transmit]] * 3 + [[], []]
    assert len(it) == 1


def signed(pending: Pending, reply: Any, key: SigningKey = HOST) -> list[bytes]:
    """The host's final, in as many frames as it takes."""
    body = to_bytes(reply)
    header = pending.header._replace(
        kind="response", issuer="host:h1", status="ok", phase="final", body_hash=body_hash(body),
        about=about_request("operator:anna", pending.header.body_hash),
    )  # fmt: skip
    return encode_parts(header, body, (key,))


@pytest.mark.parametrize(("size", "parts"), [(10, 1), (130_000, 3)])
def test_what_a_host_signed_is_passed_on_as_it_came(size: int, parts: int) -> None:
    """All frames of the answer, in order, whichever came first and however often; nothing of what was not the answer."""
    it = invoker()
    pending = begin(it, WAIT)
    frames = signed(pending, EventWaited(name="x" * size, at=1))
    assert len(frames) == parts
    other = signed(pending, EventWaited(name="y" * 130_000, at=1))
    forged = signed(pending, EventWaited(name="z" * size, at=1), ANNA)
    for frame in (other[0], *forged, *frames[1:][::-1], *frames[1:]):
        assert it.receive(frame, NOW) == []
    [done] = it.receive(frames[0], NOW)
    assert isinstance(done, Done)
    assert done.final == tuple(frames)


def test_a_final_of_which_a_part_came_before_the_request_was_made_again_is_not_passed_on() -> None:
    it = invoker()
    first = begin(it, WAIT)
    frames = signed(first, EventWaited(name="x" * 130_000, at=1))
    it.receive(frames[0], NOW)
    it.abandon(first)
    begin(it, WAIT, request_id=first.request_id)
    events = [event for frame in frames[1:] for event in it.receive(frame, NOW)]
    assert [event.final for event in events if isinstance(event, Done)] == [()]


def test_of_a_reading_no_frame_is_kept() -> None:
    it = invoker(sign_reads=True)
    pending = begin(it, PING)
    [done] = it.receive(signed(pending, m.Pong(payload=b"", now=1, epoch=1))[0], NOW)
    assert isinstance(done, Done)
    assert (done.final, done.verified) == ((), True)


@pytest.mark.parametrize("status", ["ok", "NOT-FOUND"])
def test_who_signs_a_read_believes_no_answer_that_nobody_signed(status: str) -> None:
    """The host signs the answer to every signed request: one without was stripped, or made up."""
    body = to_bytes(m.Pong(payload=b"", now=1, epoch=1)) if status == "ok" else to_body(GuestwireError(status))
    signing, plain = invoker(sign_reads=True), invoker()
    pending = begin(signing, PING)
    for phase in ("final", "refused") if status != "ok" else ("final",):
        assert signing.receive(said(pending, phase, status, body), NOW) == []
    assert signing.dropped["UNSIGNED-RESPONSE"] >= 1
    [event] = plain.receive(said(begin(plain, PING), "final", status, body), NOW)
    assert isinstance(event, Done | Failed)
    assert not event.verified


def test_the_word_of_somebody_that_it_was_accepted_is_not_the_hosts() -> None:
    """What the host then does not know may never have come to it."""
    it = invoker()
    pending = begin(it, RESET, timeout_s=600, accept_within_s=1.0)
    it.receive(said(pending, "accepted", "ok", b"\x80"), NOW)
    [asking] = [event.pending for event in it.due(later(20)) if isinstance(event, Transmit)]
    body = to_body(GuestwireError("NOT-FOUND"))
    header = asking.header._replace(
        kind="response", issuer="host:h1", status="NOT-FOUND", phase="final", body_hash=body_hash(body),
        issued_at=later(20).wall_ms, about=about_request("operator:anna", asking.header.body_hash),
    )  # fmt: skip
    [failed] = it.receive(encode(header, body, (HOST,)), later(20))
    assert isinstance(failed, Failed)
    assert failed.error.code == "INDETERMINATE"
    assert "nobody signed" in failed.error.message
