"""The controller's logger: structlog, to stderr as JSON lines (journald) or for people. Nothing global is configured."""

import contextlib
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Protocol, TextIO

import structlog

from guestwire.protocol.operation_models import LEVELS, Level

LONGEST_TRACE = 8000


class Log(Protocol):
    """The logger, as those who write to it know it."""

    def info(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...


def make_logger(level: Level, *, stream: TextIO | None = None, for_people: bool = False) -> Any:
    """A logger that says what is of that level and above. `stream` None: stderr."""
    least = LEVELS.index(level)

    def gate(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        rank = LEVELS.index(method) if method in LEVELS else LEVELS.index("error")
        if level == "off" or rank < least:
            raise structlog.DropEvent
        return event

    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=False) if for_people else structlog.processors.JSONRenderer(default=str)
    )
    return structlog.wrap_logger(
        _Lines(stream or sys.stderr),
        processors=[
            gate, structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), _exception,
            renderer,
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )  # fmt: skip


class _Lines:
    """A stream that is closed or full is not the controller's trouble."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text + "\n")
            self._stream.flush()

    debug = info = warning = error = exception = critical = line


def _exception(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception given as `exc_info` becomes text, its end."""
    err = event.pop("exc_info", method == "exception")
    if err is True:
        err = sys.exception()
    if isinstance(err, BaseException):
        event["exception"] = "".join(traceback.format_exception(err))[-LONGEST_TRACE:]
    return event
