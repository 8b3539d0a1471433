"""The port of the communication services: what the agent needs of guestwire-comm. None where a host has none configured.

Every method raises COMM-NOT-STARTED (they do not run) and COMM-LOST (no answer), and what the services find wrong.
"""

from typing import Final, Protocol

from guestwire.model.base import Model
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.protocol.comm_models import CommMetrics, CommStatus, Happenings
from guestwire.protocol.steps import Call

SERVING: Final = ("running", "degraded")
"""The states in which guests are served: degraded are those that an earlier instance had."""


class Communication(Protocol):
    """guestwire-comm (`comm.client.CommClient`)."""

    async def forward(self, call: Call) -> Model:
        """Answer an operation that is served by guestwire-comm."""
        ...

    async def forward_part(self, call: Call, part: Model, within_s: float) -> Model:
        """Ask a part of what is asked, which takes so long by itself, under an id of its own."""
        ...

    async def status(self) -> CommStatus: ...

    async def held(self) -> CommDocument | None:
        """The document that holds; None: none was ever given."""
        ...

    async def apply(self, document: CommDocument) -> None:
        """Make a document true, or leave everything as it was. Idempotent. What the document has no more is set aside, with
        its content, until `settle`: the document before brings it back."""
        ...

    async def settle(self) -> None:
        """Let go of what was set aside. Idempotent."""
        ...

    async def follow(self, log: bytes, seq: int, wait_s: float) -> Happenings:
        """What happened after `seq` of `log`; waits for the next, up to `wait_s`."""
        ...

    async def metrics(self, *, filtered: bool) -> CommMetrics:
        """Counters of everything; `filtered`: with what the rules of networks kept back, which is dearer."""
        ...

    async def guest_reset(self, guest: str) -> None:
        """A guest, by name, began anew without its process ending: what it had open is closed. Idempotent."""
        ...


async def serving(comm: Communication) -> CommStatus:
    """The status of services that serve. Raises COMM-NOT-STARTED where they are stopped."""
    status = await comm.status()
    if status.state not in SERVING:
        raise GuestwireError("COMM-NOT-STARTED", detail={"state": status.state})
    return status
