"""Entries for the journal's tests."""

from typing import Any

from guestwire.agent.journal_schema import Entry

NOW = 1_700_000_000_000


def request_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def entry(number: int, **changes: Any) -> Entry:
    """Request `number` of op:alice for one guest; `changes` are fields of Entry."""
    fields: dict[str, Any] = {
        "issuer": "op:alice",
        "request_id": request_id(number),
        "operation": "guest-start",
        "effect": "idempotent",
        "lanes": ("guest:one",),
        "body_hash": b"h" * 32,
        "body": b"body %d" % number,
        "reply_to": "cli-1",
        "via": "mqtt",
        "accepted_ms": NOW,
        "expires_ms": NOW + 60_000,
        "start_by_ms": NOW + 30_000,
    }
    return Entry(**(fields | changes))
