"""What is wrong with the telemetry of a host, told to whoever raises alarms: not more often than somebody can read it."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.protocol.steps import Now

AGAIN_S: Final = 600.0
MOST: Final = 10_000

TroubleKind = Literal["series-refused", "clock-wrong", "unreadable", "numbers-refused"]


class Trouble(NamedTuple):
    """`text` is for people."""

    ref: HostRef
    kind: TroubleKind
    text: str


OnTrouble = Callable[[Trouble], None]


class Troubles:
    """Tells `on_trouble` of each kind of trouble of a host once in ten minutes. `counts` has all of them."""

    def __init__(self, on_trouble: OnTrouble) -> None:
        self._on_trouble = on_trouble
        self._told: dict[tuple[HostRef, TroubleKind], float] = {}
        self.counts: dict[TroubleKind, int] = {}

    def tell(self, trouble: Trouble, now: Now) -> None:
        """One more of that kind."""
        self.counts[trouble.kind] = self.counts.get(trouble.kind, 0) + 1
        key = (trouble.ref, trouble.kind)
        told = self._told.get(key)
        if told is not None and now.mono - told < AGAIN_S:
            return
        if len(self._told) >= MOST:
            self._told.clear()
        self._told[key] = now.mono
        self._on_trouble(trouble)
