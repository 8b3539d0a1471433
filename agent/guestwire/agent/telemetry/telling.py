"""How batches and gaps are said: signed, as everything that a host says."""

from guestwire.protocol import topics
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.telemetry import GAP_KIND, STATEMENT_KIND, Gap, TelemetryBatch


class Telling:
    """The voice of one host, for telemetry. Threads may use it."""

    def __init__(self, site: str, host: str, key: SigningKey) -> None:
        self._site = site
        self._speaker = f"host:{host}"
        self._key = key
        self._host = host

    def batch(self, batch: TelemetryBatch, wall_ms: int) -> bytes:
        """The frame of a batch."""
        return state(STATEMENT_KIND, self._site, self._speaker, batch, self._key, wall_ms, n=batch.seq)

    def gap(self, gap: Gap, wall_ms: int) -> bytes:
        """The frame of a gap."""
        return state(GAP_KIND, self._site, self._speaker, gap, self._key, wall_ms, n=gap.last)

    def topic(self, tier: str) -> str:
        return topics.make("telemetry", self._site, self._host, tier)

    def notice_topic(self, notice_class: str) -> str:
        return topics.make("notice", self._site, self._host, notice_class)
