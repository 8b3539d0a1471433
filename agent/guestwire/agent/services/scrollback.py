"""What is kept of one run of a guest's console: the last bytes, by their place in all that was written. Pure."""

from collections import deque
from dataclasses import dataclass

MOST_GAPS = 256


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes from `start` on. `lost`: between what was seen before and their end something is missing."""

    data: bytes
    start: int
    lost: bool


class Scrollback:
    """At most `keep` bytes; the oldest go. `run` names the run. Where it was not listened for a while there is a gap: nobody knows how
    much is missing there, so it has a place and no length."""

    __slots__ = ("_data", "_gaps", "_keep", "end", "run")

    def __init__(self, keep: int, run: int) -> None:
        self._keep = keep
        self._data = bytearray()
        self._gaps: deque[int] = deque(maxlen=MOST_GAPS)
        self.end = 0
        self.run = run

    @property
    def start(self) -> int:
        """The place of the oldest byte there is."""
        return self.end - len(self._data)

    def add(self, data: bytes) -> None:
        """What was written next."""
        self._data += data
        self.end += len(data)
        del self._data[: max(0, len(self._data) - self._keep)]
        while self._gaps and self._gaps[0] < self.start:
            self._gaps.popleft()

    def gap(self) -> None:
        """What comes from here on does not follow on what is there."""
        if not self._gaps or self._gaps[-1] != self.end:
            self._gaps.append(self.end)

    def read(self, after: int | None, limit: int) -> Piece:
        """At most `limit` bytes from `after` on, as far as they are still there; None: the last. A place that was never reached is one
        of another run: then from the oldest on."""
        if after is None:
            first, seen = max(self.start, self.end - limit), None
        else:
            seen = after if after <= self.end else -1
            first = max(self.start, seen) if seen >= 0 else self.start
        data = bytes(self._data[first - self.start : first - self.start + limit])
        known = first if seen is None else seen
        last = first + len(data)
        return Piece(data, first, known < first or any(known <= gap < last for gap in self._gaps))
