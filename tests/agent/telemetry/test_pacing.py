"""What was left behind takes three tenths of the link, whatever that is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.telemetry.pacing import BURST_S, FIRST_GUESS, LEAST_BURST, MOST_BURST, SHARE, Pacing


def drive(pacing: Pacing, link: float, seconds: float, size: int, *, latency_s: float = 0.0) -> tuple[int, float]:
    """A link that takes `link` bytes a second: what went in so many seconds, and how long a message waited at most."""
    at, free_at, sent, longest = 0.0, 0.0, 0, 0.0
    while at < seconds:
        if not pacing.may_send(at):
            at += max(0.001, pacing.wait_s(at))
            continue
        ends: list[float] = []
        while pacing.may_send(at):
            pacing.sent(size, at)
            sent += size
            free_at = max(free_at, at) + size / link
            longest = max(longest, free_at - at)
            ends.append(free_at + latency_s)
        for end in ends:
            pacing.confirmed(end)
        at = max(at, free_at)
    return sent, longest


@pytest.mark.parametrize("link", [2_000.0, 16_000.0, 250_000.0, 12_500_000.0])
@pytest.mark.parametrize("size", [300, 4_000, 45_000])
def test_with_a_known_link_it_takes_its_share_and_no_more(link: float, size: int) -> None:
    seconds = min(600.0, 2e7 / link)
    sent, longest = drive(Pacing(link), link, seconds, size)
    assert sent <= SHARE * link * seconds + max(link * BURST_S, LEAST_BURST) + size
    assert sent >= 0.5 * SHARE * min(link, MOST_BURST / BURST_S) * seconds - size
    assert longest <= max(BURST_S, LEAST_BURST / link) + size / link + 0.01, "what is new waits for one burst at most"


@pytest.mark.parametrize("link", [2_000.0, 16_000.0, 250_000.0, 400_000.0])
@pytest.mark.parametrize("latency_s", [0.0, 0.05, 0.3])
def test_a_link_that_nobody_knows_is_observed(link: float, latency_s: float) -> None:
    pacing = Pacing()
    drive(pacing, link, 120, 2_000, latency_s=latency_s)
    assert 0.4 * link <= pacing.link <= 1.1 * link, "with latency it looks slower, never faster"
    sent, _ = drive(Pacing(pacing.link), link, 600, 2_000, latency_s=latency_s)
    assert sent <= SHARE * link * 600 * 1.1 + link


def test_a_link_that_became_slower_is_given_less_within_a_few_bursts() -> None:
    pacing = Pacing()
    drive(pacing, 250_000.0, 60, 2_000)
    before = pacing.link
    at = 1000.0
    for _ in range(6):
        at += pacing.wait_s(at) + 0.001
        began = at
        size = 0
        while pacing.may_send(at):
            pacing.sent(2_000, at)
            size += 2_000
        at += size / 10_000
        while size > 0:
            pacing.confirmed(at)
            size -= 2_000
        assert at > began
    assert pacing.link < 11_000 < before


def test_the_first_burst_goes_at_once_and_is_small() -> None:
    pacing = Pacing()
    assert pacing.wait_s(5.0) == 0
    sent = 0
    while pacing.may_send(5.0):
        pacing.sent(1000, 5.0)
        sent += 1000
    assert sent <= FIRST_GUESS * BURST_S + 1000
    assert pacing.wait_s(5.0) > 0


def test_what_was_not_taken_tells_nothing_of_the_link() -> None:
    pacing = Pacing()
    assert pacing.may_send(0.0)
    for _ in range(10):
        pacing.sent(2_000, 0.0)
    for _ in range(10):
        pacing.confirmed(0.001, ok=False)
    assert pacing.link == FIRST_GUESS


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=40))
def test_waiting_as_long_as_it_says_is_enough(steps: list[tuple[float, bool]]) -> None:
    pacing, at = Pacing(50_000.0), 0.0
    for wait, send in steps:
        at += wait
        if send and pacing.may_send(at):
            pacing.sent(40_000, at)
            pacing.confirmed(at + 1)
        at += pacing.wait_s(at) + 1e-6
        assert pacing.may_send(at)
