"""Sees by the heartbeats of hosts whose clocks are far off: such a host refuses what it is asked to do as too old or too new, or keeps
its telemetry back, and somebody should know why. What becomes of the times of samples is `telemetry.host_clock`'s.
"""

from collections.abc import Callable
from typing import Final

from guestwire.controller.fleet.registry import Registry
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Said
from guestwire.protocol.presence import WILL_N
from guestwire.protocol.steps import Now

APART_MS: Final = 10 * 60_000
"""Clocks differ by so much before it is worth a word."""
LATE_MS: Final = 10_000
"""How much later than the one before a heartbeat may come and be of now. What a broker had kept comes later."""
_UNITS: Final = ((365 * 86_400, "years"), (86_400, "days"), (3_600, "hours"), (60, "minutes"))


class ClockWatch:
    """A Hearer of presence, after the registry has heard it. `on_wrong` hears of each heartbeat of an approved host whose clock is
    far from the controller's, with a text for people. One word alone tells nothing, for it may be an old one: the second in a
    row does."""

    def __init__(self, registry: Registry, on_wrong: Callable[[HostRef, str], None], clock: Callable[[], Now]) -> None:
        self._registry = registry
        self._on_wrong = on_wrong
        self._clock = clock
        self._before: dict[HostRef, tuple[int, int, int, float]] = {}
        """Of each host its last word: its place (epoch, n), when it was said, by the host's own clock, and when it was heard."""

    def hear(self, said: Said) -> bool:
        """Take a presence. What is not the newest word of the host itself tells nothing of clocks."""
        known, said_at, now = self._registry.get(said.ref), said.statement.issued_at, self._clock()
        if known is None:
            self._before.pop(said.ref, None)
            return True
        if said.statement.n == WILL_N or known.standing.said_at != said_at:
            return True
        before = self._before.get(said.ref)
        if before is not None and before[:2] == (known.standing.epoch, said.statement.n):
            return True
        self._before[said.ref] = (known.standing.epoch, said.statement.n, said_at, now.mono)
        apart_ms = said_at - now.wall_ms
        if before is None or abs(apart_ms) <= APART_MS or not self._registry.approved(said.ref):
            return True
        if abs(said_at - before[2] - (now.mono - before[3]) * 1000) <= LATE_MS:
            self._on_wrong(said.ref, _text(said.ref, apart_ms))
        return True


def _text(ref: HostRef, apart_ms: int) -> str:
    seconds = abs(apart_ms) // 1000
    size, unit = next(one for one in _UNITS if seconds >= 2 * one[0])
    which = "ahead of" if apart_ms > 0 else "behind"
    return f"The clock of {ref} is {seconds // size} {unit} {which} the controller's: one of the two is wrong."
