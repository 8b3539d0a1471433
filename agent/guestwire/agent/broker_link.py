"""The host's session with the broker: presence by epoch, requests in, answers out.

The epoch is on disk before every CONNECT; the will carries it; the link is judged by the host's own heartbeat coming
back through the broker (PROTOCOL, Sessions and presence).
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from guestwire.agent.announcer import Announcer
from guestwire.agent.services.running import Running
from guestwire.link.invoke import CONTENT_TYPE
from guestwire.link.serve import Server
from guestwire.link.session import CONFLICT_PAUSE_S, Session
from guestwire.link.transport import (
    Connect,
    Incoming,
    Options,
    Properties,
    Subscription,
    Transport,
    TransportError,
    Will,
)
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.operation_models import Empty, EpochBehind
from guestwire.protocol.presence import HEARTBEAT_S, SUSPECT_S, HostPresence, PresenceBody
from guestwire.protocol.statements import read
from guestwire.protocol.steps import Inbound, Now, Send
from guestwire.protocol.trust import Trust

CONFLICT_RAISES = 3
"""How often within ten minutes the epoch may be raised above somebody else's before it is a conflict."""

FARTHEST_JUMP = 1 << 32
"""Connections a disk may have lost count of: one every second for a century."""


ANSWER_WITHIN_S = 2.0
"""A controller that asks who is there is answered after a random time up to this."""


class HeardController(Protocol):
    """Hears of each presence message of a controller. Whether it is one that asks who is there."""

    def __call__(self, name: str, frame: bytes, *, retained: bool) -> bool: ...


class Epochs(Protocol):
    """Gives epochs that are on disk before they are returned."""

    async def next_epoch(self, at_least: int = 0) -> int: ...


class Events(Protocol):
    """Hears how the link fares."""

    async def link_up(self, address: str | None, *, session_present: bool) -> None:
        """`address`: where the broker is reached, an IP address."""
        ...

    def link_down(self, error: TransportError | None, next_try_s: float) -> None: ...

    def host_id_conflict(self, why: str) -> None: ...

    def disk_was_lost(self) -> None:
        """The broker remembers a later epoch of this host than its disk: the journal is not the one that was in force."""
        ...


class BrokerLink:
    """One host's link to its broker. `async with` it; it reconnects by itself. It is the `Path` of MQTT requests."""

    def __init__(
        self,
        *,
        site: str,
        host: str,
        options: Callable[[], Options],
        connect: Connect,
        server: Server,
        presence: Callable[[int], HostPresence],
        epochs: Epochs,
        announcer: Announcer,
        trust: Callable[[], Trust],
        clock: Callable[[], Now],
        events: Events,
        vital: Vital,
        controllers: HeardController,
        boot_delay_s: float = 0.0,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._site = site
        self._host = host
        self._options = options
        self._server = server
        self._make_presence = presence
        self._epochs = epochs
        self._announcer = announcer
        self._trust = trust
        self._clock = clock
        self._events = events
        self._vital = vital
        self._controllers = controllers
        self._boot_delay_s = boot_delay_s
        self._answer_within_s = answer_within_s
        self._answering: asyncio.TimerHandle | None = None
        self._up_at = float("-inf")
        self._own_presence = topics.make("presence", site, host)
        self._at_least = 0
        self._presence: HostPresence | None = None
        self._leaving = False
        self._impostor_at = float("-inf")
        self._raised: deque[float] = deque(maxlen=CONFLICT_RAISES)
        self._beating: asyncio.Task[None] | None = None
        self.session = Session(self, connect)

    @property
    def epoch(self) -> int:
        return self._presence.epoch if self._presence is not None else 0

    async def __aenter__(self) -> "BrokerLink":
        await self.session.__aenter__()
        self._vital.watch(self.session.task)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._presence is not None and self.session.transport is not None:
            self._announcer.presence(self._presence.farewell("stopped", self._clock()))
        self._stop_beating()
        await self.session.__aexit__()

    # -- the session's peer

    async def connecting(self, attempt: int) -> Options:
        if attempt == 0 and self._boot_delay_s:
            await asyncio.sleep(self._boot_delay_s)
        epoch = await self._epochs.next_epoch(self._at_least)
        self._presence = self._make_presence(epoch)
        self._leaving = False
        options = self._options()
        will = Will(self._own_presence, self._presence.will(self._clock()))
        return replace(options, will=will)

    def subscriptions(self) -> Sequence[Subscription]:
        return (
            Subscription(self._own_presence, retained=True),
            Subscription(topics.topic_filter("request", site=self._site, host=self._host)),
            Subscription(topics.topic_filter("controller-presence", site=self._site), retained=True),
        )

    async def up(self, transport: Transport) -> None:
        assert self._presence is not None
        self._announcer.broker_up(self)
        self._presence.echoed_at = self._up_at = self._clock().mono
        self._announcer.presence(self._presence.heartbeat(self._clock()))
        self._beating = asyncio.create_task(self._beat(), name="heartbeat")
        self._vital.watch(self._beating, may_return=True)
        await self._events.link_up(transport.peer_address, session_present=transport.connack.session_present)

    def down(self, error: TransportError | None, next_try_s: float) -> None:
        self._announcer.broker_down()
        self._stop_beating()
        if error is not None and error.code == "SESSION-TAKEN-OVER":
            self._events.host_id_conflict("the broker gave this host's session to another client")
        self._events.link_down(error, next_try_s)

    def receive(self, message: Incoming) -> None:
        topic = topics.parse(message.topic)
        if topic is None:
            message.ack()
        elif topic.kind == "request":
            here = (topic["site"], topic["host"]) == (self._site, self._host)  # else no operation of ours: misaddressed
            operation = topic["operation"] if here else ""
            inbound = Inbound(message.payload, topic["client"], operation, message.retain, None, self)
            self._server.receive(inbound, message.ack)
        else:
            message.ack()
            if message.topic == self._own_presence and message.payload:
                self._heard_own(message)
            elif topic.kind == "controller-presence" and topic["site"] == self._site and message.payload:
                self._heard_controller(topic["controller"], message)

    # -- answers and announcements

    def answer(self, send: Send) -> Awaitable[int] | None:
        """A Path. For QoS 1 the broker's acknowledgement of the last frame can be awaited; None: it did not go out now."""
        topic = topics.make("response", self._site, send.client, self._host)
        try:
            if send.qos == 0:
                for frame in send.frames:
                    self.session.send(topic, frame)
                return None
            properties = Properties(content_type=CONTENT_TYPE, correlation_data=send.request_id)
            acknowledged = None
            for frame in send.frames:
                acknowledged = self.session.publish(topic, frame, properties)
        except TransportError:
            return None
        return acknowledged

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> Awaitable[int]:
        """An Outlet of the announcer."""
        return self.session.publish(topic, frame, retain=retained)

    def offer(self, topic: str, frame: bytes) -> None:
        """A BrokerOutlet of it."""
        self.session.send(topic, frame)

    def _heard_controller(self, name: str, message: Incoming) -> None:
        """A controller that has just come wants to know who is there. All hosts of the site hear it at once, so that each
        answers when it likes. What a broker has kept is heard by a host that has just connected, and has said it all."""
        asks = self._controllers(name, message.payload, retained=message.retain)
        just_said = message.retain and self._clock().mono - self._up_at < self._answer_within_s
        if asks and not just_said and self._answering is None and self.session.transport is not None:
            wait_s = random.uniform(0, self._answer_within_s)
            self._answering = asyncio.get_running_loop().call_later(wait_s, self._say_who_is_there)

    def _say_who_is_there(self) -> None:
        self._answering = None
        if self._presence is not None and self.session.transport is not None:
            self._announcer.presence(self._presence.heartbeat(self._clock()))
            self._announcer.say_again()

    # -- presence

    def raise_epoch(self, known: int) -> None:
        """A controller knows a higher epoch (this disk is older than it was): connect again above it."""
        if known >= self.epoch:
            self._at_least = known + 1
            self.session.reconnect()

    async def epoch_behind(self, running: Running) -> Empty:
        """The operation: a controller tells what it knows."""
        request: EpochBehind = running.call.request
        if request.known > self.epoch + FARTHEST_JUMP:
            raise GuestwireError("DENIED", f"No host counts to epoch {request.known}.", field="known")
        self.raise_epoch(request.known)
        return Empty()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            presence, at = self._presence, self._clock()
            assert presence is not None
            if presence.echoed_at is not None and at.mono - presence.echoed_at > SUSPECT_S + HEARTBEAT_S:
                # TCP may say what it likes: nothing of ours comes back through this broker
                self.session.reconnect()
                return
            self._announcer.presence(presence.heartbeat(at))

    def _stop_beating(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def _heard_own(self, message: Incoming) -> None:
        presence = self._presence
        assert presence is not None
        at = self._clock()
        try:
            statement = read(message.payload, self._trust(), self._site, f"host:{self._host}", "presence", None)
            said = statement.read(PresenceBody)
        except GuestwireError as err:
            if err.code == "BAD-SIGNATURE" and not (message.retain and not presence.echoes):
                self._heard_impostor(at)
            return
        if not statement.verified:
            return
        match presence.heard(said, at):
            case "echo":
                return
            case "correct":
                self._announcer.presence(presence.heartbeat(at))
            case "conflict" if said.epoch < self._at_least:
                return  # it is on its way above that already
            case "conflict" if (not presence.echoes or said.why == "will") and not self._raised_often(at):
                # what this host said before its disk was lost or put back: go above it
                self._events.disk_was_lost()
                self.raise_epoch(said.epoch)
            case _:
                if not self._leaving:
                    self._leaving = True
                    self._events.host_id_conflict(f"another agent speaks as this host, in epoch {said.epoch}")
                    self.session.hold(CONFLICT_PAUSE_S)

    def _heard_impostor(self, at: Now) -> None:
        """Somebody speaks as this host with another key: a clone that enrolled anew, or a broker that forges. It is told now and
        then, and changes nothing: who could stop the host by it would. What a broker has kept from before this connection is
        left out: it may be of the key that this host had."""
        if at.mono - self._impostor_at >= CONFLICT_PAUSE_S:
            self._impostor_at = at.mono
            self._events.host_id_conflict("a presence of this host came that another key has signed")

    def _raised_often(self, at: Now) -> bool:
        """A disk is lost once. Who must go above somebody again and again shares the id with a living agent (some brokers
        close a session that was taken over without the reason code that would say so)."""
        self._raised.append(at.mono)
        return len(self._raised) == CONFLICT_RAISES and at.mono - self._raised[0] < CONFLICT_PAUSE_S
