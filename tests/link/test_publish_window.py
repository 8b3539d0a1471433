"""The window of unconfirmed messages, without any network: order, limit, deadlines, and the end."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.publish_window import MOST_UNCONFIRMED, PublishWindow
from guestwire.link.transport import TransportError


class Wire:
    def __init__(self, limit: int, timeout_s: float = 10.0) -> None:
        self.sent: list[int] = []
        self.stuck = asyncio.Event()
        self.window: PublishWindow[str] = PublishWindow(self._transmit, lambda _: self.stuck.set(), timeout_s, limit)

    def _transmit(self, key: int, item: str) -> None:
        assert item == str(key)
        self.sent.append(key)

    def add(self, key: int, size: int = 1) -> "asyncio.Future[int]":
        return self.window.add(key, str(key), size)


@given(st.integers(1, 5), st.lists(st.integers(0, 3), max_size=40))
def test_never_more_than_the_limit_and_always_in_order(limit: int, actions: list[int]) -> None:
    async def run() -> None:
        wire = Wire(limit)
        outcomes: dict[int, asyncio.Future[int]] = {}
        confirmed: set[int] = set()
        key = 0
        for action in actions:
            if action < 2:
                key += 1
                outcomes[key] = wire.add(key)
            elif action == 2:
                for oldest in [sent for sent in wire.sent if sent not in confirmed][:1]:
                    wire.window.confirmed(oldest, 0)
                    confirmed.add(oldest)
            else:
                for waiting in [k for k in outcomes if k not in wire.sent][-1:]:
                    outcomes[waiting].cancel()
            assert len(wire.sent) - len(confirmed) <= limit
            assert wire.sent == sorted(wire.sent)
            in_flight = len(wire.sent) - len(confirmed)
            left = [k for k in outcomes if k not in wire.sent and not outcomes[k].cancelled()]
            assert in_flight == limit or not left
        wire.window.close(lambda: TransportError("LINK-LOST"))
        assert all(outcome.done() for outcome in outcomes.values())
        assert {
            k for k, outcome in outcomes.items() if not outcome.cancelled() and not outcome.exception()
        } == confirmed

    asyncio.run(run())


async def code_of(outcome: "asyncio.Future[int]") -> str:
    with pytest.raises(TransportError) as caught:
        await outcome
    return caught.value.code


async def test_reasons() -> None:
    wire = Wire(5)
    outcomes = [wire.add(key) for key in (1, 2, 3)]
    for key, reason in ((1, 0), (2, 0x10), (3, 0x87), (99, 0)):
        wire.window.confirmed(key, reason)
    assert await outcomes[0] == 0
    assert await outcomes[1] == 0x10
    assert await code_of(outcomes[2]) == "PUBLISH-REFUSED"
    assert 1 not in wire.window


async def test_the_deadline_of_each_and_a_late_confirmation() -> None:
    wire = Wire(2, timeout_s=0.05)
    outcomes = [wire.add(key, size=10) for key in (1, 2, 3)]
    assert wire.window.waiting_bytes == 10
    wire.window.confirmed(2, 0)
    assert wire.sent == [1, 2, 3]
    assert await code_of(outcomes[0]) == "PUBLISH-TIMEOUT"
    assert await code_of(outcomes[2]) == "PUBLISH-TIMEOUT"
    async with asyncio.timeout(5):
        await wire.stuck.wait()  # both places of the window are overdue
    assert 1 in wire.window  # the peer may still confirm it: the key is not free
    wire.window.confirmed(1, 0)
    assert 1 not in wire.window
    later = wire.add(4)
    assert wire.sent == [1, 2, 3, 4]
    wire.window.confirmed(4, 0)
    assert await later == 0


async def test_what_waited_too_long_is_never_sent() -> None:
    wire = Wire(1, timeout_s=0.05)
    outcomes = [wire.add(key) for key in (1, 2)]
    assert [await code_of(outcome) for outcome in outcomes] == ["PUBLISH-TIMEOUT"] * 2
    wire.window.confirmed(1, 0)
    assert wire.sent == [1]
    assert wire.window.waiting_bytes == 0
    assert 2 not in wire.window


async def test_overdue_ones_whose_callers_gave_up_still_fill_the_window() -> None:
    wire = Wire(2, timeout_s=0.05)
    for key in (1, 2):
        wire.add(key).cancel()
    async with asyncio.timeout(5):
        await wire.stuck.wait()


async def test_an_outcome_that_nobody_awaits_is_dropped_in_silence() -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    wire = Wire(1)
    wire.add(1)
    wire.add(2)
    wire.window.close(lambda: TransportError("LINK-LOST"))
    del wire
    await asyncio.sleep(0)
    assert complaints == []


async def test_the_number_is_bounded() -> None:
    wire = Wire(1)
    for key in range(MOST_UNCONFIRMED):
        assert not wire.window.full
        wire.add(key)
    assert wire.window.full
    wire.window.close(lambda: TransportError("LINK-LOST"))
