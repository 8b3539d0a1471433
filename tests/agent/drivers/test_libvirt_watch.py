"""The watch over domains, on libvirt's own in-process test driver: no daemon, no guests, real events.

A watch whose connection drops every event stands for a libvirt that loses some, as 9.0 does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from guestwire.agent.services.ports import Changed, Gone, Lost, Resynced
from guestwire.model.errors import GuestwireError

libvirt = pytest.importorskip("libvirt", reason="libvirt-python is not installed (extra `libvirt`)")

XML = "<domain type='test'><name>w</name><memory>65536</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def domain() -> Any:
    """A domain of the test driver that does not run, made by another connection."""
    conn = libvirt.open("test:///default")
    made = conn.defineXML(XML)
    yield made
    for other in conn.listAllDomains():
        if other.UUIDString() == made.UUIDString():
            if other.isActive():
                other.destroy()
            other.undefine()
    conn.close()


class Deaf:
    """A connection that registers for nothing; while there is a `failure` its next call ends in it."""

    failure: Exception | None = None

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def on_event(self, *_: Any) -> None:
        pass

    async def call(self, act: Callable[[Any], Any], *, effect: bool) -> Any:
        if (failure := Deaf.failure) is not None:
            Deaf.failure = None
            raise failure
        return await self._connection.call(act, effect=effect)

    def give_up(self, reason: str) -> None:
        self._connection.give_up(reason)


class Rig:
    """A watch and its connection."""

    def __init__(self, *, deaf: bool = False) -> None:
        from guestwire.agent.drivers.libvirt.connection import Connection
        from guestwire.agent.drivers.libvirt.watch import Watch

        self.watch = Watch(lambda: 1)

        async def on_up(connection: Any, epoch: int) -> None:
            await self.watch.on_up(Deaf(connection) if deaf else connection, epoch)  # type: ignore[arg-type]

        self.connection = Connection(
            "test:///default", on_up=on_up, on_lost=self.watch.on_lost, check=self.watch.check, jitter=lambda *_: 0.0
        )


@pytest.fixture(params=[False, True], ids=["hearing", "deaf"])
async def rig(request: pytest.FixtureRequest, domain: Any) -> AsyncIterator[Rig]:
    rig = Rig(deaf=request.param)
    async with rig.watch, rig.connection:
        rig.deaf = request.param  # type: ignore[attr-defined]
        yield rig


async def test_what_happens_is_seen_even_where_libvirt_does_not_say_so(rig: Any, domain: Any) -> None:
    uuid = domain.UUIDString()
    async with asyncio.timeout(10), rig.watch.feed.read() as events:
        first = await anext(events)
        assert isinstance(first, Resynced)
        assert {observed.state for observed in first.guests if observed.guest.uuid == uuid} == {"stopped"}
        for act, state in ((domain.create, "running"), (domain.suspend, "paused"), (domain.destroy, "stopped")):
            act()
            if rig.deaf:
                await rig.watch.check(rig.connection)
            seen = await anext(events)
            while not (isinstance(seen, Changed) and seen.observed.state == state):
                seen = await anext(events)
            assert seen.observed.guest.uuid == uuid
        domain.undefine()
        if rig.deaf:
            await rig.watch.check(rig.connection)
        seen = await anext(events)
        while not isinstance(seen, Gone):
            seen = await anext(events)
        assert seen.uuid == uuid


async def test_what_was_asked_before_it_was_held_is_not_told_of_meanwhile(rig: Any, domain: Any) -> None:
    """A definition's event is looked after late, on a busy machine: the domain is being started, and paused, by then."""
    uuid = domain.UUIDString()
    async with asyncio.timeout(10), rig.watch.feed.read() as events:
        await anext(events)
        rig.watch.touched(uuid)
        with rig.watch.held(uuid):
            domain.create()
            domain.suspend()
            await rig.connection.call(lambda conn: conn.getVersion(), effect=False)
            for _ in range(100):
                await asyncio.sleep(0)
            domain.resume()
        seen = await anext(events)
        assert (seen.observed.guest.uuid, seen.observed.state) == (uuid, "running")


async def test_a_check_that_finds_nothing_new_says_nothing(rig: Any) -> None:
    async with asyncio.timeout(10), rig.watch.feed.read() as events:
        await anext(events)
        await rig.watch.check(rig.connection)
        waiting = asyncio.ensure_future(anext(events))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()


async def test_more_than_the_queue_holds_is_answered_by_a_list(rig: Any, domain: Any) -> None:
    async with asyncio.timeout(10), rig.watch.feed.read() as events:
        await anext(events)
        for _ in range(2000):
            rig.watch.touched(domain.UUIDString())
        assert isinstance(await anext(events), Resynced)


async def test_a_link_that_is_given_up_is_lost_and_listed_anew(rig: Any) -> None:
    async with asyncio.timeout(10), rig.watch.feed.read() as events:
        assert (await anext(events)).epoch == 1
        rig.connection.give_up("for a test")
        seen = await anext(events)
        if isinstance(seen, Lost):
            assert seen.reason == "for a test"
            seen = await anext(events)
        assert isinstance(seen, Resynced)
        assert seen.epoch == 2


@pytest.mark.parametrize("failure", [GuestwireError("DRIVER-LOST", "no answer"), ValueError("a defect of ours")])
async def test_a_domain_that_cannot_be_asked_costs_the_link_not_the_truth(domain: Any, failure: Exception) -> None:
    rig = Rig(deaf=True)
    async with asyncio.timeout(10), rig.watch, rig.connection, rig.watch.feed.read() as events:
        await anext(events)
        Deaf.failure = failure
        rig.watch.touched(domain.UUIDString())
        seen = await anext(events)
        while not isinstance(seen, Resynced):
            seen = await anext(events)
        assert seen.epoch == 2
