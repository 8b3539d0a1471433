"""When which work is to be looked at again: one moment for each. Pure; times are Unix ms."""

import heapq

SPARE = 1_000
"""Entries that count no more, beyond those that do, before they are thrown out."""


class Timers:
    """One moment per piece of work."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._at)

    def set(self, work: str, at_ms: int) -> None:
        """Look at it then, whatever was said before."""
        if self._at.get(work) == at_ms:
            return
        self._at[work] = at_ms
        heapq.heappush(self._heap, (at_ms, work))
        if len(self._heap) > 2 * len(self._at) + SPARE:
            self._heap = [(at, name) for name, at in self._at.items()]
            heapq.heapify(self._heap)

    def drop(self, work: str) -> None:
        """Do not look at it."""
        self._at.pop(work, None)

    def next_at(self) -> int | None:
        """The first moment; None: there is none."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now_ms: int) -> list[str]:
        """What is to be looked at by now, in order; each once."""
        found = []
        while (at := self.next_at()) is not None and at <= now_ms:
            work = heapq.heappop(self._heap)[1]
            del self._at[work]
            found.append(work)
        return found
