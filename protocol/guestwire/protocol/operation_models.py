"""Request and reply models of the operations. Only shapes: which operation uses which is in `operations`."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Model
from guestwire.model.guest import Guest, GuestThread, GuestView
from guestwire.model.host import Host
from guestwire.protocol.trust_file import MAX_BYTES

GuestRefText = Annotated[str, StringConstraints(min_length=1, max_length=63)]
RequestIdBytes = Annotated[bytes, Field(min_length=16, max_length=16)]
UpTo53Bits = Annotated[int, Field(ge=0, le=1 << 53)]
"""A time or a number that a host gave out: no more than every language and every database holds exactly."""
JobState = Literal[
    "accepted", "running", "succeeded", "failed", "canceled", "timed-out", "rejected", "indeterminate",
    "rolled-back", "waiting-reboot",
]  # fmt: skip
JOB_FINISHED: frozenset[str] = frozenset(
    {"succeeded", "failed", "canceled", "timed-out", "rejected", "indeterminate", "rolled-back"}
)
Level = Literal["off", "debug", "info", "warning", "error"]
"""The System Manager's message levels 0 to 4 by name (SM 2.2)."""
LEVELS: tuple[Level, ...] = ("off", "debug", "info", "warning", "error")


class Empty(Model):
    """Nothing to say."""


class Ping(Model):
    """`payload` comes back as it went."""

    payload: Annotated[bytes, Field(max_length=32_768)] = b""


class Pong(Model):
    payload: bytes
    now: int
    """The host's wall clock, Unix ms."""
    epoch: int


class GuestRef(Model):
    """A guest of the addressed host, by name or GUESTnnnn."""

    guest: GuestRefText


class GuestStart(GuestRef):
    """`wait`: when the job counts as done: the power is on, or the guest is ready by its `ready_when`."""

    wait: Literal["running", "ready"] = "running"


class GuestShutdown(GuestRef):
    """Ask the guest to shut down, again every `again_s`, until it has or `within_s` is over (SHUTDOWN-TIMEOUT; it stays
    on: `guest-destroy` takes the power). `mode`: ask by ACPI, by the guest agent, or whichever the guest answers."""

    mode: Literal["default", "acpi", "agent"] = "default"
    within_s: Annotated[int, Field(ge=1, le=1800)] = 90
    again_s: Annotated[int, Field(ge=1, le=600)] = 5


class GuestDefine(Model):
    """Make a guest, or replace the definition of the one with the same `guest.uuid` or, failing that, `guest.id`."""

    guest: Guest
    replace: bool = False


class GuestList(Model):
    guests: tuple[GuestView, ...]


class Threads(Model):
    threads: tuple[GuestThread, ...]


CONSOLE_MAX = 256 << 10
ConsoleState = Literal["open", "busy", "off", "closed"]
"""open: the agent reads it; busy: somebody else has it open, and what the guest writes meanwhile is not kept; off: the guest does not run;
closed: the agent leaves it alone, or cannot have it: it keeps no consoles, the guest is not managed here, or the hypervisor is away."""


class ConsoleQuery(GuestRef):
    """What a guest wrote to its serial console: at most `limit_bytes` from the place `after` on, which is what `end` of an earlier answer
    said; None: the last of it. `run`: that of the earlier answer; where the guest has begun another, all of that is given from its
    beginning."""

    after: UpTo53Bits | None = None
    run: UpTo53Bits | None = None
    limit_bytes: Annotated[int, Field(ge=1, le=CONSOLE_MAX)] = 64 << 10


class ConsoleOutput(Model):
    """`data`: what the guest wrote, whatever that is, from the place `start` to `end`; empty: nothing more yet. `lost`: bytes are missing
    since `after`: they are no longer kept, or nobody read them. `run`: which run of the guest it is of, as the Unix ms at which the agent
    began to read it; None: there was none yet. Places count from 0 in each run. `as_of`: Unix ms."""

    data: bytes
    start: int
    end: int
    lost: bool
    state: ConsoleState
    as_of: int
    run: int | None = None


class JobRef(Model):
    """A job by its request id. `issuer`: whose, where two principals used the same id; else the newest."""

    request_id: RequestIdBytes
    issuer: str | None = None


class Progress(Model):
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    step: str = ""
    message: str = ""


class Job(Model):
    """An accepted request with an effect. Times in Unix ms; `code` is the error's when it did not succeed."""

    request_id: RequestIdBytes
    issuer: str
    operation: str
    lanes: tuple[str, ...] = ()
    state: JobState
    accepted_at: int
    finished_at: int | None = None
    expires: int
    code: str | None = None
    message: str | None = None
    progress: Progress | None = None


class JobGet(Job):
    """`final`: the frames of the stored final response, byte for byte (signed envelopes), once there is one."""

    final: tuple[bytes, ...] | None = None


class JobQuery(Model):
    """Newest first; `before` continues a listing (the `next_before` of the previous page)."""

    states: tuple[JobState, ...] = ()
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    before: UpTo53Bits | None = None


class JobList(Model):
    jobs: tuple[Job, ...]
    next_before: int | None = None


class LogLevel(Model):
    """Levels for `ttl_s`, then the configured one again; 0 = until the agent restarts."""

    level: Level
    ttl_s: Annotated[int, Field(ge=0, le=86_400)] = 3600


class LogLevelSet(Model):
    level: Level
    until: int | None = None


class MessageQuery(Model):
    """Messages after a sequence number, of a level and above, oldest first. `newest`: instead the last `limit`."""

    after_seq: UpTo53Bits = 0
    level: Level = "info"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    newest: bool = False


class Message(Model):
    """Something the agent said. `at` in Unix ms."""

    seq: int
    at: int
    level: Level
    event: str
    fields: dict[str, str | int | float | bool | None] = {}


class MessageList(Model):
    """`log` names the spool (16 bytes, made with it): sequence numbers never restart within it."""

    log: bytes
    messages: tuple[Message, ...]
    last_seq: int


class LogQuery(Model):
    """Lines of the agent's log, newest last. Times in Unix ms; `match` is a plain text a line must hold."""

    since: UpTo53Bits | None = None
    until: UpTo53Bits | None = None
    match: Annotated[str, StringConstraints(max_length=256)] | None = None
    level: Level = "debug"
    lines: Annotated[int, Field(ge=1, le=2000)] = 200


class LogLines(Model):
    lines: tuple[str, ...]
    truncated: bool = False


class LogCleared(Model):
    """`forgotten`: how many messages could be looked back on; the numbers go on above `last_seq`."""

    forgotten: int
    last_seq: int


class HostShow(Model):
    host: Host


Revision = tuple[UpTo53Bits, UpTo53Bits]
"""Of a trust document and of its members."""
TrustFileBytes = Annotated[bytes, Field(max_length=MAX_BYTES)]


class TrustKnown(Model):
    """`revision`: what the caller has already; with it only something newer is sent."""

    revision: Revision | None = None


class TrustShown(Model):
    """The trust document in force at the host. `file` None: the caller has it."""

    revision: Revision
    file: TrustFileBytes | None = None


class TrustFileGiven(Model):
    """A trust document's file. It proves itself by its root's signature, whoever brings it."""

    file: TrustFileBytes


class TrustTaken(Model):
    """What is in force now. `new`: it was not before."""

    revision: Revision
    new: bool


class EpochBehind(Model):
    """`known`: the highest epoch a controller has seen of this host."""

    known: Annotated[int, Field(ge=0, le=1 << 48)]
