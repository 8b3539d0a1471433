"""Telemetry of many simulated hosts, signed before any clock starts: what each says is known, so that it can be asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from plant import SITE, Plant

from guestwire.protocol import statements, topics
from guestwire.protocol.key_files import parse_private
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.telemetry import TelemetryBatch, offsets, values

METRIC = "guestwire_guest_vcpu_seconds_total"
COLUMNS = 50
POINTS = 10
SECOND_MS = 1000
SAMPLES = COLUMNS * POINTS
"""Of a batch: what a host says once in ten seconds that measures fifty metrics every second."""
TEXTS = tuple(f'{METRIC}{{guest="GUEST{n // 8 + 1:04d}",vcpu="{n % 8}"}}' for n in range(COLUMNS))


def host_name(number: int) -> str:
    return f"h-{number}"


def value(host: int, column: int, point: int) -> float:
    """What a host measured: never a whole number, which SQLite would keep in fewer bytes."""
    return (host * 7919 + column * 104_729 + point * 31) % 100_003 + 0.37


@dataclass(slots=True)
class Batch:
    """A signed batch: the `round`-th of a host (their numbers from 0)."""

    host: int
    round: int
    topic: str
    frame: bytes


@dataclass(slots=True)
class Hosts:
    """`count` hosts of a site. `base`: when their first point was measured, Unix ms."""

    plant: Plant
    count: int
    base: int
    keys: list[SigningKey] = field(init=False)

    def __post_init__(self) -> None:
        layout = self.plant.layout
        self.keys = [parse_private(layout.key(f"host:{host_name(n)}").read_text()) for n in range(self.count)]

    def log(self, host: int) -> bytes:
        return host.to_bytes(16, "big")

    def time(self, point: int) -> int:
        return self.base + point * SECOND_MS

    def signed(self, rounds: range) -> Iterator[Batch]:
        """Round after round, host after host."""
        for n in rounds:
            points = range(n * POINTS, (n + 1) * POINTS)
            t0, dt = offsets([self.time(point) for point in points])
            for host in range(self.count):
                columns = tuple(
                    (text, "counter", self.base, "d", values("d", [value(host, at, point) for point in points]))
                    for at, text in enumerate(TEXTS)
                )
                body = TelemetryBatch.model_construct(
                    log=self.log(host), seq=n + 1, tier="fast", t0=t0, dt=dt, columns=columns, coarse_ms=0
                )
                name = host_name(host)
                frame = statements.state("telemetry", SITE, f"host:{name}", body, self.keys[host], self.base)
                yield Batch(host, n, topics.make("telemetry", SITE, name, "fast"), frame)
