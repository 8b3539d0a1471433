"""Notices: what a host tells without being asked. Signed statements, numbered (log, seq) for each class of the host's spool.

The same notice may come again, until a controller has acknowledged it: it is the same by its log, its spool class and its number.
"""

from typing import Literal

from guestwire.model.base import Model
from guestwire.model.guest import GuestState
from guestwire.protocol.telemetry import SpoolClass

NoticeClass = Literal["guest", "comm", "config", "audit", "alarm"]
CLASSES: tuple[NoticeClass, ...] = ("guest", "comm", "config", "audit", "alarm")


class Notice(Model):
    """`log`: 16 bytes, new when the numbering starts anew; `seq` counts within it, without a gap. `at` in Unix ms."""

    log: bytes
    seq: int
    at: int
    event: str
    text: str = ""


class GuestNotice(Notice):
    """A guest came, changed its state (`before` and `state`; None where there is none) or went."""

    guest_id: str | None = None
    name: str
    uuid: str
    before: GuestState | None = None
    state: GuestState | None = None
    reason: str = ""


class CommNotice(Notice):
    """Something happened in the communication services: `event` is its kind (ready, attached, detached, denied, throttled,
    calm, log, data, flush, reaped, state, signalled, reset, broken; missed: `count` of them were dropped before they were
    told; not-plugged: a guest has not got its areas). `guest`: who did it, or to whom; `name`: of the event, area or lock.
    `code` of the error table where there is one. `text`, `level`, `truncated`: of a line that a program in the guest wrote.
    `count`: how many of the same."""

    guest: str = ""
    name: str = ""
    code: str | None = None
    level: str = "info"
    truncated: bool = False
    count: int = 1
    data: bytes = b""


class AuditNotice(Notice):
    """Messages were refused: `code` of the error table, the client the broker named (of communication: the guest), and how
    many since the last such notice (they are told at most once a second for each code and client). Or the cloud did something
    to an event or a lock (signalled, reset, broken): `code` is empty, `text` names it, `client` asked."""

    code: str
    client: str
    count: int = 1


class AlarmNotice(Notice):
    """Something a person should look at. `code` of the error table where there is one."""

    code: str | None = None
    remedy: str = ""


MODELS: dict[NoticeClass, type[Notice]] = {
    "guest": GuestNotice,
    "comm": CommNotice,
    "config": Notice,
    "audit": AuditNotice,
    "alarm": AlarmNotice,
}

SPOOL_CLASS_OF: dict[NoticeClass, SpoolClass] = {
    "guest": "notice",
    "comm": "notice",
    "config": "notice",
    "audit": "audit",
    "alarm": "alarm",
}
"""Which numbers a notice has: those of this class of the host's spool."""
