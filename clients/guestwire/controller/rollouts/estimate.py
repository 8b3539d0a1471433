"""What a rollout would do, wave by wave, and about when: by its rates, its soak times and its window, as if every host did its
part at once, and a wave ended before the next begins. Pure.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.rollouts.pace import BREATH_MS, MINUTE_MS
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.tally import CANARY

MOST_WAVES: Final = 500
"""Waves that are worked out; the rest is told as a number of hosts."""
MOST_OPENINGS: Final = 1_000


class PlannedWave(NamedTuple):
    """A wave. `begins_at`: when its first host is begun, `begun_at` its last (Unix ms); None: the window does not open so often."""

    wave: int
    hosts: tuple[HostRef, ...]
    rate: int | None
    begins_at: int | None
    begun_at: int | None


def planned_waves(
    spec: RolloutSpec, hosts: Sequence[HostRef], now_ms: int, opening: Callable[[int], Opening]
) -> list[PlannedWave]:
    """The waves of these hosts, which are in the order in which they would be taken. `opening`: the window at a moment."""
    left = list(hosts)
    waves: list[PlannedWave] = []
    at: int | None = now_ms
    windows = _Windows(opening)
    while left and len(waves) < MOST_WAVES:
        wave = _number(spec, waves)
        members, left = _taken(spec, wave, left, len(hosts))
        rate = spec.waves.rate(wave)
        begins, begun = (None, None) if at is None else windows.times(at, len(members), rate)
        waves.append(PlannedWave(wave, tuple(members), rate, begins, begun))
        at = None if begun is None else begun + spec.soak_s * 1000
    return waves


def _number(spec: RolloutSpec, waves: Sequence[PlannedWave]) -> int:
    if waves:
        return waves[-1].wave + 1
    return CANARY if spec.waves.canary is not None else CANARY + 1


def _taken(spec: RolloutSpec, wave: int, left: list[HostRef], total: int) -> tuple[list[HostRef], list[HostRef]]:
    """The hosts of a wave, and those that are left after it."""
    canary, size = spec.waves.canary, spec.waves.size
    if wave == CANARY and canary is not None:
        if canary.hosts:
            named = set(canary.named)
            return sorted(named.intersection(left)), [host for host in left if host not in named]
        count = canary.of(total)
    else:
        count = len(left) if size is None else size.of(total)
    return left[:count], left[count:]


class _Windows:
    """The openings of a window, as many of them as one plan looks at."""

    def __init__(self, opening: Callable[[int], Opening]) -> None:
        self._opening = opening
        self._left = MOST_OPENINGS

    def times(self, at: int, hosts: int, rate: int | None) -> tuple[int, int] | tuple[None, None]:
        """When the first and the last of so many hosts are begun, from `at` on."""
        begins: int | None = None
        while self._left > 0:
            self._left -= 1
            window = self._opening(at)
            if window.until is None:
                if window.opens_at is None:
                    break
                at = window.opens_at
                continue
            begins = at if begins is None else begins
            last = at + _last_ms(hosts, rate)
            if last < window.until:
                return begins, last
            hosts -= min(hosts - 1, _begun(window.until - 1 - at, rate))
            at = window.until
        return None, None


def _last_ms(hosts: int, rate: int | None) -> int:
    """When the last of so many is begun, after the first."""
    if rate is None or hosts < 1:
        return 0
    minutes, rest = divmod(hosts - 1, rate)
    return minutes * MINUTE_MS + rest // math.ceil(rate * BREATH_MS / MINUTE_MS) * BREATH_MS


def _begun(within_ms: int, rate: int | None) -> int:
    """How many are begun within that time."""
    if rate is None:
        return 1 << 31
    minutes, rest = divmod(within_ms, MINUTE_MS)
    return minutes * rate + min(rate, (rest // BREATH_MS + 1) * math.ceil(rate * BREATH_MS / MINUTE_MS))
