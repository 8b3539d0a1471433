"""The log of guestwire-comm: one JSON line for each event on stderr, where the journal reads it. With the methods and keys of
structlog, which the agent logs with, and without its megabyte."""

import contextlib
import json
import traceback
from datetime import UTC, datetime
from functools import partialmethod
from typing import Any, TextIO


class Log:
    """Lines to a stream. One that is closed or full is nobody's trouble. `exc_info`: an error, or True for the one that is
    being handled."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def _say(self, level: str, event: str, *, exc_info: BaseException | bool | None = None, **fields: Any) -> None:
        if exc_info:
            lines = traceback.format_exception(exc_info) if isinstance(exc_info, BaseException) else None
            fields["exception"] = "".join(lines) if lines else traceback.format_exc()
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = json.dumps({**fields, "event": event, "level": level, "timestamp": at}, default=str)
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = partialmethod(_say, "debug")
    info = partialmethod(_say, "info")
    warning = partialmethod(_say, "warning")
    error = partialmethod(_say, "error")


def make_logger(stream: TextIO) -> Any:
    """A logger. Nothing global is configured: who needs to log is given it."""
    return Log(stream)
