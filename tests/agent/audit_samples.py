"""Reading a whole audit log in the agent's tests, and checking it on the way."""

from typing import Any

from guestwire.agent.journal import Journal
from guestwire.protocol.audit import AuditHead
from guestwire.protocol.audit_chain import Chain, Origin


async def whole(journal: Journal, page: int = 7) -> list[dict[str, Any]]:
    """What every row says. Raises AUDIT-BROKEN where the log is not one chain."""
    said: list[dict[str, Any]] = []
    first = await journal.audit.page(0, None, page, {})
    chain = Chain(Origin("s", "h", journal.audit.id, first.standing.oldest, first.previous))
    found = first
    while True:
        said += [dict(chain.follow(*row)) for row in found.rows]
        if found.next is None:
            break
        found = await journal.audit.page(found.next, None, page, {})
    chain.end(AuditHead(log=journal.audit.id, seq=found.standing.seq, hash=found.standing.hash))
    return said
