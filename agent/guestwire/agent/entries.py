"""A call as the entry that the journal keeps of it; the way back is restore's."""

from guestwire.agent.audit_rows import target_of, way
from guestwire.agent.journal_schema import Entry
from guestwire.agent.mandate_uses import MandateUse
from guestwire.protocol.packing import pack
from guestwire.protocol.steps import Call


def entry_of(
    call: Call, lanes: tuple[str, ...], *, run: bool, final: tuple[bytes, ...] | None, code: str | None
) -> Entry:
    """The entry. `run`: its lanes are free. `final` and `code`: it was refused, for good."""
    return Entry(
        issuer=call.issuer,
        request_id=call.request_id,
        operation=call.operation.name,
        effect=call.operation.effect,
        lanes=lanes,
        body_hash=call.body_hash,
        body=call.body,
        reply_to=call.client,
        via=way(call),
        accepted_ms=call.accepted_ms,
        expires_ms=call.expires,
        start_by_ms=call.start_by_ms,
        run=run,
        final=None if final is None else pack(final),
        code=code,
        keys=call.key_ids,
        target=target_of(call),
        mandate=_use(call),
    )


def _use(call: Call) -> MandateUse | None:
    """The use of a mandate that the call is."""
    allowed, data = call.allowed, call.mandate
    if allowed is None or data is None:
        return None
    return MandateUse(allowed.id, allowed.uses, allowed.not_after, data)
