"""Journal rows back into calls."""

from guestwire.agent.journal_schema import Entry, Unfinished
from guestwire.agent.restore import restorer
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import Call
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
    call = restorer(BY_NAME)(row("guest-start", pack({"guest": "g", "wait": "ready"})))
    assert isinstance(call, Call)
    assert call.request == GuestStart(guest="g", wait="ready")
    assert (call.issuer, call.client, call.accepted_ms, call.start_by_ms, call.expires) == (
        "operator:a", "cli-1", 1_000, 6_000, 9_000,
    )  # fmt: skip
    assert call.path is None


def test_an_operation_or_body_that_this_version_does_not_know_is_said() -> None:
    restore = restorer(BY_NAME)
    unknown = restore(row("guest-levitate", pack({})))
    bad = restore(row("guest-start", pack({"guest": 5})))
    torn = restore(row("guest-start", b"\xc1"))
    assert [error.code for error in (unknown, bad, torn) if isinstance(error, GuestwireError)] == [
        "UNIMPLEMENTED", "INVALID-BODY", "INVALID-BODY",
    ]  # fmt: skip
