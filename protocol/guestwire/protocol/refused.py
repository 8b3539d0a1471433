"""A check of a message failed: what the executor's checks raise, and nobody else sees."""

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import Header
from guestwire.protocol.steps import Now


class Refused(Exception):
    """`error` says why. `drop`: nothing is answered, for nobody knows whom. `failure`: it counts against the client's budget."""

    def __init__(self, error: GuestwireError, *, drop: bool = False, failure: bool = False) -> None:
        self.error = error
        self.drop = drop
        self.failure = failure


def expired(header: Header, now: Now) -> GuestwireError:
    """Why a request is out of time by the host's clock."""
    late = now.wall_ms - header.expires
    text = (
        f"The request came {late / 1000:.1f} s after it expired, by the host's clock."
        if late >= 0
        else "The request was issued in the host's future, or before what its journal still remembers."
    )
    return GuestwireError("EXPIRED", f"{text} Check both clocks, then ask again.", detail={"host_now": now.wall_ms})
