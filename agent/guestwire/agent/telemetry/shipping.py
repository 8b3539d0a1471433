"""What has been sent and was not acknowledged, and what is to be sent next. Sans-I/O: time is an argument, monotonic seconds.

New batches go at once while somebody listens. What is not acknowledged in half a minute goes again, and so does what was never sent:
both are what is held and not under way, oldest first. How much of that may be under way follows what the receiver takes: more with each
acknowledgement, half of it when one is missing, so that a controller whose hosts all come back at once is not given more than it can
store. A receiver that acknowledges nothing for long is given nothing new, only the oldest again and again: its database is away, and
what is new stays fit to be made coarser.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, NamedTuple

from guestwire.protocol.number_ranges import Range
from guestwire.protocol.telemetry import SpoolClass

AGAIN_S: Final = 30.0
NEVER_S: Final = 600.0
"""How long something rests that the broker will never take."""
FIRST_WINDOW: Final = 256 * 1024
WINDOW: Final = 4 * 1024 * 1024
"""Bytes of old things that may be under way: to begin with, and at most."""
DEAF_S: Final = 120.0
PROBE: Final = 64 * 1024
"""Bytes of old things that may be under way to a receiver that acknowledges nothing: the least."""
MOST_UNDER_WAY: Final = 8192
"""Numbers that are remembered as sent; beyond that the first of them count as to be sent."""

ClassOf = tuple[bytes, SpoolClass]
"""A class of a log."""


@dataclass(slots=True)
class _Way:
    """One class of one log. `next`: nothing before this number is to be sent but what comes back from being under way."""

    next: int
    under_way: dict[int, "_Sent"]


class _Sent(NamedTuple):
    until: float
    size: int


class Shipping:
    """Of one host. What is held is the spool's to say: this only knows what not to send now."""

    def __init__(self) -> None:
        self._ways: dict[ClassOf, _Way] = {}
        self._order: list[tuple[float, ClassOf, int]] = []  # a heap: what rests long is due after what went later
        self._under_way = 0
        self._old_bytes = 0
        self._window = FIRST_WINDOW
        self._narrowed_at = float("-inf")
        self._unheard_since: float | None = None

    def __len__(self) -> int:
        """How many classes of logs it remembers something of."""
        return len(self._ways)

    def _way(self, of: ClassOf) -> _Way:
        way = self._ways.get(of)
        if way is None:
            way = self._ways[of] = _Way(1, {})
        return way

    # -- who listens

    def somebody_new(self, mono: float) -> None:
        """A receiver came, or came anew: it may well acknowledge, and has not heard what is under way."""
        self._unheard_since = None
        for of, way in self._ways.items():
            for number in [number for number, sent in way.under_way.items() if sent.until <= mono + AGAIN_S]:
                self._back(of, number)

    def deaf(self, mono: float) -> bool:
        """Whether nobody has acknowledged anything for too long, though there was something to acknowledge."""
        return self._unheard_since is not None and mono - self._unheard_since > DEAF_S

    # -- what goes

    def sent(self, of: ClassOf, number: int, mono: float, *, old: int = 0) -> None:
        """A record went. `old`: its bytes, where it is not one that was just made."""
        way = self._way(of)
        self._forget(of, number)
        way.under_way[number] = _Sent(mono + AGAIN_S, old)
        heappush(self._order, (mono + AGAIN_S, of, number))
        self._under_way += 1
        self._old_bytes += old
        if way.next == number:
            way.next = number + 1
        if self._unheard_since is None:
            self._unheard_since = mono
        while self._under_way > MOST_UNDER_WAY:
            self._back(*heappop(self._order)[1:])

    def not_taken(self, of: ClassOf, number: int, mono: float, *, ever: bool) -> None:
        """A record did not go after all; `ever`: and it would be so the next time."""
        if number not in self._way(of).under_way:
            return
        if ever:
            self._forget(of, number)
            self._way(of).under_way[number] = _Sent(mono + NEVER_S, 0)
            heappush(self._order, (mono + NEVER_S, of, number))
            self._under_way += 1
        else:
            self._back(of, number)

    def acknowledged(self, of: ClassOf, ranges: Iterable[Range]) -> None:
        """Somebody has these."""
        way = self._ways.get(of)
        under_way = {} if way is None else way.under_way
        for first, last in ranges:
            if last - first >= len(under_way):
                known = [number for number in under_way if first <= number <= last]
            else:
                known = [number for number in range(first, last + 1) if number in under_way]
            for number in known:
                self._window = min(WINDOW, self._window + under_way[number].size)
                self._forget(of, number)
        self._unheard_since = None

    def overdue(self, mono: float) -> None:
        """What was not acknowledged in time is to be sent again."""
        order = self._order
        while order and order[0][0] <= mono:
            until, of, number = heappop(order)
            known = self._way(of).under_way.get(number)
            if known is not None and known.until == until:
                if known.size and mono - self._narrowed_at >= AGAIN_S:
                    self._window, self._narrowed_at = max(PROBE, self._window // 2), mono
                self._back(of, number)

    def next_overdue(self) -> float | None:
        """When something is overdue, monotonic."""
        return self._order[0][0] if self._order else None

    def next_of(self, of: ClassOf) -> int:
        """The number from which on something may have to be sent."""
        return self._way(of).next

    def looked_at(self, of: ClassOf, number: int) -> None:
        """Nothing before this number is to be sent now."""
        self._way(of).next = max(self._way(of).next, number)

    def is_under_way(self, of: ClassOf, number: int) -> bool:
        return number in self._way(of).under_way

    def room(self, mono: float) -> int:
        """Bytes of old things that may be added to what is under way."""
        return (PROBE if self.deaf(mono) else self._window) - self._old_bytes

    def forget(self, log: bytes) -> None:
        """A log is gone."""
        for of in [one for one in self._ways if one[0] == log]:
            for number in tuple(self._ways[of].under_way):
                self._forget(of, number)
            del self._ways[of]

    def _forget(self, of: ClassOf, number: int) -> None:
        known = self._way(of).under_way.pop(number, None)
        if known is not None:
            self._under_way -= 1
            self._old_bytes -= known.size

    def _back(self, of: ClassOf, number: int) -> None:
        way = self._way(of)
        if number in way.under_way:
            self._forget(of, number)
            way.next = min(way.next, number)
