"""One connection, from when it is wanted until it is not: reads its files, makes its link, and begins anew when a file is wrong.

A link that is lost comes back by itself; this is about what a person must mend, and may at any time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from guestwire.controller.config import Connection
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.dialling import dialler
from guestwire.controller.links.host_links import DirectLink, SiteLink
from guestwire.controller.links.identity import identity
from guestwire.controller.links.own_presence import OwnPresence
from guestwire.controller.links.ports import LinkListener, Reach
from guestwire.controller.links.reception import Hearers, Reception, Rooms
from guestwire.controller.links.tallies import Tallies
from guestwire.controller.links.trust_documents import TrustKeeping
from guestwire.controller.links.trust_keeping import listed, trust_kept_up
from guestwire.link.session import State
from guestwire.model.errors import GuestwireError
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.trust_looking import TrustLooking

AGAIN_S: Final = 10.0
"""How often it is looked whether somebody has mended what was wrong with a connection."""
FAREWELL_S: Final = 2.0

ConnectionState = Literal["up", "connecting", "waiting", "failed"]
_STATES: dict[State, ConnectionState] = {State.UP: "up", State.CONNECTING: "connecting", State.WAITING: "waiting"}


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What every link is made with. `epochs` gives the epoch of the next connection of a controller (its name) to a site, at least
    that high; `trust` keeps the newest trust documents; `changed` hears that a connection is in another state; `rooms`: who is asked
    whether there is room for what hosts say."""

    hearers: Hearers
    listener: LinkListener
    approved: Callable[[HostRef], bool]
    epochs: Callable[[str, str, int], Coroutine[Any, Any, int]]
    tallies: Tallies
    clock: Callable[[], Now]
    trust: TrustKeeping
    version: str
    boot_id: str
    on_defect: Callable[[str, BaseException], None]
    changed: Callable[[str], None]
    rooms: Rooms = field(default_factory=dict)


def reach_of(connection: Connection) -> Reach:
    """Where a connection leads."""
    return Reach(connection.site, None if connection.via == "mqtt" else connection.host)


class RunningConnection:
    """A connection and, while its files are good, its link. Run `run` in a task; its end ends the link."""

    def __init__(self, connection: Connection, parts: LinkParts, *, configured: bool) -> None:
        self.connection = connection
        self.reach = reach_of(connection)
        self.configured = configured
        """Whether it is in the configuration file."""
        self.link: DirectLink | None = None
        self.who: Credentials | None = None
        self.looking: TrustLooking | None = None
        """Looks for newer trust documents, now and then by itself."""
        self._parts = parts
        self._wrong: GuestwireError | None = None

    @property
    def vouched(self) -> bool:
        """Whether the way itself vouches for the host."""
        return self.connection.via == "socket"

    @property
    def trust(self) -> Trust | None:
        """The trust document that is in force here."""
        if self.who is None:
            return None
        return self.who.store.trust if self.who.store is not None else self.who.trust

    @property
    def up(self) -> bool:
        return self.link is not None and self.link.session.transport is not None

    @property
    def state(self) -> ConnectionState:
        """failed: a person must mend something; waiting: the next try comes by itself."""
        if self.link is None:
            return "failed" if self._wrong is not None else "connecting"
        return _STATES.get(self.link.session.state, "waiting")

    @property
    def error(self) -> GuestwireError | None:
        """Why it is not up."""
        if self.up:
            return None
        return self._wrong if self.link is None else self.link.last_error

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._linked()
            except GuestwireError as err:
                self._wrong = err
                self._changed()
            except Exception as err:  # noqa: BLE001 - the entry point of a connection: the others go on
                self._wrong = GuestwireError("INTERNAL", cause=(type(err).__name__,))
                self._parts.on_defect(f"connection-{self.connection.name}", err)
            await asyncio.sleep(AGAIN_S)

    async def _linked(self) -> None:
        """Raises what is wrong with the connection's files."""
        connection, parts = self.connection, self._parts
        documents = await parts.trust.of(connection.site)
        who = await asyncio.to_thread(identity, connection, documents, parts.clock().wall_ms)
        link = self._link(who)
        self.who, self.link, self._wrong = who, link, None
        try:
            async with trust_kept_up(connection, who, link, self._on_trust) as self.looking, link.session:
                try:
                    await asyncio.wait({link.session.task})  # which goes on while this says goodbye
                finally:
                    if isinstance(link, SiteLink):
                        await link.farewell(FAREWELL_S)
        finally:
            link.stop()
            link.ended()
            self.link = self.looking = None

    def _link(self, who: Credentials) -> DirectLink:
        connection, parts, reach = self.connection, self._parts, self.reach
        options, connect, backoff = dialler(connection, who)
        options()  # what is wrong with it is said now
        invoker = Invoker(
            connection.site, who.client, who.issuer, who.key, who.trust, path_vouches=self.vouched,
            sign_reads=who.key is not None,
        )  # fmt: skip
        if who.store is not None:
            who.store.follow(invoker)
        heard = Reception(
            connection.site, lambda: self.trust, parts.hearers, parts.approved, parts.tallies, parts.clock, parts.on_defect,
            rooms=parts.rooms, only=reach.host, vouched=self.vouched,
        )  # fmt: skip
        common = (invoker, options, connect, backoff, reach, heard, parts.listener, parts.clock, self._changed)
        if reach.host is not None:
            return DirectLink(*common)
        key, controller = who.key, who.issuer.partition(":")[2]
        assert key is not None

        def presence(epoch: int) -> OwnPresence:
            return OwnPresence(connection.site, controller, key, epoch, parts.boot_id, parts.version, parts.clock())

        def epoch(at_least: int) -> Coroutine[Any, Any, int]:
            return parts.epochs(connection.site, controller, at_least)

        return SiteLink(*common, presence=presence, epochs=epoch)

    def _changed(self) -> None:
        self._parts.changed(self.connection.name)

    def _on_trust(self, trust: Trust) -> None:
        self._parts.trust.keep(trust)
        if self.reach.host is None:
            self._parts.listener.listed(trust.site, listed(trust))
