"""Spreading a document over hosts that answer when the test says: what runs at once, what is told, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from guestwire.model.errors import GuestwireError
from guestwire.sdk.trust_spread import AT_ONCE, Revision, Standing
from guestwire.sdk.trust_spreading import SpreadPorts, TrustSpreading


class Hosts:
    """Ports over a dict. `gate` holds every answer back while it is closed."""

    def __init__(self, count: int) -> None:
        self.has: dict[str, Revision] = {f"h{number}": (1, 0) for number in range(count)}
        self.away: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = self.most = 0
        self.told: list[Standing] = []
        self.news = asyncio.Event()

    async def ask(self, host: str, known: Revision, within_s: float) -> Revision:
        await self._answer(host)
        return self.has[host]

    async def give(self, host: str, file: bytes, within_s: float) -> Revision:
        await self._answer(host)
        self.has[host] = (int(file), 0)
        return self.has[host]

    async def tell(self, standing: Standing) -> None:
        self.told.append(standing)
        self.news.set()

    async def _answer(self, host: str) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
        finally:
            self.running -= 1
        if host in self.away:
            raise GuestwireError("HOST-UNREACHABLE")

    async def until_told(self, missing: set[str], revision: int) -> None:
        async with asyncio.timeout(10):
            while not self.told or (set(self.told[-1].missing), self.told[-1].revision[0]) != (missing, revision):
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def spreading(hosts: Hosts) -> AsyncIterator[TrustSpreading]:
    made = TrustSpreading(SpreadPorts(hosts.ask, hosts.give, hosts.tell, asyncio.get_running_loop().time))
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def publish(it: TrustSpreading, hosts: Hosts, revision: int) -> None:
    it.document((revision, 0), str(revision).encode(), hosts.has)


async def test_a_fleet_gets_it_so_many_at_a_time_and_one_line_is_told() -> None:
    hosts = Hosts(100)
    async with spreading(hosts) as it:
        publish(it, hosts, 2)
        for host in hosts.has:
            it.heard(host, 1, there=True)
        await hosts.until_told(set(), 2)
        assert len(hosts.told) == 1
        publish(it, hosts, 3)
        await hosts.until_told(set(), 3)
    assert hosts.most == AT_ONCE
    assert set(hosts.has.values()) == {(3, 0)}
    assert len(hosts.told) == 2


async def test_a_host_that_comes_back_gets_it_and_that_is_told() -> None:
    hosts = Hosts(3)
    hosts.away = {"h1"}
    async with spreading(hosts) as it:
        publish(it, hosts, 2)
        await hosts.until_told({"h1"}, 2)
        assert hosts.told[-1].missing == {"h1": "HOST-UNREACHABLE"}
        hosts.away.clear()
        it.heard("h1", 2, there=True)
        await hosts.until_told(set(), 2)
    assert hosts.has["h1"] == (2, 0)


async def test_a_newer_document_overtakes_one_that_is_under_way() -> None:
    hosts = Hosts(2)
    hosts.gate.clear()
    async with spreading(hosts) as it:
        publish(it, hosts, 2)
        async with asyncio.timeout(10):
            while hosts.running < 2:
                await asyncio.sleep(0)
        publish(it, hosts, 3)
        hosts.gate.set()
        await hosts.until_told(set(), 3)
    assert set(hosts.has.values()) == {(3, 0)}


async def test_its_end_ends_what_is_under_way() -> None:
    hosts = Hosts(5)
    hosts.gate.clear()
    async with spreading(hosts) as it:
        publish(it, hosts, 2)
        async with asyncio.timeout(10):
            while not hosts.running:
                await asyncio.sleep(0)
    assert hosts.running == 0
    assert hosts.told == []
