"""What approvals need of the rest of the controller. Protocols only; a test gives its own."""

from typing import Protocol

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.approvals import Approval
from guestwire.protocol.trust import Trust


class SiteTrust(Protocol):
    """As whom this controller asks hosts, and whom they believe."""

    def issuer(self, ref: HostRef) -> str | None:
        """The principal as whom this host is asked: of a key, or over a socket of a user of the host (`local:UID`). None: no
        connection leads there."""
        ...

    def trust(self, site: str) -> Trust | None:
        """The trust document of a site; None: there is none."""
        ...


class Decided(Protocol):
    """Hears of approvals that are open no more, after that is in the database."""

    def approval_decided(self, approval: Approval) -> None:
        """It is approved, rejected, expired or withdrawn now. Never blocks."""
        ...
