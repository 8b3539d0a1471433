"""The keep alive on a clock of its own: never silent for longer than it, and silence noticed in time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.keep_alive import KeepAlive

K = 30.0


class Timer(asyncio.TimerHandle):
    def __init__(self) -> None:
        self.on = True

    def cancel(self) -> None:
        self.on = False


class Connection:
    """A keep alive on a clock that stands until it is moved; the broker answers pings while it is `alive`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.alive = True
        self.pings: list[float] = []
        self.lost_at: float | None = None
        self._due: list[tuple[float, int, Callable[[], Any], Timer]] = []
        self.keep_alive = KeepAlive(self, self._ping, self._lost)
        self.keep_alive.start(K)

    def call_later(self, delay: float, callback: Callable[[], Any], /) -> asyncio.TimerHandle:
        timer = Timer()
        heapq.heappush(self._due, (self.now + delay, len(self.pings) + id(timer), callback, timer))
        return timer

    def _ping(self) -> None:
        self.pings.append(self.now)
        self.keep_alive.sent = True
        if self.alive:
            self.keep_alive.heard = True

    def _lost(self) -> None:
        self.lost_at = self.now

    def until(self, when: float) -> None:
        while self._due and self._due[0][0] <= when:
            self.now, _, callback, timer = heapq.heappop(self._due)
            if timer.on:
                callback()
        self.now = when


@given(st.lists(st.floats(0.01, 100), max_size=20))
def test_something_is_sent_in_every_interval(pauses: list[float]) -> None:
    connection = Connection()
    sent = [0.0]
    for pause in pauses:
        connection.until(connection.now + pause)
        connection.keep_alive.sent = True
        sent.append(connection.now)
    connection.until(connection.now + 5 * K)
    times = sorted(sent + connection.pings)
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= K
    assert connection.lost_at is None


@given(st.floats(0, 5 * K))
def test_a_broker_that_falls_silent_is_noticed(last: float) -> None:
    connection = Connection()
    connection.until(last)
    connection.keep_alive.heard = True
    connection.alive = False
    while connection.now < last + 2 * K:  # we go on sending
        connection.until(connection.now + 1)
        connection.keep_alive.sent = True
    assert connection.lost_at is not None
    assert 0.89 * K <= connection.lost_at - last <= 1.36 * K + 0.1
    assert connection.pings[-1] > last


def test_traffic_both_ways_needs_no_ping() -> None:
    connection = Connection()
    while connection.now < 10 * K:
        connection.keep_alive.sent = connection.keep_alive.heard = True
        connection.until(connection.now + K / 3)
    assert connection.pings == []


def test_silence_means_nothing_while_we_do_not_read() -> None:
    connection = Connection()
    connection.alive = False
    connection.keep_alive.deaf = True
    connection.until(10 * K)
    assert connection.lost_at is None
    assert len(connection.pings) >= 10
    connection.keep_alive.deaf = False
    connection.until(12 * K)
    assert connection.lost_at is not None


def test_what_came_during_a_stall_of_the_loop_counts() -> None:
    connection = Connection()
    connection.alive = False
    connection.until(0.9 * K + 0.05)  # two looks, and nothing read
    connection.keep_alive.heard = True
    connection.alive = True
    connection.until(3 * K)
    assert connection.lost_at is None


@pytest.mark.parametrize("how", ["never started", "zero", "stopped"])
def test_off(how: str) -> None:
    connection = Connection()
    connection.keep_alive.stop()
    if how == "zero":
        connection.keep_alive.start(0)
    elif how == "stopped":
        connection.keep_alive.start(K)
        connection.keep_alive.stop()
    connection.until(10 * K)
    assert connection.pings == []
    assert connection.lost_at is None
