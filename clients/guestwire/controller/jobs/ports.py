"""What jobs need of the rest of the controller. Protocols only; a test gives its own."""

from collections.abc import Sequence
from typing import Literal, Protocol

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.store.database import Tx
from guestwire.model.errors import GuestwireError
from guestwire.protocol.mandates import SignedMandate


class FleetView(Protocol):
    """The hosts there are, as far as work for them goes."""

    def approved(self, ref: HostRef) -> bool:
        """Whether somebody let the host in: one that waits outside, was turned away or is not known gets no work."""
        ...

    def there(self, ref: HostRef) -> bool:
        """Whether the host is there now, by all that was heard of it. Where that is not certain: yes."""
        ...


class Speaker(Protocol):
    """As whom this controller asks."""

    def issuer(self, ref: HostRef) -> str | None:
        """The principal as whom this host is asked, by the way that is the best now. None: no connection leads there."""
        ...


class Windows(Protocol):
    """The maintenance windows."""

    def opening(self, name: str, now_ms: int) -> Opening:
        """When the window of that name is open. One that is not there: never."""
        ...


class Mandates(Protocol):
    """What people allowed."""

    async def state(self, approval_id: str) -> Literal["open", "approved", "rejected", "expired", "withdrawn"]:
        """How an approval stands; one that is not there was withdrawn."""
        ...

    async def mandate(self, approval_id: str, ref: HostRef) -> SignedMandate | None:
        """The signed mandate of an approval that names the host. None: there is none that counts."""
        ...

    def needed(self, ref: HostRef, operation: str, risk: int, issuer: str | None = None) -> bool:
        """Whether it takes one to ask that of the host, as that principal; None: as the host would be asked now."""
        ...


class Reviews(Protocol):
    """What people said of plans."""

    async def unreviewed(self, tx: Tx, ref: HostRef, operation: str, plan_id: str | None) -> GuestwireError | None:
        """Why an operation on a host must not be ordered before somebody has looked at its plan; None: it may."""
        ...


class JobListener(Protocol):
    """Hears of jobs, after what it hears is in the database."""

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        """These jobs are another now. Never blocks."""
        ...
