"""What the spool's tests share: statements, reading all that is held, running what the disk has to do."""

from array import array
from collections.abc import Callable
from pathlib import Path

from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.errands import errand_for
from guestwire.agent.telemetry.gaps import Lost as LostRange
from guestwire.agent.telemetry.loose import Kept
from guestwire.agent.telemetry.paging import judged, page_at
from guestwire.agent.telemetry.records import Record
from guestwire.agent.telemetry.spool import Spool
from guestwire.protocol.envelope import decode
from guestwire.protocol.packing import unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SPOOL_CLASSES, ColumnRow, SpoolClass, TelemetryBatch, offsets, values

KEY = SigningKey(bytes(range(32)))
FOLDER = Path("/spool")
MIB = 1 << 20
QUOTA: dict[SpoolClass, int] = dict.fromkeys(SPOOL_CLASSES, MIB)
Found = dict[tuple[bytes, SpoolClass, int], Record]


def spool(disk: Disk, folder: Path = FOLDER, *, boot: str = "boot-1", now_s: float = 1000, **quota: int) -> Spool:
    return Spool(disk, folder, boot, QUOTA | quota, at(now_s))  # type: ignore[operator]


def at(seconds: float) -> Now:
    return Now(1_700_000_000_000 + round(seconds * 1000), seconds)


def text(words: bytes = b"") -> Callable[[bytes, int], bytes]:
    """A frame that says its number; the spool does not look into it."""
    return lambda log, seq: log + b"%d" % seq + words


def batch(
    log: bytes, seq: int, *, t0_s: int = 0, points: int = 1, series: int = 1, name: str = "gauge"
) -> TelemetryBatch:
    """A batch of counters and gauges that tell when they were measured."""
    times = [1_700_000_000_000 + t0_s * 1000 + n * 1000 for n in range(points)]
    t0, dt = offsets(times)
    rows: list[ColumnRow] = [
        (f'{name}{{n="{n}"}}', "gauge", 0, "d", values("d", [time / 1000 % 97 + n for time in times]))
        for n in range(series)
    ]
    rows.append(("ticks_total", "counter", 1, "q", values("q", [time // 1000 for time in times])))
    return TelemetryBatch(log=log, seq=seq, tier="fast", t0=t0, dt=dt, columns=tuple(rows))


def signed(made: TelemetryBatch) -> bytes:
    return state("telemetry", "plant", "host:h1", made, KEY, made.t0, n=made.seq)


def batch_of(frame: bytes) -> TelemetryBatch:
    return TelemetryBatch.model_validate(unpack(decode(frame).body))


def doubles(data: bytes) -> list[float]:
    found = array("d")
    found.frombytes(data)
    return list(found)


def see_to(made: Spool, mono: float = 1000, *, rounds: int = 4) -> None:
    """What the disk has to do, done."""
    for _ in range(rounds):
        made.try_again(mono)
        for log in tuple(made.logs):
            errand = errand_for(log, mono)
            if errand is not None:
                errand.run(made.disk)
                errand.finish()
        for log in made.forget_empty_logs():
            log.remove(made.disk)


def read_all(made: Spool) -> Found:
    """Everything that is held, as it would be sent."""
    found: Found = {}
    for log in made.logs:
        for name, of in log.classes.items():
            number = 1
            while (page := page_at(of, number)) is not None:
                page.read(made.disk)
                for record in judged(page, 0):
                    found[log.log, name, record.seq] = record
                number = max(number, page.expected)
    return found


class Lost:
    """What is told as lost; numbers are asked for with `in`."""

    def __init__(self, made: Spool) -> None:
        self.ranges = [
            (log.log, name, one.first, one.last)
            for log in made.logs
            for name, of in log.classes.items()
            for one in of.gaps
        ]  # fmt: skip

    def __contains__(self, key: tuple[bytes, SpoolClass, int]) -> bool:
        return any(key[:2] == one[:2] and one[2] <= key[2] <= one[3] for one in self.ranges)


def numbers(kept: list[Kept]) -> list[int]:
    return [one.seq for one in kept]


def lost_of(made: Spool, name: SpoolClass) -> list[LostRange]:
    """The gaps of a class, of all logs."""
    return [one for log in made.logs for one in log.classes[name].gaps]
