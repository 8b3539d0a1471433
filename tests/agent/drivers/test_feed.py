"""The feed of a driver's events: bounded, and never a gap that a reader cannot see."""

import asyncio

from guestwire.agent.drivers.feed import Feed
from guestwire.agent.services.ports import Gone, GuestEvent, Lost, Resynced


def gone(number: int) -> Gone:
    return Gone(1, number, f"uuid-{number}")


async def test_a_reader_begins_with_the_present_and_then_sees_everything_in_order() -> None:
    feed = Feed(lambda: Resynced(1, ()))
    async with feed.read() as one, feed.read() as two:
        assert await anext(one) == Resynced(1, ())
        feed.publish(gone(1))
        feed.publish(gone(2))
        assert [await anext(one), await anext(one)] == [gone(1), gone(2)]
        # it had not looked yet: the present includes what was published
        assert await anext(two) == Resynced(1, ())


async def test_a_reader_that_falls_behind_is_given_the_present_and_goes_on_from_there() -> None:
    epoch = 1
    feed = Feed(lambda: Resynced(epoch, ()), capacity=3)
    async with feed.read() as events:
        await anext(events)
        for number in range(4):
            feed.publish(gone(number))
        epoch = 2
        assert await anext(events) == Resynced(2, ())
        feed.publish(gone(9))
        assert await anext(events) == gone(9)


async def test_a_loss_drops_what_was_queued_before_it() -> None:
    present: list[Resynced | Lost] = [Resynced(1, ())]
    feed = Feed(lambda: present[0])
    async with feed.read() as events:
        await anext(events)
        feed.publish(gone(1))
        present[0] = Lost(1, "gone")
        feed.publish(Lost(1, "gone"))
        assert await anext(events) == Lost(1, "gone")


async def test_a_waiting_reader_is_roused_and_ends_with_the_feed() -> None:
    feed = Feed(lambda: Resynced(1, ()))
    seen: list[GuestEvent] = []

    async def collect() -> None:
        async with feed.read() as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 (one at a time, as they come)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(collect())
        while not seen:
            await asyncio.sleep(0)
        feed.publish(gone(1))
        while len(seen) < 2:
            await asyncio.sleep(0)
        feed.close()
    assert seen == [Resynced(1, ()), gone(1)]
