"""What came over the links, counted; and what was refused, until it is told to the audit log. Pure."""

from collections import Counter
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef

MOST_UNTOLD: Final = 512
"""Different refusals that wait to be told; what is beyond is told as one."""


class Refusal(NamedTuple):
    """Why what was said as a host was not believed: an error code, and the kind of topic it came on."""

    site: str
    host: str
    kind: str
    code: str


class Tallies:
    """Counts since the controller started."""

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()
        """Statements that were believed, by kind of topic."""
        self.refused: Counter[str] = Counter()
        """Messages that were not believed, by code."""
        self.dropped: Counter[str] = Counter()
        """Statements that nobody had room for, by kind of topic."""
        self.held_back: Counter[HostRef] = Counter()
        """Notices and telemetry of hosts that nobody has approved."""
        self._untold: Counter[Refusal] = Counter()

    def refuse(self, refusal: Refusal) -> None:
        """Something was not believed."""
        self.refused[refusal.code] += 1
        if refusal not in self._untold and len(self._untold) >= MOST_UNTOLD:
            refusal = Refusal(refusal.site, "", "", refusal.code)
        self._untold[refusal] += 1

    def take_untold(self) -> tuple[tuple[Refusal, int], ...]:
        """What was refused since the last time, and how often."""
        found, self._untold = self._untold, Counter()
        return tuple(found.items())

    def untold_again(self, refusals: tuple[tuple[Refusal, int], ...]) -> None:
        """It could not be told."""
        for refusal, count in refusals:
            self._untold[refusal] += count
