"""Full-jitter back-off: uniform(0, min(120 s, 2^n)), forgiven only after 300 s of a stable connection. Pure."""

from collections.abc import Callable
from random import random

CAP_S = 120.0
STABLE_S = 300.0


class Backoff:
    """Counts failures of one thing. `uniform` gives a number in [0, 1): a test passes its own."""

    def __init__(self, uniform: Callable[[], float] = random, cap_s: float = CAP_S, stable_s: float = STABLE_S) -> None:
        self._uniform = uniform
        self._cap_s = cap_s
        self._stable_s = stable_s
        self._failures = 0

    def failed(self, lasted_s: float) -> float:
        """How long to wait before the next try; `lasted_s` is how long the last connection stood (0: it never did)."""
        if lasted_s >= self._stable_s:
            self._failures = 0
        limit = min(self._cap_s, 2.0 ** min(self._failures, 30))
        self._failures += 1
        return self._uniform() * limit
