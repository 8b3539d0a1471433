"""The executor beyond the conformance cases: what its driver reports back, and its bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import Header, body_hash, decode, encode_parts
from guestwire.protocol.executor import ACCEPT_AFTER_S, Executor
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Dropped, Inbound, Limits, Now, Record, Run, Send, Step
from guestwire.protocol.trust import LocalScope, Scope, Signer, Trust, TrustDocument

HOST, ANNA = SigningKey(bytes([1] * 32)), SigningKey(bytes([2] * 32))
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(Signer(principal="operator:anna", public_key=ANNA.public.raw.hex(), scope=Scope(risk=3)),),
    )
)
NOW = Now(1_800_000_000_000, 100.0)


def executor(**limits: Any) -> Executor:
    return Executor("plant", "h1", BY_NAME, TRUST, HOST, limits=Limits(**limits))


def request(operation: str, body: dict[str, Any], *, signed: bool = True, **changed: Any) -> Inbound:
    packed = pack(body)
    header = Header(
        (1, 0), "request", ("plant", "h1"), operation, ids.request_id(NOW.wall_ms), "operator:anna", NOW.wall_ms,
        NOW.wall_ms + 60_000, 60_000, body_hash(packed), "cli-1",
    )  # fmt: skip
    [frame] = encode_parts(header._replace(**changed), packed, (ANNA,) if signed else ())
    return Inbound(frame, "cli-1", operation, path="path")


def command(it: Executor) -> Call:
    step = it.receive(request("guest-undefine", {"guest": "web"}), NOW)
    assert isinstance(step, Record)
    return step.call


def read(it: Executor) -> Call:
    step = it.receive(request("host-ping", {"payload": b"x"}, signed=False), NOW)
    assert isinstance(step, Run)
    return step.call


def body(send: Step | None) -> Any:
    assert isinstance(send, Send)
    return unpack(decode(send.frames[0]).body)


def test_a_call_knows_what_a_journal_needs() -> None:
    inbound = request("guest-undefine", {"guest": "web"}, ttl_ms=5_000)
    step = executor().receive(inbound, Now(NOW.wall_ms + 1000, 0.0))
    assert isinstance(step, Record)
    call = step.call
    header = decode(inbound.payload).header
    assert call.key == ("operator:anna", header.request_id)
    assert (call.body, call.body_hash) == (pack({"guest": "web"}), header.body_hash)
    assert (call.accepted_ms, call.start_by_ms) == (NOW.wall_ms + 1000, NOW.wall_ms + 6000)
    assert (call.expires, call.client, call.path, call.local) == (NOW.wall_ms + 60_000, "cli-1", "path", False)
    assert call.request == m.GuestRef(guest="web")
    assert step.final is None


@pytest.mark.parametrize("outcome", ["new", "running", "stored", "mismatch"])
def test_what_the_journal_said(outcome: Any) -> None:
    it = executor()
    call = command(it)
    step = it.recorded(call, outcome, (b"frame",) if outcome == "stored" else (), NOW)
    match outcome:
        case "new":
            assert step == Run(call)
        case "running":
            assert isinstance(step, Send)
            assert (step.code, decode(step.frames[0]).header.phase) == (None, "accepted")
        case "stored":
            assert step == Send("cli-1", (b"frame",), 1, call.request_id, "path")
        case "mismatch":
            assert isinstance(step, Send)
            assert step.code == "IDEMPOTENCY-MISMATCH"


def test_a_recorded_refusal_is_sent_and_never_run() -> None:
    it = executor()
    step = it.receive(request("guest-undefine", {"guest": 7}), NOW)
    assert isinstance(step, Record)
    assert step.final is not None
    assert step.code == "INVALID-BODY"
    sent = it.recorded(step.call, "new", step.final, NOW)
    assert isinstance(sent, Send)
    assert sent.frames == step.final


def test_a_refusal_says_its_code_for_the_audit() -> None:
    step = executor().receive(request("guest-undefine", {"guest": "web"}, signed=False), NOW)
    assert isinstance(step, Send)
    assert step.code == "UNSIGNED"
    it = executor()
    refused = it.refuse(command(it), GuestwireError("JOURNAL-FULL"), NOW)
    assert refused.code == "JOURNAL-FULL"
    assert it.refused == {"JOURNAL-FULL": 1}


def test_every_refusal_is_counted() -> None:
    it = executor()
    it.receive(Inbound(b"", "cli-1", "host-ping"), NOW)
    it.receive(request("guest-undefine", {"guest": 7}), NOW)
    it.receive(request("host-ping", {"payload": "text"}), NOW)
    assert it.refused == {"MALFORMED": 1, "INVALID-BODY": 2}


def test_accepted_is_due_for_calls_that_have_not_answered() -> None:
    it = executor()
    quick, slow = command(it), command(it)
    it.waiting(quick, NOW)
    it.waiting(slow, Now(NOW.wall_ms, NOW.mono + 0.1))
    assert it.next_due() == pytest.approx(NOW.mono + ACCEPT_AFTER_S)
    it.succeed(quick, m.Empty(), NOW)
    assert it.next_due() == pytest.approx(NOW.mono + 0.1 + ACCEPT_AFTER_S)
    assert it.due(NOW) == []
    [send] = it.due(Now(NOW.wall_ms, NOW.mono + 1))
    assert send.request_id == slow.request_id
    assert it.next_due() is None
    assert it.due(Now(NOW.wall_ms, NOW.mono + 9)) == []


def test_progress_is_numbered() -> None:
    it = executor()
    call = command(it)
    sends = [it.progress(call, m.Progress(percent=n), NOW) for n in (1, 2)]
    assert [decode(send.frames[0]).header.n for send in sends] == [1, 2]
    assert [body(send)["percent"] for send in sends] == [1, 2]


def test_an_answer_that_cannot_be_packed_is_an_error_to_the_client() -> None:
    class Odd(Model):
        number: int

    it = executor()
    send = it.succeed(read(it), Odd(number=1 << 70), NOW)
    assert body(send)["code"] == "INTERNAL"
    send = it.succeed(command(it), m.LogLines(lines=("x" * (1 << 20),)), NOW)
    assert decode(send.frames[0]).header.status == "INTERNAL"


def test_the_version_of_an_answer_is_at_most_the_one_asked() -> None:
    it = executor()
    step = it.receive(request("host-ping", {}, version=(1, 9)), NOW)
    assert isinstance(step, Run)
    assert decode(it.succeed(step.call, m.Empty(), NOW).frames[0]).header.version == (1, 0)


def test_invalid_bodies_name_every_field() -> None:
    step = executor().receive(request("guest-shutdown", {"mode": "never", "within_s": 0}), NOW)
    assert isinstance(step, Record)
    assert step.final is not None
    said = unpack(decode(step.final[0]).body)
    assert {problem["path"] for problem in said["detail"]["issues"]} == {"guest", "mode", "within_s"}
    assert said["field"] in ("guest", "mode", "within_s")


def test_a_client_with_an_impossible_name_gets_no_answer() -> None:
    inbound = request("guest-undefine", {"guest": "web"}, signed=False, reply_to="a/b")
    step = executor().receive(Inbound(inbound.payload, "a/b", "guest-undefine"), NOW)
    assert step == Dropped("UNSIGNED", True, "a/b")


@given(st.integers(-(10**7), 10**7), st.integers(0, 3_700_000))
def test_a_request_runs_only_between_its_times(issued_ago_ms: int, valid_ms: int) -> None:
    issued = NOW.wall_ms - issued_ago_ms
    step = executor().receive(
        request(
            "guest-undefine",
            {"guest": "web"},
            issued_at=issued,
            expires=issued + valid_ms,
            request_id=ids.request_id(issued),
        ),
        NOW,
    )
    in_time = issued <= NOW.wall_ms + 120_000 and NOW.wall_ms < issued + valid_ms and valid_ms <= 3_600_000
    assert isinstance(step, Record) == in_time
    if not in_time:
        assert isinstance(step, Send)
        assert step.code == "EXPIRED"


@given(st.lists(st.sampled_from(["deliver", "finish", "crash", "forge", "late"]), max_size=25))
def test_a_once_effect_runs_once_whatever_happens(events: list[str]) -> None:
    """One request, any order of deliveries, ends, crashes, altered copies and copies after its deadline."""
    it = executor(failure_burst=1e9, failure_rate=1e9)
    inbound = request("guest-reset", {"guest": "web"})
    journal: dict[tuple[str, bytes], list[Any]] = {}
    runs, running, finals = 0, None, set()
    for event in events:
        if event == "crash":
            it = executor(failure_burst=1e9, failure_rate=1e9)
            for row in journal.values():
                if row[1] is None:
                    row[1] = tuple(it.fail(row[0], GuestwireError("INDETERMINATE"), NOW).frames)
            running = None
        elif event == "finish" and running is not None:
            journal[running.key][1] = tuple(it.fail(running, GuestwireError("WRONG-STATE"), NOW).frames)
            running = None
        elif event in ("deliver", "forge", "late"):
            payload = inbound.payload[:-1] + b"\x01" if event == "forge" else inbound.payload
            at = Now(NOW.wall_ms + 61_000, NOW.mono + 61) if event == "late" else NOW
            step = it.receive(Inbound(payload, "cli-1", "guest-reset"), at)
            if isinstance(step, Record):
                assert event == "deliver"
                row = journal.get(step.call.key)
                outcome = "new" if row is None else "running" if row[1] is None else "stored"
                if row is None:
                    journal[step.call.key] = [step.call, None]
                step = it.recorded(step.call, outcome, () if row is None or row[1] is None else row[1], at)
            if isinstance(step, Run):
                runs, running = runs + 1, step.call
            elif isinstance(step, Send) and decode(step.frames[0]).header.phase == "final":
                finals.add(tuple(step.frames))
    assert runs <= 1
    assert len(finals) <= 1


def _by_socket(inbound: Inbound, uid: int) -> Inbound:
    return inbound._replace(uid=uid)


def test_the_socket_vouches_for_one_signer_only() -> None:
    trusted = Trust(
        TRUST.document.model_copy(
            update={"local": (LocalScope(uid=7, scope=Scope(risk=3)),), "signers_needed": {"2": 2}}
        )
    )
    it = executor()
    it.trust = trusted
    two = it.receive(_by_socket(request("guest-undefine", {"guest": "web"}, signed=False), 7), NOW)
    assert isinstance(two, Send)
    assert two.code == "OUT-OF-SCOPE"
    one = it.receive(_by_socket(request("guest-start", {"guest": "web"}, signed=False), 7), NOW)
    assert isinstance(one, Record)


def test_failures_on_the_socket_count_for_the_user_not_for_the_name_he_gives() -> None:
    """A local user without a scope must not use up the failures of a remote client by calling himself as it."""
    it = executor(failure_burst=2.0)
    for _ in range(5):
        it.receive(_by_socket(request("guest-undefine", {"guest": "web"}, signed=False), 7), NOW)
    assert isinstance(it.receive(request("guest-undefine", {"guest": "web"}), NOW), Record)


def test_only_a_message_that_carried_a_signature_costs_one() -> None:
    it = executor()
    for inbound in (request("guest-levitate", {}, signed=False), request("guest-undefine", {}, signed=False)):
        step = it.receive(inbound, NOW)
        assert isinstance(step, Send)
        assert not decode(step.frames[0]).signatures
    step = it.receive(request("guest-levitate", {}), NOW)
    assert isinstance(step, Send)
    assert decode(step.frames[0]).signatures


def test_a_client_that_floods_is_not_decoded_any_more_and_is_heard_again_when_it_stops() -> None:
    it = executor(failure_burst=3, failure_rate=1, look_rate=5)
    rubbish = Inbound(b"\xc1", "mallory", "host-ping")
    for _ in range(500):
        assert isinstance(it.receive(rubbish, NOW), Dropped)
    assert it.refused["MALFORMED"] == 3 + 5, "its budget, and what is looked at in a second"
    assert it.refused["THROTTLED"] == 500 - 8
    assert isinstance(it.receive(request("host-ping", {"payload": b"x"}, signed=False), NOW), Run), "others are heard"
    own = request("host-ping", {"payload": b"x"}, signed=False, reply_to="mallory")._replace(client="mallory")
    assert isinstance(it.receive(own, NOW), Dropped)
    assert isinstance(it.receive(own, Now(NOW.wall_ms, NOW.mono + 2)), Run)


def test_a_host_with_a_wrong_clock_does_not_answer_a_flood() -> None:
    """It asks whoever sends a command to prove that it is new, before any signature is checked."""
    it = executor(look_rate=5)
    it.clock_synchronised = False
    flood = request("guest-start", {"guest": "web"}, signed=False, reply_to="mallory")._replace(client="mallory")
    steps = [it.receive(flood, NOW) for _ in range(500)]
    assert sum(isinstance(step, Send) for step in steps) == 5
    assert isinstance(it.receive(request("guest-start", {"guest": "web"}), NOW), Send), "others are asked"
