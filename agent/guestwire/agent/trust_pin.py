"""The revision of the trust document that was in force, on disk: revisions only go up, over restarts too."""

from guestwire.agent.journal import Journal
from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import Trust

_NOTE = "trust-rev"


async def pin_trust(journal: Journal, trusted: Trust) -> None:
    """Keep the revision. Raises TRUST-INVALID when a later one was in force, JOURNAL-FULL."""
    known = int.from_bytes(journal.note(_NOTE) or b"", "big")
    if trusted.rev < known:
        raise GuestwireError(
            "TRUST-INVALID",
            f"The trust document is revision {trusted.rev}; this host has seen revision {known}.",
            detail={"rev": trusted.rev, "at_least": known},
        )
    if trusted.rev > known:
        await journal.set_note(_NOTE, trusted.rev.to_bytes(8, "big"))
