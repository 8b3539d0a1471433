"""Everything the agent said, numbered: a bounded list in memory over the log files, so numbers outlive a restart."""

import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import cast

from guestwire.agent.log_files import NAME, LogFiles
from guestwire.protocol.operation_models import LEVELS, Level, Message, MessageList, MessageQuery

CAPACITY = 2000
LOG_ID_FILE = "log-id"
_RANK: Mapping[str, int] = {level: rank for rank, level in enumerate(LEVELS)}
FieldValue = str | int | float | bool | None


class Messages:
    """The messages of one agent. `files` None: in memory only (a fleet of simulated hosts)."""

    def __init__(
        self, files: LogFiles | None, log_id: bytes, clock_ms: Callable[[], int], *, capacity: int = CAPACITY
    ) -> None:
        self.log = log_id
        self._files = files
        self._clock_ms = clock_ms
        self._kept: deque[Message] = deque(maxlen=capacity)
        self._seq = 0
        if files is not None:
            self._load(files, capacity)

    def _load(self, files: LogFiles, capacity: int) -> None:
        """What was said before a restart. Lines that are not ours or not whole are passed over."""
        for line in islice(files.newest_first(), capacity):
            message = parse_line(line)
            if message is not None:
                self._kept.appendleft(message)
        self._seq = max((message.seq for message in self._kept), default=0)

    @property
    def last_seq(self) -> int:
        return self._seq

    def say(self, level: Level, event: str, fields: Mapping[str, FieldValue]) -> Message:
        """Number a message and keep it."""
        return self.said(level, event, fields)[0]

    def said(self, level: Level, event: str, fields: Mapping[str, FieldValue]) -> tuple[Message, bytes]:
        """Number a message and keep it; with its line, which is made once for whoever writes it elsewhere too."""
        self._seq += 1
        message = Message(seq=self._seq, at=self._clock_ms(), level=level, event=event, fields=dict(fields))
        self._kept.append(message)
        line = line_of(message)
        if self._files is not None:
            self._files.append(line)
        return message, line

    def clear(self) -> int:
        """Forget everything said until now, on disk too; how many there were. The numbers go on. Raises OSError."""
        if self._files is not None:
            self._files.clear()
        forgotten = len(self._kept)
        self._kept.clear()
        return forgotten

    def query(self, query: MessageQuery) -> MessageList:
        """Messages after `after_seq`, of `level` and above, oldest first."""
        rank = _RANK[query.level]
        said = self._kept if query.level != "off" else ()
        wanted = (m for m in said if m.seq > query.after_seq and _RANK[m.level] >= rank)
        found = tuple(deque(wanted, maxlen=query.limit)) if query.newest else tuple(islice(wanted, query.limit))
        return MessageList(log=self.log, messages=found, last_seq=self._seq)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def line_of(message: Message) -> bytes:
    """A message as a line of the log."""
    head = {"seq": message.seq, "at": message.at, "level": message.level, "event": message.event}
    return _encode({**head, "fields": message.fields}).encode()


def parse_line(line: bytes) -> Message | None:
    """The message in a line; None when it holds none."""
    try:
        found = json.loads(line)
        if found["level"] not in _RANK:
            return None
        return Message(
            seq=int(found["seq"]),
            at=int(found["at"]),
            level=cast("Level", found["level"]),
            event=str(found["event"]),
            fields={str(k): v for k, v in found["fields"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def log_id(folder: Path, boot_id: str) -> bytes:
    """The 16 bytes that name the log in `folder`. A log that was deleted begins anew under a new name; so does numbering
    after a boot of the host, for a power cut may have taken the newest lines and with them their numbers."""
    path = folder / LOG_ID_FILE
    try:
        known = path.read_bytes()
    except FileNotFoundError:
        known = b""
    same_boot = known[16:] == boot_id.encode()
    if len(known) >= 16 and same_boot and any(file.stat().st_size for file in folder.glob(f"{NAME}*")):
        return known[:16]
    made = secrets.token_bytes(16)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(made + boot_id.encode())
    fresh.replace(path)
    return made
