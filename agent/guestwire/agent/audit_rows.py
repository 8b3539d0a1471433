"""What the audit log says of requests: that one was accepted, or refused for good, how it ended, and who asked."""

from typing import Any

from guestwire.agent.audit_schema import Fields
from guestwire.agent.journal_schema import Entry, FinalState, Via
from guestwire.protocol import ids
from guestwire.protocol.audit import clipped, target
from guestwire.protocol.steps import Call


def asked(issuer: str, request_id: bytes, operation: str, via: Via, reply_to: str) -> Fields:
    """Who asked for what, which way."""
    return {
        "principal": clipped(issuer),
        "operation": operation,
        "request": ids.text(request_id),
        "way": via,
        "client": clipped(reply_to),
    }


def taken(entry: Entry, who: Fields) -> Fields:
    """The row of a request that the journal did not know: `accepted`, or `refused` where that was recorded."""
    row: dict[str, Any] = {"what": "accepted"} if entry.code is None else {"what": "refused", "code": entry.code}
    return {**row, **who, **_about(entry.keys, entry.target, "" if entry.mandate is None else entry.mandate.id.hex())}


def ended(state: FinalState, code: str | None, who: Fields) -> Fields:
    """The row of its end."""
    return (
        {"what": "ended", "state": state, **who}
        if code is None
        else {"what": "ended", "state": state, "code": code, **who}
    )


def refused(call: Call) -> Fields:
    """What is known of a call that was refused although it passed every check."""
    who = asked(call.issuer, call.request_id, call.operation.name, way(call), call.client)
    return {**who, **_about(call.key_ids, target_of(call), mandate_of(call))}


def way(call: Call) -> Via:
    """How a call came."""
    return "socket" if call.local else call.way


def target_of(call: Call) -> str:
    """What a call is about; empty where it names nothing."""
    return "" if call.request is None else target(call.request.__dict__)


def mandate_of(call: Call) -> str:
    """The id of the mandate that a call was allowed by."""
    return "" if call.allowed is None else call.allowed.id.hex()


def _about(keys: tuple[str, ...], named: str, mandate: str) -> dict[str, Any]:
    about = {"keys": keys, "target": named, "mandate": mandate}
    return {field: value for field, value in about.items() if value}
