"""What happened, for the agent to follow: a ring of the last happenings, numbered. Pure: time is an argument, the
protocol's Now (its wall clock dates happenings, its monotonic one bounds how many there are).

A guest can make happenings as fast as it can ask, so what it makes is bounded: the same refusal is told once a second with
its count, lines and marks go through a bucket for each guest, and the ring is bounded in rows and bytes.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import islice

from guestwire.protocol.buckets import Buckets
from guestwire.protocol.comm_models import Happening
from guestwire.protocol.comm_models import Happenings as Followed
from guestwire.protocol.steps import Now

LOG_BYTES = 16
COALESCED = frozenset({"denied", "throttled", "ready", "signalled", "reset", "broken"})
"""Kinds of which the same one (guest, name, code, text) is told at most once in COALESCE_S. Their texts are few: what was
asked for."""
COALESCE_S = 1.0
MAX_KEYS = 1024
METERED = frozenset({"log", "data", "flush"})
"""Kinds that programs in a guest make."""
LINES_PER_S = 50.0
LINES_BURST = 200.0
TEXT_BYTES = 16 << 10
DATA_BYTES = 32 << 10
ANSWER_BYTES = 48 << 10
"""What one answer holds, by `_size`: it fits into a frame of the protocol with all its field names."""
DROPPED = "the guest writes faster than it may: lines and marks were dropped, `count` says how many"

_Key = tuple[str, str, str, str, str]


class _Repeated:
    """A happening that was told, and what to tell next: how often it happened again since, and how it was the last time."""

    __slots__ = ("again", "told_at")

    def __init__(self, told_at: float) -> None:
        self.told_at = told_at
        self.again: Happening | None = None


class Happenings:
    """The ring. `log` (16 bytes) names its numbering, which begins with 1. `on_new` is called after each that is put."""

    def __init__(
        self, log: bytes, size: int = 4096, on_new: Callable[[], None] = lambda: None, *, max_bytes: int = 8 << 20
    ) -> None:
        if len(log) != LOG_BYTES:
            raise ValueError(f"a log's name has {LOG_BYTES} bytes")
        self.log = log
        self._size = size
        self._max_bytes = max_bytes
        self._on_new = on_new
        self._kept: deque[Happening] = deque()
        self._bytes = 0
        self._last = 0
        self._repeated: OrderedDict[_Key, _Repeated] = OrderedDict()  # as they were told: the oldest first
        self._untold = 0
        self._meters = Buckets(LINES_PER_S, LINES_BURST)

    @property
    def last(self) -> int:
        """The number of the last one; 0: nothing happened yet."""
        return self._last

    def add(
        self, kind: str, at: Now, *, guest: str = "", name: str = "", code: str = "", text: str = "", level: str = "info",
        truncated: bool = False, count: int = 1, data: bytes = b"",
    ) -> None:  # fmt: skip
        """Something happened. It is told now, or (the same again within a second) by the next of it or by `flush`. A text
        or data too long is cut and flagged."""
        encoded = text.encode("utf-8", "replace")
        happening = Happening(
            seq=0, at=at.wall_ms, kind=kind, guest=guest, name=name, code=code,
            text=encoded[:TEXT_BYTES].decode("utf-8", "ignore"), level=level,
            truncated=truncated or len(encoded) > TEXT_BYTES or len(data) > DATA_BYTES, count=count, data=data[:DATA_BYTES],
        )  # fmt: skip
        if kind in COALESCED:
            self._once_a_second((kind, guest, name, code, happening.text), happening, at)
        elif kind in METERED and guest:
            self._metered(happening, at)
        else:
            self._put(happening)

    def flush(self, now: Now) -> float | None:
        """Tell what happened again and whose second is over. The seconds until there is more of that to tell; None: nothing
        waits. To be called then: what is not followed by another would never be told."""
        while self._repeated:
            key, repeated = next(iter(self._repeated.items()))
            if repeated.told_at + COALESCE_S > now.mono:
                break
            if repeated.again is None:
                del self._repeated[key]
            else:
                self._tell_again(key, repeated, now)
        if not self._untold:
            return None
        return next(one.told_at for one in self._repeated.values() if one.again is not None) + COALESCE_S - now.mono

    def since(self, log: bytes, seq: int, limit: int = 256) -> Followed:
        """What came after `seq` of a log, at most `limit` and as much as fits into an answer; of another log, from the
        oldest that is kept. `missed`: those between that are not kept any more."""
        seq = min(max(seq, 0), self._last) if log == self.log else 0
        oldest = self._last - len(self._kept) + 1
        first = max(oldest, seq + 1)
        chosen: list[Happening] = []
        room = ANSWER_BYTES
        for happening in islice(self._kept, first - oldest, first - oldest + max(1, limit)):
            room -= _size(happening)
            if room < 0 and chosen:
                break
            chosen.append(happening)
        return Followed(log=self.log, missed=first - seq - 1, happenings=tuple(chosen))

    def _once_a_second(self, key: _Key, happening: Happening, at: Now) -> None:
        repeated = self._repeated.get(key)
        if repeated is None:
            if len(self._repeated) >= MAX_KEYS:
                oldest, forgotten = next(iter(self._repeated.items()))
                self._tell_again(oldest, forgotten, at)
                del self._repeated[oldest]
            self._repeated[key] = _Repeated(at.mono)
            self._put(happening)
            return
        before = 0
        if repeated.again is None:
            self._untold += 1
        else:
            before = repeated.again.count
        repeated.again = happening.model_copy(update={"count": before + happening.count})
        if at.mono - repeated.told_at >= COALESCE_S:
            self._tell_again(key, repeated, at)

    def _metered(self, happening: Happening, at: Now) -> None:
        """What is dropped is told as a line of its own, before the next one that is not."""
        guest = happening.guest
        dropped = (happening.kind, guest, "dropped", "", "")
        if self._meters[happening.kind, guest].take(at.mono):
            told = Happening(
                seq=0, at=at.wall_ms, kind="log", guest=guest, name="dropped", text=DROPPED, level="warning",
                count=happening.count,
            )  # fmt: skip
            self._once_a_second(dropped, told, at)
            return
        if (repeated := self._repeated.get(dropped)) is not None:
            self._tell_again(dropped, repeated, at)
        self._put(happening)

    def _tell_again(self, key: _Key, repeated: _Repeated, at: Now) -> None:
        if repeated.again is not None:
            self._put(repeated.again)
            repeated.again = None
            self._untold -= 1
            repeated.told_at = at.mono
            self._repeated.move_to_end(key)

    def _put(self, happening: Happening) -> None:
        self._last += 1
        self._kept.append(happening.model_copy(update={"seq": self._last}))
        self._bytes += _size(happening)
        while len(self._kept) > self._size or (self._bytes > self._max_bytes and len(self._kept) > 1):
            self._bytes -= _size(self._kept.popleft())
        self._on_new()


def _size(happening: Happening) -> int:
    """Bytes it takes in an answer, at most: texts, data, and field names with numbers."""
    texts = (happening.kind, happening.guest, happening.name, happening.code, happening.text, happening.level)
    return 160 + sum(len(text.encode()) for text in texts) + len(happening.data)
