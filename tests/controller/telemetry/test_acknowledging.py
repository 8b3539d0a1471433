"""Hosts are told what is kept: all of it, not word by word, and again where they were away."""

import asyncio
from collections.abc import Callable

import pytest
from telemetry_batches import HOST, LOG, OTHER

from guestwire.controller.host_ref import HostRef
from guestwire.controller.telemetry.acknowledging import MANY, TRIES, Acknowledging
from guestwire.link.backoff import Backoff
from guestwire.model.errors import GuestwireError
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.telemetry import TelemetryAck

DEADLINE_S = 10.0


class Hosts:
    """Take what they are told. `refuse`: how often a host does not, first."""

    def __init__(self, refuse: int = 0) -> None:
        self.told: list[tuple[HostRef, TelemetryAck]] = []
        self.asked = 0
        self.hold = asyncio.Event()
        self.hold.set()
        self._refuse = refuse

    async def ack(self, ref: HostRef, ack: TelemetryAck) -> None:
        self.asked += 1
        await self.hold.wait()
        if self._refuse:
            self._refuse -= 1
            raise GuestwireError("HOST-UNREACHABLE")
        self.told.append((ref, ack))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                await asyncio.sleep(0)


def at_once() -> Backoff:
    return Backoff(uniform=lambda: 0.0)


def ranges(*given: tuple[int, int]) -> NumberRanges:
    return NumberRanges(given)


async def test_numbers_that_come_together_are_told_together() -> None:
    hosts = Hosts()
    async with Acknowledging(hosts.ack, hold_s=0.01) as acks:
        for seq in (1, 2, 4, 3, 9):
            acks.committed(HOST, LOG, "metric", ranges((seq, seq)))
        acks.committed(HOST, LOG, "notice", ranges((1, 5)))
        acks.committed(OTHER, LOG, "metric", ranges((7, 7)))
        await hosts.until(lambda: len(hosts.told) == 3)
    assert {(ref, ack.spool_class, ack.ranges) for ref, ack in hosts.told} == {
        (HOST, "metric", ((1, 4), (9, 9))), (HOST, "notice", ((1, 5),)), (OTHER, "metric", ((7, 7),)),
    }  # fmt: skip
    assert acks.told == 3


async def test_many_do_not_wait() -> None:
    hosts = Hosts()
    async with Acknowledging(hosts.ack, hold_s=3600) as acks:
        for seq in range(1, MANY + 1):
            acks.committed(HOST, LOG, "metric", ranges((2 * seq, 2 * seq)))
        await hosts.until(lambda: len(hosts.told) == 1)
        assert hosts.told[0][1].ranges == tuple((2 * seq, 2 * seq) for seq in range(1, MANY + 1))
        acks.committed(HOST, LOG, "metric", ranges((1, 1)))
    assert len(hosts.told) == 1


async def test_what_comes_while_a_host_is_told_is_told_next() -> None:
    hosts = Hosts()
    hosts.hold.clear()
    async with Acknowledging(hosts.ack, hold_s=0.01) as acks:
        acks.committed(HOST, LOG, "metric", ranges((1, 1)))
        await hosts.until(lambda: hosts.asked == 1)
        acks.committed(HOST, LOG, "metric", ranges((2, 2)))
        acks.committed(HOST, LOG, "metric", ranges((3, 3)))
        hosts.hold.set()
        await hosts.until(lambda: len(hosts.told) == 2)
    assert [ack.ranges for _, ack in hosts.told] == [((1, 1),), ((2, 3),)]


async def test_what_one_word_cannot_hold_takes_several() -> None:
    hosts = Hosts()
    async with Acknowledging(hosts.ack, hold_s=0.01) as acks:
        acks.committed(HOST, LOG, "metric", ranges(*((2 * n, 2 * n) for n in range(1, 601))))
        await hosts.until(lambda: len(hosts.told) == 3)
    assert [len(ack.ranges) for _, ack in hosts.told] == [256, 256, 88]


async def test_a_host_that_is_away_is_told_again_and_then_left_alone() -> None:
    hosts = Hosts(refuse=TRIES - 1)
    async with Acknowledging(hosts.ack, hold_s=0.0, backoff=at_once) as acks:
        acks.committed(HOST, LOG, "metric", ranges((1, 1)))
        await hosts.until(lambda: acks.told == 1)
    hosts = Hosts(refuse=TRIES)
    async with Acknowledging(hosts.ack, hold_s=0.0, backoff=at_once) as acks:
        acks.committed(HOST, LOG, "metric", ranges((1, 1)))
        await hosts.until(lambda: acks.untold == 1)
        acks.committed(HOST, LOG, "metric", ranges((2, 2)))
        await hosts.until(lambda: acks.told == 1)
    assert [ack.ranges for _, ack in hosts.told] == [((2, 2),)]


async def test_only_so_many_hosts_are_told_at_a_time() -> None:
    hosts = Hosts()
    hosts.hold.clear()
    refs = [HOST._replace(host=f"h{n}") for n in range(10)]
    async with Acknowledging(hosts.ack, hold_s=0.0, at_once=3) as acks:
        for ref in refs:
            acks.committed(ref, LOG, "metric", ranges((1, 1)))
        await hosts.until(lambda: hosts.asked == 3)
        for _ in range(100):
            await asyncio.sleep(0)
        assert hosts.asked == 3
        hosts.hold.set()
        await hosts.until(lambda: len(hosts.told) == 10)


@pytest.mark.parametrize("busy", [False, True])
async def test_leaving_ends_it_all(busy: bool) -> None:
    hosts = Hosts()
    hosts.hold.clear()
    async with Acknowledging(hosts.ack, hold_s=0.0 if busy else 3600) as acks:
        acks.committed(HOST, LOG, "metric", ranges((1, 1)))
        if busy:
            await hosts.until(lambda: hosts.asked == 1)
    acks.committed(HOST, LOG, "metric", ranges((2, 2)))
    assert len(asyncio.all_tasks()) == 1
