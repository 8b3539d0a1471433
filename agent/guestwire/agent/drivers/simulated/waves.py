"""Numbers that look like those of a machine at work: loads that swell and ebb, and counters that are their integrals. Pure: the
same time gives the same number, and a counter never goes back."""

from functools import lru_cache
from hashlib import blake2s
from math import cos, pi, sin


@lru_cache(maxsize=4096)
def share(*names: object) -> float:
    """A number from 0 to 1 that belongs to these names."""
    digest = blake2s("/".join(map(str, names)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 0xFFFF_FFFF


def level(mean: float, seconds: float, *names: object) -> float:
    """A load around `mean` at that time: between half of it and one and a half."""
    period, phase = _wave(names)
    return mean * (1 + 0.5 * sin(2 * pi * seconds / period + phase))


def counted(mean: float, seconds: float, *names: object) -> float:
    """What such a load has added up to since 0."""
    period, phase = _wave(names)
    turn = 2 * pi / period
    return max(0.0, mean * (seconds + 0.5 / turn * (cos(phase) - cos(turn * seconds + phase))))


@lru_cache(maxsize=4096)
def _wave(names: tuple[object, ...]) -> tuple[float, float]:
    """Its period in seconds, from two to ten minutes, and where it begins."""
    return 120 + 480 * share("period", *names), 2 * pi * share("phase", *names)
