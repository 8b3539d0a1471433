"""The log of guestwire-comm: structlog, one JSON line for each event on stderr, where the journal reads it."""

import contextlib
from typing import Any, TextIO

import structlog


def make_logger(stream: TextIO) -> Any:
    """A logger. Nothing global is configured: who needs to log is given it."""
    return structlog.wrap_logger(
        _Output(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )


class _Output:
    """Lines to a stream. One that is closed or full is nobody's trouble."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg = line
