"""Journal rows back into calls."""

from guestwire.agent.journal_schema import Entry, Unfinished
from guestwire.agent.restore import restorer
from guestwire.protocol.operation_models import GuestStart
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack


def row(operation: str, body: bytes) -> Unfinished:
    entry = Entry(
        issuer="operator:a", request_id=bytes(16), operation=operation, effect="idempotent", lanes=("guest:u",),
        body_hash=bytes(32), body=body, reply_to="cli-1", via="mqtt", accepted_ms=1_000, expires_ms=9_000,
        start_by_ms=6_000,
    )  # fmt: skip
    return Unfinished(7, "ACCEPTED", entry)


def test_a_row_becomes_the_call_it_was() -> None:
    call, error = restorer(BY_NAME)(row("guest-start", pack({"guest": "g", "wait": "ready"})))
    assert error is None
    assert call.request == GuestStart(guest="g", wait="ready")
    assert (call.issuer, call.client, call.accepted_ms, call.start_by_ms, call.expires) == (
        "operator:a", "cli-1", 1_000, 6_000, 9_000,
    )  # fmt: skip
    assert call.path is None


def test_an_operation_or_body_that_this_version_does_not_know_is_said() -> None:
    restore = restorer(BY_NAME)
    rows = [row("guest-levitate", pack({})), row("guest-start", pack({"guest": 5})), row("guest-start", b"\xc1")]
    made = [restore(one) for one in rows]
    assert [error.code for _, error in made if error is not None] == ["UNIMPLEMENTED", "INVALID-BODY", "INVALID-BODY"]
    assert [call.operation.name for call, _ in made] == ["guest-levitate", "guest-start", "guest-start"]
    assert {call.operation.effect for call, _ in made} == {"idempotent"}, (
        "its answer is one of a request with an effect"
    )
