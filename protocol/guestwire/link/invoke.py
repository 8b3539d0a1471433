"""Calls over a link: drives an Invoker over a session, one future per call and one timer for all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from guestwire.link.backoff import Backoff
from guestwire.link.clock import now
from guestwire.link.session import Session
from guestwire.link.topic_filters import matches
from guestwire.link.transport import Connect, Incoming, Options, Properties, Subscription, Transport, TransportError
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import Operation
from guestwire.protocol.pending import Accepted, Done, Event, Failed, Pending, Progressed, Transmit

WATCH_QUEUE = 4096
CONTENT_TYPE = "application/msgpack"
OnEvent = Callable[[Accepted | Progressed], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of a watched topic."""

    topic: str
    payload: bytes
    retained: bool


class _Watch:
    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self.subscriptions = tuple(subscriptions)
        self.queue: asyncio.Queue[Heard | None] = asyncio.Queue(WATCH_QUEUE)
        self.missed = 0

    def wants(self, topic: str) -> bool:
        return any(matches(s.topic_filter, topic) for s in self.subscriptions)

    def put(self, heard: Heard) -> None:
        """A reader that is 4,096 messages behind loses the oldest; `missed` counts them."""
        if self.queue.full():
            self.queue.get_nowait()
            self.missed += 1
        self.queue.put_nowait(heard)

    def end(self) -> None:
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Caller:
    """Calls operations of hosts, and watches what they publish. Made by `caller`; one per client id."""

    def __init__(
        self, invoker: Invoker, options: Callable[[], Options], connect: Connect, backoff: Backoff | None = None
    ) -> None:
        self._invoker = invoker
        self._options = options
        self._session = Session(self, connect, backoff or Backoff())
        self._response_filter = topics.topic_filter("response", site=invoker.site, client=invoker.client)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._watches: list[_Watch] = []
        self.last_error: TransportError | None = None

    @property
    def client(self) -> str:
        return self._invoker.client

    @property
    def site(self) -> str:
        return self._invoker.site

    @property
    def session(self) -> Session:
        return self._session

    async def call(
        self,
        host: str,
        operation: Operation,
        request: Model,
        *,
        timeout_s: float,
        request_id: bytes | None = None,
        accept_within_s: float | None = None,
        unsigned: bool = False,
        mandate: bytes | None = None,
        on_event: OnEvent | None = None,
    ) -> Done:
        """The result of an operation. Raises the host's error, or HOST-UNREACHABLE, NO-ANSWER, UNSIGNED-RESPONSE and the
        link's codes. A caller that is cancelled leaves; what the host accepted goes on there."""
        pending = self._invoker.begin(
            host, operation, request, now(), timeout_s=timeout_s, request_id=request_id,
            accept_within_s=accept_within_s, unsigned=unsigned, mandate=mandate,
        )  # fmt: skip
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        pending.context = (future, on_event)
        self._transmit(pending)
        if pending.resend_at < self._timer_at:
            self._arm()
        try:
            return await future
        finally:
            if not pending.done:
                self._invoker.abandon(pending)

    @asynccontextmanager
    async def watch(self, *subscriptions: Subscription) -> AsyncIterator["Watching"]:
        """Messages of other topics while the block lasts, from the moment the broker has the subscription: while there is no
        connection, from the next one on. Filters stay subscribed until the caller closes."""
        watch = _Watch(subscriptions)
        self._watches.append(watch)
        try:
            if self._session.transport is not None:
                await self._subscribe(self._session.transport, subscriptions)
            yield Watching(watch)
        finally:
            self._watches.remove(watch)

    async def _subscribe(self, transport: Transport, subscriptions: Sequence[Subscription]) -> None:
        try:
            await transport.subscribe(subscriptions)
        except TransportError as err:
            if err.code != "LINK-LOST":
                raise
            if self._session.transport is transport:
                self._session.reconnect()  # the next connection subscribes again: there must be one

    # -- the session's peer

    async def connecting(self, attempt: int) -> Options:
        return self._options()

    def subscriptions(self) -> Sequence[Subscription]:
        return [Subscription(self._response_filter), *(s for watch in self._watches for s in watch.subscriptions)]

    async def up(self, transport: Transport) -> None:
        self._handle(self._invoker.reconnected(now()))
        self._arm()

    def down(self, error: TransportError | None, next_try_s: float) -> None:
        self.last_error = error

    def receive(self, message: Incoming) -> None:
        message.ack()  # a response that is lost here is asked for again: nothing rests on this acknowledgement
        topic = topics.parse(message.topic)
        if topic is not None and topic.kind == "response" and topic["client"] == self._invoker.client:
            self._handle(self._invoker.receive(message.payload, now(), topic["host"]))
            return
        for watch in self._watches:
            if watch.wants(message.topic):
                watch.put(Heard(message.topic, message.payload, message.retain))

    # -- pieces

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            if type(event) is Transmit:
                self._transmit(event.pending)
                continue
            context = event.pending.context
            if not isinstance(context, tuple):
                continue
            future, on_event = context
            if type(event) is Done:
                if not future.done():
                    future.set_result(event)
            elif type(event) is Failed:
                if not future.done():
                    future.set_exception(self._explained(event.error))
            elif on_event is not None:
                on_event(event)
        if events:
            self._arm()

    def _explained(self, error: GuestwireError) -> GuestwireError:
        """No answer, and no link either: the link's error is the one to mend."""
        if error.code == "HOST-UNREACHABLE" and self._session.transport is None and self.last_error is not None:
            return self.last_error
        return error

    def _transmit(self, pending: Pending) -> None:
        transport = self._session.transport
        if transport is None:
            return  # sent when the session comes up (reconnected)
        operation = pending.operation
        try:
            for frame in pending.frames:
                if operation.qos == 0:
                    transport.send(pending.topic, frame)
                else:
                    confirmed = transport.publish(pending.topic, frame, properties=self._properties(pending))
                    asyncio.ensure_future(confirmed).add_done_callback(partial(self._published, pending))
        except TransportError as err:
            self._not_published(pending, err)

    def _published(self, pending: Pending, confirmed: asyncio.Future[int]) -> None:
        err = None if confirmed.cancelled() else confirmed.exception()
        if isinstance(err, TransportError):
            self._not_published(pending, err)

    def _not_published(self, pending: Pending, err: TransportError) -> None:
        """What the broker will never take ends the call; anything else goes again at the next resend."""
        if err.code in ("PUBLISH-REFUSED", "PACKET-TOO-LARGE"):
            self._handle(self._invoker.unsendable(pending, err, now()))

    def _properties(self, pending: Pending) -> Properties:
        left_ms = pending.expires_ms - now().wall_ms
        return Properties(
            content_type=CONTENT_TYPE,
            response_topic=topics.make("response", self._invoker.site, self._invoker.client, pending.host),
            correlation_data=pending.request_id,
            expiry_s=max(1, -(-left_ms // 1000)),
        )

    def _arm(self) -> None:
        at = self._invoker.next_due()
        if at is None:
            return
        if self._timer is None or at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            loop = asyncio.get_running_loop()
            self._timer_at = at
            self._timer = loop.call_later(max(0.0, at - now().mono), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        self._handle(self._invoker.due(now()))
        self._arm()

    def stop(self) -> None:
        """No more timers; calls still under way end with LINK-LOST."""
        if self._timer is not None:
            self._timer.cancel()
        for pending in self._invoker.pending():
            if isinstance(pending.context, tuple) and not pending.context[0].done():
                pending.context[0].set_exception(TransportError("LINK-LOST"))
        for watch in self._watches:
            watch.end()


class Watching:
    """An iterator over watched messages; `missed` counts those a slow reader lost."""

    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    @property
    def missed(self) -> int:
        return self._watch.missed

    def __aiter__(self) -> AsyncIterator[Heard]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Heard]:
        while (heard := await self._watch.queue.get()) is not None:
            yield heard

    async def next(self) -> Heard | None:
        """The next message; None after the caller closed."""
        return await self._watch.queue.get()


@asynccontextmanager
async def caller(
    invoker: Invoker,
    options: Callable[[], Options],
    connect: Connect,
    *,
    connect_timeout_s: float | Literal[False] = 10.0,
    backoff: Backoff | None = None,
) -> AsyncIterator[Caller]:
    """A Caller with its session up. `connect_timeout_s` False: do not wait for the first connection. `backoff` None: as is
    good towards a broker.

    Raises the link's error when no connection could be made in time.
    """
    it = Caller(invoker, options, connect, backoff)
    async with it.session:
        try:
            if connect_timeout_s is not False:
                await it.session.connected(connect_timeout_s)
            yield it
        finally:
            it.stop()
