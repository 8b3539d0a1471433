"""The agent's logger: structlog, to stderr as JSON lines (journald) or for people, and into Messages.

Nothing global is configured: who needs to log is given a logger. No line is written on the success path of a read.
"""

import contextlib
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

from guestwire.agent.messages import FieldValue, Messages
from guestwire.protocol.operation_models import LEVELS, Level


class LevelControl:
    """From which level on things are said; a level set for a time falls back by itself."""

    def __init__(self, configured: Level, clock_ms: Callable[[], int]) -> None:
        self._configured = configured
        self._clock_ms = clock_ms
        self._level = configured
        self.until_ms: int | None = None

    @property
    def level(self) -> Level:
        if self.until_ms is not None and self._clock_ms() >= self.until_ms:
            self._level, self.until_ms = self._configured, None
        return self._level

    def set(self, level: Level, ttl_s: int) -> None:
        """`ttl_s` 0: until the agent restarts."""
        self._level = level
        self.until_ms = self._clock_ms() + ttl_s * 1000 if ttl_s else None

    def configure(self, level: Level) -> None:
        """A new configured level (SIGHUP)."""
        self._configured = level
        if self.until_ms is None:
            self._level = level

    def says(self, level: str) -> bool:
        threshold = self.level
        return threshold != "off" and LEVELS.index(_known(level)) >= LEVELS.index(threshold)


def _known(level: str) -> Level:
    match level:
        case "debug" | "info" | "warning" | "error":
            return level
        case "critical" | "exception" | "fatal":
            return "error"
        case _:
            return "warning"


def make_logger(
    messages: Messages, control: LevelControl, *, stream: TextIO | None = None, for_people: bool = False
) -> Any:
    """A structlog logger. `stream` None: stderr."""

    def gate(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if not control.says(method):
            raise structlog.DropEvent
        return event

    def keep(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any] | str:
        fields = {_text(str(k)): _plain(v) for k, v in event.items() if k != "event"}
        message, line = messages.said(_known(method), _text(str(event.get("event", ""))), fields)
        if not for_people:
            return line.decode()
        return {"event": message.event, "level": message.level, "at": message.at, "seq": message.seq, **fields}

    people: list[Any] = [structlog.dev.ConsoleRenderer(colors=False)] if for_people else []
    return structlog.wrap_logger(
        _Output(stream or sys.stderr),
        processors=[gate, _exception, keep, *people],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )


class _Output:
    """Lines to a stream. One that is closed or full is not the agent's trouble: the messages are kept anyway."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text + "\n")
            self._stream.flush()

    debug = info = warning = error = exception = critical = line


def _exception(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception given as `exc_info` becomes text, its last 4,000 characters; `exception` takes the current one."""
    err = event.pop("exc_info", method == "exception")
    if err is True:
        err = sys.exception()
    if isinstance(err, BaseException):
        event["exception"] = "".join(traceback.format_exception(err))[-4000:]
    return event


def _plain(value: Any) -> FieldValue:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return value
    return _text(str(value))


def _text(text: str) -> str:
    """Text that can be written: what the system gave us may hold half characters."""
    if text.isascii():
        return text[:4000]
    return text[:4000].encode("utf-8", "backslashreplace").decode()
