"""What the table of events is made of: events, peers and waits. Values and bookkeeping; the rules are in `events`."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from guestwire.model.events import REMOTE
from guestwire.shm.layouts import NUMBERS

EventKind = Literal["arbitrated", "native", "direct"]

MAY_SIGNAL = NUMBERS["GW_MAY_SIGNAL"]
MAY_WAIT = NUMBERS["GW_MAY_WAIT"]
RATE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Declared:
    """An event of the project, or one that guestwire-comm itself needs (`hidden`). `signal` and `wait` name parties."""

    name: str
    manual: bool
    initial: bool
    signal: frozenset[str]
    wait: frozenset[str]
    kind: EventKind = "arbitrated"
    hidden: bool = False


class Answer(NamedTuple):
    """A reply to a peer's request, by the request's seq: the fields of gw_reply."""

    peer: int
    seq: int
    code: int
    handle: int = 0
    flags: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Denial:
    """How often a peer did what it has no right to, since denials were taken last. `what`: set, reset or wait."""

    peer: int
    party: str
    event: str
    what: str
    count: int


class SignalRate:
    """Signals per second over the last seconds, in one bucket a second."""

    __slots__ = ("_buckets", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._buckets: list[int] | None = None

    def add(self, count: int, mono: float) -> None:
        if self._buckets is None:
            self._buckets = [0] * (RATE_SECONDS + 1)
            self._second = int(mono)
        elif int(mono) > self._second:
            self._forget(self._buckets, int(mono))
        self._buckets[self._second % (RATE_SECONDS + 1)] += count

    def per_second(self, mono: float) -> float:
        """Over the last RATE_SECONDS whole seconds and the part of the present one."""
        if self._buckets is None:
            return 0.0
        if int(mono) > self._second:
            self._forget(self._buckets, int(mono))
        return sum(self._buckets) / (RATE_SECONDS + max(0.0, min(1.0, mono - self._second)))

    def _forget(self, buckets: list[int], second: int) -> None:
        for old in range(max(self._second, second - RATE_SECONDS - 1) + 1, second + 1):
            buckets[old % (RATE_SECONDS + 1)] = 0
        self._second = second


class PeerRow:
    """An attached peer. A handle is a place in `handles`; place 0 is nobody's. `waits` by seq. `dynamic`: events that it
    made and that are still there."""

    __slots__ = ("dynamic", "free", "handles", "number", "party", "waits")

    def __init__(self, number: int, party: str) -> None:
        self.number = number
        self.party = party
        self.handles: list[EventRow | None] = [None]
        self.free: list[int] = []
        self.waits: dict[int, Wait] = {}
        self.dynamic = 0

    def row(self, handle: int) -> "EventRow | None":
        return self.handles[handle] if 0 < handle < len(self.handles) else None

    @property
    def open_handles(self) -> int:
        return len(self.handles) - 1 - len(self.free)

    def take_handle(self, row: "EventRow") -> int:
        row.opens += 1
        if self.free:
            handle = self.free.pop()
            self.handles[handle] = row
        else:
            handle = len(self.handles)
            self.handles.append(row)
        return handle

    def drop_handle(self, handle: int, row: "EventRow") -> None:
        row.opens -= 1
        self.handles[handle] = None
        self.free.append(handle)


class Wait:
    """A wait that is not answered. It keeps its events by itself: closing a handle does not end it."""

    __slots__ = ("peer", "rows", "seq")

    def __init__(self, peer: PeerRow, seq: int, rows: "tuple[EventRow, ...]") -> None:
        self.peer = peer
        self.seq = seq
        self.rows = rows


class EventRow:
    """An event that is there. `declared` None: a peer made it, `maker`; it goes when nobody has it. `opens`: handles to it.
    `waiters`: place of this event in each wait, first come first. `gone`: it is not in the table any more, handles may be.
    `last_at` in Unix ms."""

    __slots__ = (
        "declared", "denied", "gone", "is_set", "last_at", "last_by", "maker", "manual", "name", "opens", "rate", "signals",
        "waiters",
    )  # fmt: skip

    def __init__(
        self, name: str, *, manual: bool, initial: bool, declared: Declared | None = None, maker: PeerRow | None = None
    ) -> None:
        self.name = name
        self.manual = manual
        self.is_set = initial
        self.declared = declared
        self.maker = maker
        self.opens = 0
        self.waiters: dict[Wait, int] = {}
        self.gone = False
        self.signals = 0
        self.denied = 0
        self.last_by = ""
        self.last_at = 0
        self.rate = SignalRate()

    @property
    def kind(self) -> EventKind:
        return "arbitrated" if self.declared is None else self.declared.kind

    def may_signal(self, party: str) -> bool:
        return party != REMOTE if self.declared is None else party in self.declared.signal

    def may_wait(self, party: str) -> bool:
        return party != REMOTE if self.declared is None else party in self.declared.wait

    def rights(self, party: str) -> int:
        """GW_MAY_SIGNAL | GW_MAY_WAIT. What a peer made is everybody's who takes part; the cloud has what a project gives."""
        return (MAY_SIGNAL if self.may_signal(party) else 0) | (MAY_WAIT if self.may_wait(party) else 0)
