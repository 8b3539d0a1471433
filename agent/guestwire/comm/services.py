"""The guest services (KVM-RT 6): what a guest may tell its host and ask of it, each service only when its project says so.

Every request that is served makes a record: the host's monotonic clock when it came, and a number that counts up for each
guest. A mark in the host's trace carries both and the guest's own number (seq) of the request: by that the guest's half and
the host's half of a pair are matched, and by the clock the records of all guests are in order.

That a service is there, that a guest may use it, and that it worked are three things: GW_OP_AVAILABLE answers for the first
two, the code of the reply for the third.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from guestwire.comm.tracing import Snapshot, TraceRefused, current_cpu
from guestwire.model.guest import Service
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.operation_models import Level
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import NUMBERS

LOG_MAX = 1024
"""Bytes of a guest's line in the host's log, escapes included."""
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
"""The level of a line by the flags of its request; what is above error (critical) is an error here (SM 2.2)."""
DATA_MAX = 4096
LINES_PER_S = 100.0
LINES_BURST = 500.0
SNAPSHOTS_PER_S = 0.2
SNAPSHOTS_BURST = 4.0
_PARTIES = 1024

_OK, _DENIED, _INVALID, _BUSY, _TOO_LARGE, _UNSUPPORTED = (
    NUMBERS[f"GW_{name}"] for name in ("OK", "DENIED", "INVALID", "BUSY", "TOO_LARGE", "UNSUPPORTED")
)
NUMBER_OF: Mapping[Service, int] = {
    "ping": NUMBERS["GW_SERVICE_PING"],
    "log": NUMBERS["GW_SERVICE_LOG"],
    "flush": NUMBERS["GW_SERVICE_FLUSH"],
    "data": NUMBERS["GW_SERVICE_DATA"],
}
_NEEDS_TRACE: frozenset[Service] = frozenset({"flush", "data"})


class Log(Protocol):
    """The host's log, as structlog gives it."""

    def debug(self, event: str, **fields: object) -> object: ...

    def info(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...


class Happened(Protocol):
    """Who keeps what happened (happenings.py): the fields are those of `Happening`."""

    def __call__(
        self, kind: str, at: Now, *, guest: str = "", name: str = "", code: str = "", text: str = "", level: str = "info",
        truncated: bool = False, data: bytes = b"",
    ) -> object: ...  # fmt: skip


class Trace(Protocol):
    """The host's trace (tracing.py)."""

    @property
    def missing(self) -> str: ...

    def mark(self, text: str) -> str: ...

    def mark_bytes(self, text: str, data: bytes) -> str: ...

    async def snapshot(self, guest: str, cpus: Collection[int] | None) -> Snapshot: ...


@dataclass(frozen=True, slots=True)
class Record:
    """The stamp of one request that was served: `number` counts up for each guest from 1, `request` is the guest's own
    number of it, `at_ns` the host's monotonic clock when it came."""

    guest: str
    number: int
    request: int
    at_ns: int

    def __str__(self) -> str:
        """`NUMBER.REQUEST@NS`: the name of a happening, and how marks are matched."""
        return f"{self.number}.{self.request}@{self.at_ns}"


@dataclass(frozen=True, slots=True)
class _Asked:
    record: Record
    flags: int
    value: int
    payload: bytes
    at: Now


class GuestServices:
    """Answers the requests for services. `allowed`: the services of a guest by its name; `cpus_of`: the CPUs it runs on, empty
    when nobody knows. Belongs to one event loop; `close` ends a snapshot that is being taken."""

    def __init__(
        self,
        allowed: Callable[[str], Collection[Service]],
        trace: Trace,
        log: Log,
        happened: Happened,
        clock: Callable[[], Now],
        *,
        cpus_of: Callable[[str], Collection[int]] = lambda guest: (),
        cpu: Callable[[], int] = current_cpu,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._allowed = allowed
        self._trace = trace
        self._log = log
        self._happened = happened
        self._clock = clock
        self._cpus_of = cpus_of
        self._cpu = cpu
        self._mono_ns = mono_ns
        self._records: OrderedDict[str, int] = OrderedDict()
        self._lines = Buckets(LINES_PER_S, LINES_BURST)
        self._snapshots = Buckets(SNAPSHOTS_PER_S, SNAPSHOTS_BURST)
        self._unsaid: dict[str, int] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._serve: Mapping[int, tuple[Service, Callable[[_Asked], tuple[int, int]]]] = {
            NUMBERS["GW_OP_PING"]: ("ping", self._ping),
            NUMBERS["GW_OP_LOG"]: ("log", self._log_line),
            NUMBERS["GW_OP_FLUSH"]: ("flush", self._flush),
            NUMBERS["GW_OP_DATA"]: ("data", self._data),
        }

    def request(
        self, party: str, op: int, seq: int, flags: int, value: int, payload: bytes, now: Now
    ) -> tuple[int, int]:
        """GW code and value of the reply. Never raises for what a guest sent."""
        if op == NUMBERS["GW_OP_AVAILABLE"]:
            return _OK, self._available(party, value)
        known = self._serve.get(op)
        if known is None:
            return _UNSUPPORTED, 0
        service, serve = known
        if service not in self._allowed(party):
            self._happened(
                "denied", now, guest=party, name=service, code="COMM-DENIED", level="warning",
                text=f"The guest asked for the service {service}, which it was not given.",
            )  # fmt: skip
            return _DENIED, 0
        return serve(_Asked(self._record(party, seq), flags, value, payload, now))

    async def close(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)

    def _available(self, party: str, number: int) -> int:
        """1 when the guest may use that service (0: any) and this host can do it."""
        can = {
            NUMBER_OF[service]
            for service in self._allowed(party)
            if not (service in _NEEDS_TRACE and self._trace.missing)
        }
        return int(number in can if number else bool(can))

    def _record(self, party: str, seq: int) -> Record:
        number = self._records.pop(party, 0) + 1
        self._records[party] = number
        if len(self._records) > _PARTIES:
            self._records.popitem(last=False)
        return Record(party, number, seq, self._mono_ns())

    def _say(self, level: str) -> Callable[..., object]:
        log = self._log
        return {"debug": log.debug, "warning": log.warning, "error": log.error}.get(level, log.info)

    def _mark(self, what: str, record: Record, more: str) -> str:
        return self._trace.mark(_mark_text(what, record, more))

    # -- the services

    def _ping(self, asked: _Asked) -> tuple[int, int]:
        self._mark("ping", asked.record, f"cookie={asked.value:#x}")
        return _OK, asked.value

    def _log_line(self, asked: _Asked) -> tuple[int, int]:
        """The value of the reply is 1 when the line was cut."""
        record = asked.record
        if self._lines[record.guest].take(asked.at.mono):
            self._unsaid[record.guest] = self._unsaid.get(record.guest, 0) + 1
            return _BUSY, 0
        text, truncated = log_text(asked.payload)
        level = LEVELS[min(asked.flags, len(LEVELS) - 1)]
        self._say(level)(
            "guest says", guest=record.guest, text=text, truncated=truncated, record=record.number,
            request=record.request, at_ns=record.at_ns, unsaid=self._unsaid.pop(record.guest, 0),
        )  # fmt: skip
        self._mark("log", record, f"level={level} {text}")
        self._happened(
            "log", asked.at, guest=record.guest, name=str(record), text=text, level=level, truncated=truncated
        )
        return _OK, int(truncated)

    def _data(self, asked: _Asked) -> tuple[int, int]:
        record, payload = asked.record, asked.payload
        if not payload:
            return _INVALID, 0
        if len(payload) > DATA_MAX:
            return _TOO_LARGE, DATA_MAX
        refused = self._trace.mark_bytes(_mark_text("data", record, f"bytes={len(payload)}"), payload)
        self._happened(
            "data", asked.at, guest=record.guest, name=str(record), data=payload,
            text=f"It is not in the host's trace: {refused}." if refused else "",
        )  # fmt: skip
        return _UNSUPPORTED if refused else _OK, 0

    def _flush(self, asked: _Asked) -> tuple[int, int]:
        """The reply says that the snapshot is being taken; the happening, where it is. The value is the record's number."""
        record, scope = asked.record, asked.value
        if scope not in _SCOPES:
            return _INVALID, 0
        if self._trace.missing:
            self._failed(record, self._trace.missing)
            return _UNSUPPORTED, 0
        if self._flushing is not None or self._snapshots[record.guest].take(asked.at.mono):
            return _BUSY, 0
        self._mark("flush", record, f"scope={scope}")
        cpus = self._cpus(record.guest, scope)
        self._flushing = asyncio.create_task(self._take_snapshot(record, scope, cpus), name=f"trace of {record.guest}")
        return _OK, record.number

    async def _take_snapshot(self, record: Record, scope: int, cpus: Collection[int] | None) -> None:
        try:
            taken = await self._trace.snapshot(record.guest, cpus)
        except TraceRefused as err:
            self._failed(record, str(err))
        else:
            self._happened(
                "flush", self._clock(), guest=record.guest, name=str(record), text=f"{_SCOPES[scope]}: {taken.path}",
                truncated=taken.cut,
            )  # fmt: skip
        finally:
            self._flushing = None

    def _cpus(self, guest: str, scope: int) -> Collection[int] | None:
        """A guest's request reaches the host over a channel, so the current CPU is the one that handles it: that where the
        mark of the flush is. When nobody knows the guest's CPUs, it is all of them."""
        if scope == 0:
            return {self._cpu()}
        return (self._cpus_of(guest) or None) if scope == 1 else None

    def _failed(self, record: Record, why: str) -> None:
        self._happened(
            "flush", self._clock(), guest=record.guest, name=str(record), level="warning",
            text=f"No trace was taken: {why}.",
        )  # fmt: skip


_SCOPES: Mapping[int, str] = {0: "current CPU", 1: "the guest's CPUs", 2: "all CPUs"}


def log_text(payload: bytes) -> tuple[str, bool]:
    """A guest's text as one line of at most LOG_MAX bytes in UTF-8, and whether it was cut. What is no UTF-8 is replaced; what
    would move a cursor, break the line or turn the direction of writing is escaped (\\x1b, \\n, \\u202e)."""
    # every byte becomes at least one: what lies behind the longest character over the end cannot be in the line
    text = payload.rstrip(b"\0\r\n")[: LOG_MAX + 4].decode("utf-8", "replace")
    line: list[str] = []
    size = 0
    for char in text:
        shown = char if char.isprintable() else char.encode("unicode_escape").decode()
        size += len(shown.encode())
        if size > LOG_MAX:
            return "".join(line), True
        line.append(shown)
    return "".join(line), False


def _mark_text(what: str, record: Record, more: str) -> str:
    return f"guestwire {what} guest={record.guest} record={record.number} request={record.request} at_ns={record.at_ns} {more}"
