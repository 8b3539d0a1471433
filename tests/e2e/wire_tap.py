"""What hosts put on the wire and what they are told to forget, as a proxy between them and their broker sees it: the yardstick for
what must be in a database afterwards.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from guestwire.broker_test.frames import packet_type
from guestwire.broker_test.proxy import Direction
from guestwire.link.codec import Framer, PublishPacket
from guestwire.protocol import topics
from guestwire.protocol.envelope import decode
from guestwire.protocol.notices import MODELS, SPOOL_CLASS_OF, Notice
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import unpack
from guestwire.protocol.telemetry import GAP_KIND, Gap, SpoolClass, TelemetryAck, TelemetryBatch, columns

LARGEST = 1 << 20
STEP_MS = 1000


class Number(NamedTuple):
    """What a host counts by."""

    host: str
    log: bytes
    spool_class: SpoolClass
    seq: int


class Frame(NamedTuple):
    """What went by, as it was."""

    topic: str
    payload: bytes


class Step(NamedTuple):
    """A second of a series."""

    host: str
    series: str
    second: int


@dataclass
class WireTap:
    """Set `see` as the `rewrite` of a proxy that hosts connect through."""

    batches: dict[Number, TelemetryBatch] = field(default_factory=dict)
    notices: dict[Number, Notice] = field(default_factory=dict)
    told_to_forget: set[Number] = field(default_factory=set)
    gaps: list[tuple[str, Gap]] = field(default_factory=list)
    changed: list[Number] = field(default_factory=list)
    """Numbers that came with two contents."""
    frames: dict[Number, Frame] = field(default_factory=dict)
    """Of batches and notices."""
    requests: list[Frame] = field(default_factory=list)
    """Those that have an effect, and were signed."""
    responses: list[Frame] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)
    """What could not be read of what went by."""

    def see(self, direction: Direction, packet: bytes) -> Sequence[bytes]:
        """Note what a packet says; it passes as it is, whatever it is."""
        if packet_type(packet) == 3:
            try:
                self._read(direction, packet)
            except Exception as err:  # noqa: BLE001 - told by the test; an error here would cut the connection in half
                self.broken.append(err)
        return (packet,)

    def _read(self, direction: Direction, packet: bytes) -> None:
        for found in Framer(LARGEST, "client" if direction == "up" else "server").feed(packet):
            assert isinstance(found, PublishPacket)
            topic = topics.parse(found.topic)
            if topic is not None and found.payload:
                self._note(topic, Frame(found.topic, bytes(found.payload)))

    def _note(self, topic: topics.Topic, went: Frame) -> None:
        frame = went.payload
        if topic.kind == "telemetry":
            envelope = decode(frame)
            if envelope.header.kind == GAP_KIND:
                self.gaps.append((topic["host"], Gap.model_validate(unpack(envelope.body))))
                return
            batch = TelemetryBatch.model_validate(unpack(envelope.body))
            number = Number(topic["host"], batch.log, "metric", batch.seq)
            self.frames.setdefault(number, went)
            if self.batches.setdefault(number, batch) != batch:
                self.changed.append(number)
        elif topic.kind == "notice":
            name = next(one for one in MODELS if one == topic["class"])
            notice = MODELS[name].model_validate(unpack(decode(frame).body))
            number = Number(topic["host"], notice.log, SPOOL_CLASS_OF[name], notice.seq)
            self.frames.setdefault(number, went)
            if self.notices.setdefault(number, notice) != notice:
                self.changed.append(number)
        elif topic.kind == "request" and topic["operation"] == "telemetry-ack":
            ack = TelemetryAck.model_validate(unpack(decode(frame).body))
            self.told_to_forget.update(
                Number(topic["host"], ack.log, ack.spool_class, seq)
                for first, last in ack.ranges
                for seq in range(first, last + 1)
            )
        elif topic.kind == "request" and BY_NAME[topic["operation"]].effect != "none":
            self.requests.append(went)
        elif topic.kind == "response":
            self.responses.append(went)

    @property
    def acknowledged(self) -> set[Number]:
        """The numbers that hosts were told to forget, but for those of gaps: these were never anywhere."""
        return self.told_to_forget - set(self.missing())

    def missing(self) -> Iterator[Number]:
        """The numbers that hosts have told as lost."""
        for host, gap in self.gaps:
            for seq in range(gap.first, gap.last + 1):
                yield Number(host, gap.log, gap.spool_class, seq)

    def unaccounted(self) -> set[Number]:
        """Numbers below the highest of their log and class that never went by, and are in no gap."""
        known = {*self.batches, *self.notices, *self.missing()}
        highest: Counter[tuple[str, bytes, SpoolClass]] = Counter()
        for one in known:
            highest[one[:3]] = max(one.seq, highest[one[:3]])
        wanted = {Number(*of, seq) for of, last in highest.items() for seq in range(1, last + 1)}
        return wanted - known

    def samples(self, numbers: Iterable[Number]) -> dict[Step, list[float]]:
        """The values of these batches, by second."""
        found: dict[Step, list[float]] = defaultdict(list)
        for number in numbers:
            for column in columns(self.batches[number]):
                for time, value in zip(column.times, column.values, strict=True):
                    found[Step(number.host, column.series, time // STEP_MS)].append(value)
        return found
