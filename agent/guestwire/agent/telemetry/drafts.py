"""What sampling hands on: a batch that has no number yet, and the port that takes it.

The number (log, seq) is given by whoever keeps batches. Nothing here samples, packs or stores.
"""

from dataclasses import dataclass
from typing import Protocol

from guestwire.protocol.telemetry import ColumnRow, TelemetryBatch, Tier


@dataclass(frozen=True, slots=True)
class BatchDraft:
    """A `TelemetryBatch` without `log` and `seq`; its fields mean the same."""

    tier: Tier
    t0: int
    dt: bytes
    columns: tuple[ColumnRow, ...]
    coarse_ms: int = 0

    def numbered(self, log: bytes, seq: int) -> TelemetryBatch:
        """The batch with its number."""
        return TelemetryBatch(
            log=log, seq=seq, tier=self.tier, t0=self.t0, dt=self.dt, columns=self.columns, coarse_ms=self.coarse_ms
        )


class Batches(Protocol):
    """Where batches go. Neither call waits, and neither raises: what cannot be kept is dropped there, and told there."""

    def put(self, tier: Tier, batch: BatchDraft) -> None: ...

    def live(self) -> bool:
        """Whether somebody takes telemetry at this moment: batches are then handed on soon, else they are made larger."""
        ...
