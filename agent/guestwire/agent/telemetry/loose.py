"""Numbers that nothing is kept under: a log of its own that ends with the process. For what must go out though the disk takes neither
record nor mark: a new log's numbers are never given twice, whatever becomes of it."""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from guestwire.agent.telemetry.records import CLASS_OF
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SpoolClass

Make = Callable[[bytes, int], bytes]
"""Makes the signed frame for a log and a number."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was numbered. `kind`: see `records.KINDS`. `kept`: whether it is in the spool, or only in this frame."""

    log: bytes
    spool_class: SpoolClass
    seq: int
    kind: str
    frame: bytes
    kept: bool = True


class Loose:
    """A spool that keeps nothing."""

    def __init__(self) -> None:
        self.log = secrets.token_bytes(16)
        self._used: Counter[SpoolClass] = Counter()

    def append(self, kind: str, make: Make, now: Now, *, sent: bool = True) -> Kept:
        spool_class = CLASS_OF[kind]
        self._used[spool_class] += 1
        seq = self._used[spool_class]
        return Kept(self.log, spool_class, seq, kind, make(self.log, seq), kept=False)
