"""What the rest of the controller has to do with the links: ask hosts, hear what they say, hear that one came back.

Values and protocols only: how a message gets to a host is `site_link`'s.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from guestwire.controller.host_ref import HostRef
from guestwire.link.invoke import OnEvent
from guestwire.model.base import Model
from guestwire.protocol.operations import Operation
from guestwire.protocol.pending import Done
from guestwire.protocol.statements import Statement


class HostCalls(Protocol):
    """Asks hosts. `Links` is one; a test gives its own."""

    async def call(
        self,
        ref: HostRef,
        operation: Operation,
        request: Model,
        *,
        timeout_s: float,
        request_id: bytes | None = None,
        accept_within_s: float | None = None,
        mandate: bytes | None = None,
        on_event: OnEvent | None = None,
        issuer: str | None = None,
    ) -> Done:
        """The result of an operation. `issuer`: only by a way on which the controller is that principal, for a host knows a
        request by its id and by who asked. Raises the host's error; HOST-UNREACHABLE when no link reaches it or it did not answer,
        NO-ANSWER when it accepted and said nothing more in time, HOST-NOT-APPROVED for more than what tells who it is while
        nobody approved it. A caller that is cancelled leaves; what the host accepted goes on there."""
        ...

    def reachable(self, ref: HostRef) -> bool:
        """Whether a link that stands at this moment leads to the host. Whether the host is there, the fleet knows."""
        ...


class Arrivals(Protocol):
    """Wants to hear which hosts are there again: whoever has something left to do with them."""

    def host_came(self, ref: HostRef) -> None:
        """An approved host is there: it was not before, was restarted, or has only now been approved. Never blocks."""
        ...


class Reach(NamedTuple):
    """Where a link leads: to all hosts of a site, or to one of them."""

    site: str
    host: str | None = None

    @property
    def ref(self) -> HostRef | None:
        return None if self.host is None else HostRef(self.site, self.host)


class LinkListener(Protocol):
    """Hears how the links fare. None of it may wait."""

    def link_up(self, reach: Reach) -> None: ...

    def link_down(self, reach: Reach) -> None:
        """A link that was up is lost, or its connection was removed."""
        ...

    def listed(self, site: str, hosts: frozenset[str]) -> None:
        """The hosts that the site's trust document knows, at first and whenever there is a newer one."""
        ...


class Said(NamedTuple):
    """A statement of a host whose signature was good. `part`: the class of a notice, the tier of telemetry, else empty.
    `retained`: the broker had kept it. `direct`: it came by a connection to that host alone."""

    ref: HostRef
    statement: Statement
    part: str
    retained: bool
    direct: bool = False


Room = Callable[[HostRef, int], bool]
"""Whether so many bytes of a host could be taken now. Answers at once: it is asked before a signature is checked."""


class Hearer(Protocol):
    """Takes what hosts say of one kind."""

    def hear(self, said: Said) -> bool:
        """Take it, without waiting. False: there is no room. It is dropped and counted then, and that loses nothing: a host
        sends again what nobody acknowledged. Raises GuestwireError (MALFORMED) for a statement that does not fit."""
        ...
