"""Sessions: connect, subscribe, back off, try again; time is passed in."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from guestwire.link.backoff import Backoff
from guestwire.link.memory import MemoryBroker
from guestwire.link.session import CONFLICT_PAUSE_S, Session, State
from guestwire.link.transport import Incoming, OnMessage, Options, Subscription, Transport, TransportError
from guestwire.model.errors import GuestwireError

T = TypeVar("T")


class Sleep:
    """A sleep that ends when the test says so; `asked` holds what was asked for."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self._done = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self._done.clear()
        self.asked.put_nowait(seconds)
        await self._done.wait()

    def over(self) -> None:
        self._done.set()


class Peer:
    """An owner that writes down what it hears."""

    def __init__(self, broker: Callable[[Options, OnMessage], Awaitable[Transport]]) -> None:
        self.sleep = Sleep()
        self.session = Session(self, broker, Backoff(uniform=lambda: 0.5), self.sleep)
        self.attempts: list[int] = []
        self.ups: asyncio.Queue[Transport] = asyncio.Queue()
        self.downs: asyncio.Queue[tuple[TransportError | None, float]] = asyncio.Queue()
        self.messages: asyncio.Queue[Incoming] = asyncio.Queue()
        self.fail_connecting: Exception | None = None
        self.fail_up: Exception | None = None

    async def connecting(self, attempt: int) -> Options:
        self.attempts.append(attempt)
        if self.fail_connecting is not None:
            raise self.fail_connecting
        return Options("memory", 1, "peer")

    def subscriptions(self) -> Sequence[Subscription]:
        return [Subscription("a/#")]

    async def up(self, transport: Transport) -> None:
        if self.fail_up is not None:
            raise self.fail_up
        self.ups.put_nowait(transport)

    def down(self, error: TransportError | None, next_try_s: float) -> None:
        self.downs.put_nowait((error, next_try_s))

    def receive(self, message: Incoming) -> None:
        self.messages.put_nowait(message)


async def soon(what: Awaitable[T]) -> T:
    """What comes, or a failure: no test waits for ever."""
    async with asyncio.timeout(5):
        return await what


async def code_and_wait(peer: Peer) -> tuple[str | None, float]:
    error, wait = await soon(peer.downs.get())
    return (None if error is None else error.code), wait


async def test_it_connects_subscribes_and_says_so() -> None:
    broker = MemoryBroker()
    peer = Peer(broker)
    async with peer.session:
        transport = await peer.session.connected(2)
        assert await soon(peer.ups.get()) is transport
        assert peer.session.state is State.UP
        assert await peer.session.publish("a/1", b"x") == 0
        assert (await soon(peer.messages.get())).payload == b"x"
        peer.session.send("a/2", b"y")
        assert (await soon(peer.messages.get())).payload == b"y"
    assert peer.session.state is State.CLOSED
    assert peer.session.transport is None
    assert await transport.closed is None


async def test_it_comes_back_after_every_cut_and_backs_off() -> None:
    broker = MemoryBroker()
    peer = Peer(broker)
    async with peer.session:
        for expected in (0.5, 1.0, 2.0):
            await soon(peer.ups.get())
            broker.cut("peer")
            assert await code_and_wait(peer) == ("LINK-LOST", expected)
            assert await soon(peer.sleep.asked.get()) == expected
            assert peer.session.state is State.WAITING
            with pytest.raises(TransportError):
                peer.session.send("a", b"x")
            with pytest.raises(TransportError):
                peer.session.publish("a", b"x")
            peer.sleep.over()
        await soon(peer.ups.get())
    assert peer.attempts == [0, 1, 2, 3]


async def test_it_goes_on_while_the_broker_is_away() -> None:
    broker = MemoryBroker()
    broker.refuse = TransportError("BROKER-UNREACHABLE")
    peer = Peer(broker)
    async with peer.session:
        for expected in (0.5, 1.0):
            assert await code_and_wait(peer) == ("BROKER-UNREACHABLE", expected)
            await soon(peer.sleep.asked.get())
            peer.sleep.over()
        await soon(peer.downs.get())
        await soon(peer.sleep.asked.get())
        broker.refuse = None
        peer.sleep.over()
        await soon(peer.ups.get())


async def test_waiting_for_a_connection_gives_the_last_error() -> None:
    broker = MemoryBroker()
    broker.refuse = TransportError("BROKER-UNREACHABLE", "no route")
    peer = Peer(broker)
    async with peer.session:
        with pytest.raises(TransportError, match="no route"):
            await peer.session.connected(0.05)


async def test_waiting_ends_at_once_when_the_broker_refuses_this_client() -> None:
    broker = MemoryBroker()
    broker.refuse = TransportError("BROKER-REFUSED")
    peer = Peer(broker)
    async with peer.session:
        with pytest.raises(TransportError) as raised:
            await peer.session.connected(60)
        assert raised.value.code == "BROKER-REFUSED"


async def test_waiting_for_a_broker_that_says_nothing() -> None:
    async def never(_options: Options, _on_message: OnMessage) -> Transport:
        await asyncio.Event().wait()
        raise AssertionError

    peer = Peer(never)
    async with peer.session:
        with pytest.raises(TransportError) as raised:
            await peer.session.connected(0.01)
        assert raised.value.code == "BROKER-UNREACHABLE"


async def test_who_is_taken_over_stays_away_for_long() -> None:
    broker = MemoryBroker()
    peer = Peer(broker)
    async with peer.session:
        await soon(peer.ups.get())
        await broker(Options("memory", 1, "peer"), peer.receive)
        assert await code_and_wait(peer) == ("SESSION-TAKEN-OVER", CONFLICT_PAUSE_S)
        assert await soon(peer.sleep.asked.get()) == CONFLICT_PAUSE_S


async def test_reconnect_ends_a_connection_and_does_not_wait() -> None:
    peer = Peer(MemoryBroker())
    async with peer.session:
        first = await soon(peer.ups.get())
        peer.session.reconnect()
        assert (await code_and_wait(peer))[0] is None
        assert await soon(peer.ups.get()) is not first
        assert peer.sleep.asked.empty()


async def test_reconnect_ends_a_wait() -> None:
    broker = MemoryBroker()
    broker.refuse = TransportError("BROKER-UNREACHABLE")
    peer = Peer(broker)
    async with peer.session:
        await soon(peer.sleep.asked.get())
        broker.refuse = None
        peer.session.reconnect()
        await soon(peer.ups.get())


async def test_hold_ends_a_connection_and_stays_away() -> None:
    peer = Peer(MemoryBroker())
    async with peer.session:
        await soon(peer.ups.get())
        peer.session.hold(77.0)
        assert (await code_and_wait(peer))[1] == 77.0
        assert await soon(peer.sleep.asked.get()) == 77.0
        peer.sleep.over()
        await soon(peer.ups.get())
        peer.session.reconnect()
        await soon(peer.ups.get())


async def test_an_owner_that_cannot_say_its_piece_ends_the_connection() -> None:
    peer = Peer(MemoryBroker())
    peer.fail_up = GuestwireError("JOURNAL-FULL")
    async with peer.session:
        error, _ = await soon(peer.downs.get())
        assert error is not None
        assert (error.code, error.cause) == ("LINK-LOST", ("JOURNAL-FULL",))
        assert peer.session.transport is None
        peer.fail_up = None
        peer.sleep.over()
        peer.session.reconnect()
        await soon(peer.ups.get())


async def test_a_defect_of_the_owner_is_not_hidden() -> None:
    peer = Peer(MemoryBroker())
    peer.fail_connecting = ZeroDivisionError("epoch")
    with pytest.raises(ZeroDivisionError):
        async with peer.session:
            with pytest.raises(ZeroDivisionError):
                await peer.session.connected(2)


async def test_leaving_while_it_waits_connects_no_more() -> None:
    broker = MemoryBroker()
    broker.refuse = TransportError("BROKER-UNREACHABLE")
    peer = Peer(broker)
    async with peer.session:
        await soon(peer.sleep.asked.get())
    assert peer.session.state is State.CLOSED
    assert peer.attempts == [0]


async def test_a_transport_that_does_not_close_does_not_hold_up_leaving() -> None:
    closing = asyncio.Event()

    class Stuck:
        """A transport whose close fails."""

        def __init__(self) -> None:
            self.closed = asyncio.get_running_loop().create_future()

        async def subscribe(self, subscriptions: Sequence[Subscription]) -> None: ...

        async def close(self) -> None:
            closing.set()
            raise TransportError("LINK-LOST")

    async def connect(_options: Options, _on_message: OnMessage) -> Transport:
        return Stuck()  # type: ignore[return-value]

    peer = Peer(connect)
    async with peer.session:
        await soon(peer.ups.get())
    assert closing.is_set()
