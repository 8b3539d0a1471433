"""The links themselves: a caller that also hears what hosts say, says that the controller is there, and tells how it fares.

`SiteLink` is a session with a site's broker, which keeps what it has for the controller while that is away; `DirectLink` leads
to one host, over TLS or its own socket. Which there are is `links`' matter.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from guestwire.controller.links import reception
from guestwire.controller.links.own_presence import OwnPresence
from guestwire.controller.links.ports import LinkListener, Reach
from guestwire.controller.links.reception import Reception
from guestwire.controller.links.uncut import uncut
from guestwire.link.backoff import Backoff
from guestwire.link.invoke import Caller
from guestwire.link.session import CONFLICT_PAUSE_S
from guestwire.link.transport import Connect, Incoming, Options, Subscription, Transport, TransportError, Will
from guestwire.model.errors import GuestwireError
from guestwire.protocol import statements, topics
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.presence import HEARTBEAT_S, SUSPECT_S, PresenceBody
from guestwire.protocol.steps import Now

NO_ECHO_S: Final = SUSPECT_S + HEARTBEAT_S
"""After so long without its own heartbeat from the broker the link is made anew: nothing comes back through this one."""
RAISES: Final = 3
"""How often within ten minutes the epoch may be raised above somebody else's before it is a conflict."""


class DirectLink(Caller):
    """A link to one host, and what every link is. `changed` hears that it is in another state. Made by `running`."""

    def __init__(
        self,
        invoker: Invoker,
        options: Callable[[], Options],
        connect: Connect,
        backoff: Backoff,
        reach: Reach,
        reception: Reception,
        listener: LinkListener,
        clock: Callable[[], Now],
        changed: Callable[[], None],
    ) -> None:
        super().__init__(invoker, options, connect, backoff)
        self.reach = reach
        self.up_at_ms = 0
        """Since when it stands, Unix ms; 0: it does not."""
        self._reception = reception
        self._listener = listener
        self._clock = clock
        self._changed = changed

    def subscriptions(self) -> Sequence[Subscription]:
        return [*super().subscriptions(), *reception.subscriptions(self.reach.site, self.reach.host)]

    async def up(self, transport: Transport) -> None:
        self.up_at_ms = self._clock().wall_ms
        self._listener.link_up(self.reach)
        self._changed()
        await super().up(transport)

    def down(self, error: TransportError | None, next_try_s: float) -> None:
        super().down(error, next_try_s)
        self.ended()
        self._changed()

    def ended(self) -> None:
        """It does not stand any more."""
        if self.up_at_ms:
            self.up_at_ms = 0
            self._listener.link_down(self.reach)

    def receive(self, message: Incoming) -> None:
        topic = topics.parse(message.topic)
        if topic is None or topic.kind == "response":
            super().receive(message)
            return
        self._reception.receive(topic, message)
        message.ack()


class SiteLink(DirectLink):
    """A session with the broker of a site. `presence` makes what the controller says in an epoch; `epochs` gives one that is in the
    database, at least that high. Closing it in order is `farewell`, before the session ends."""

    def __init__(
        self,
        invoker: Invoker,
        options: Callable[[], Options],
        connect: Connect,
        backoff: Backoff,
        reach: Reach,
        reception: Reception,
        listener: LinkListener,
        clock: Callable[[], Now],
        changed: Callable[[], None],
        *,
        presence: Callable[[int], OwnPresence],
        epochs: Callable[[int], Coroutine[Any, Any, int]],
    ) -> None:
        super().__init__(invoker, options, connect, backoff, reach, reception, listener, clock, changed)
        self._make_presence = presence
        self._epochs = epochs
        self._at_least = 0
        self._presence: OwnPresence | None = None
        self._raised: deque[float] = deque(maxlen=RAISES)
        self._beat_timer: asyncio.TimerHandle | None = None

    @property
    def epoch(self) -> int:
        """Of the present connection, or the last one."""
        return self._presence.epoch if self._presence is not None else 0

    async def connecting(self, attempt: int) -> Options:
        self._presence = self._make_presence(await uncut(self._epochs(self._at_least)))
        options = await super().connecting(attempt)
        return replace(options, will=Will(self._presence.topic, self._presence.will(self._clock())))

    def subscriptions(self) -> Sequence[Subscription]:
        assert self._presence is not None
        return [*super().subscriptions(), Subscription(self._presence.topic, 1, retained=True)]

    async def up(self, transport: Transport) -> None:
        await super().up(transport)
        self._beat()

    def ended(self) -> None:
        super().ended()
        if self._beat_timer is not None:
            self._beat_timer.cancel()
            self._beat_timer = None

    async def farewell(self, within_s: float) -> None:
        """Say that the controller goes, and wait until the broker has it."""
        transport, presence = self.session.transport, self._presence
        if transport is None or presence is None:
            return
        with suppress(TransportError, TimeoutError):  # then the broker tells the will, or hosts hear nothing for 90 s
            async with asyncio.timeout(within_s):
                await transport.publish(presence.topic, presence.farewell(self._clock()), retain=True)

    def receive(self, message: Incoming) -> None:
        if self._presence is not None and message.topic == self._presence.topic:
            message.ack()
            self._heard_own(self._presence, message.payload)
            return
        super().receive(message)

    def _beat(self) -> None:
        presence, at = self._presence, self._clock()
        assert presence is not None
        if presence.echoed_at is not None and at.mono - presence.echoed_at > NO_ECHO_S:
            self.session.reconnect()
            return
        self._say(presence, at)
        self._beat_timer = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)

    def _heard_own(self, presence: OwnPresence, payload: bytes) -> None:
        at = self._clock()
        try:
            said = statements.read(payload, self._invoker.trust, self.site, presence.speaker, "presence", None)
            body = said.read(PresenceBody)
        except GuestwireError:
            return  # somebody made it up, or the broker kept what another key of this controller said
        if not said.verified:
            return
        match presence.heard(body, at):
            case "correct":
                self._say(presence, at)
            case "later" if body.epoch >= self._at_least:
                self._raise_above(body.epoch, at)

    def _say(self, presence: OwnPresence, at: Now) -> None:
        with suppress(TransportError):  # then the next heartbeat says it, or the next connection
            self.session.publish(presence.topic, presence.heartbeat(at), retain=True)

    def _raise_above(self, epoch: int, at: Now) -> None:
        """The database was lost or put back, or another controller has this name: that is left alone for a while."""
        self._raised.append(at.mono)
        self._at_least = epoch + 1
        if len(self._raised) == RAISES and at.mono - self._raised[0] < CONFLICT_PAUSE_S:
            self.session.hold(CONFLICT_PAUSE_S)
        else:
            self.session.reconnect()
