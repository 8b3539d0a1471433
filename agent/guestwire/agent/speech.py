"""The operations about what the agent says: message-list, log-query, log-level, log-clear."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from guestwire.agent.log_files import LogFiles
from guestwire.agent.logs import LevelControl
from guestwire.agent.messages import Messages, parse_line
from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.steps import Call

QUERY_BYTES = 512 * 1024
"""What one answer holds at most; a query that finds more is `truncated`, its oldest lines left out."""
QUERY_LINES_READ = 50_000
SEARCH_AGAIN_MS = 1000


class Speech:
    """Messages and log of one agent. `async with` it: leaving ends a search under way."""

    def __init__(self, messages: Messages, files: LogFiles | None, control: LevelControl) -> None:
        self._messages = messages
        self._files = files
        self._control = control
        self._pool: ThreadPoolExecutor | None = None
        self._search: Future[m.LogLines] | None = None
        self._given_up = threading.Event()

    async def __aenter__(self) -> "Speech":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._given_up.set()
        if self._pool is not None:  # not waited for: a disk that hangs must not hold up the end
            self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def last_seq(self) -> int:
        return self._messages.last_seq

    def messages(self, call: Call) -> m.MessageList:
        return self._messages.query(call.request)

    async def query(self, call: Call) -> m.LogLines:
        """Raises UNSUPPORTED where the agent keeps no log files, BUSY while another search reads them: they take the
        processor from commands, and anybody may ask."""
        if self._files is None:
            raise GuestwireError("UNSUPPORTED", "This agent keeps no log files.")
        if self._search is not None and not self._search.done():
            raise GuestwireError("BUSY", "Another search of the log is under way.", after_ms=SEARCH_AGAIN_MS)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "log-query")
        given_up = self._given_up = threading.Event()
        self._search = self._pool.submit(_search, self._files, call.request, given_up.is_set)
        try:
            return await asyncio.wrap_future(self._search)
        finally:
            given_up.set()

    async def set_level(self, running: Running) -> m.LogLevelSet:
        request: m.LogLevel = running.call.request
        self._control.set(request.level, request.ttl_s)
        return m.LogLevelSet(level=self._control.level, until=self._control.until_ms)

    async def clear(self, running: Running) -> m.LogCleared:
        """Raises LOG-NOT-CLEARED where the disk does not let go of the files."""
        try:
            forgotten = self._messages.clear()
        except OSError as err:
            raise GuestwireError("LOG-NOT-CLEARED", f"The log files cannot be removed: {err}") from err
        # who reads on from a number must not find an empty log that was never told to be one
        said = self._messages.say("warning", "the log was cleared", {"by": running.call.issuer, "forgotten": forgotten})
        return m.LogCleared(forgotten=forgotten, last_seq=said.seq)


def _search(files: LogFiles, query: m.LogQuery, given_up: Callable[[], bool]) -> m.LogLines:
    """The newest lines that fit, in the order they were written; those found so far when nobody waits any more."""
    found: list[str] = []
    size = 0
    rank = m.LEVELS.index(query.level)
    needle = query.match.encode() if query.match else None
    for read, line in enumerate(files.newest_first()):
        if read >= QUERY_LINES_READ or given_up():
            return m.LogLines(lines=tuple(reversed(found)), truncated=True)
        if needle is not None and needle not in line:
            continue
        message = parse_line(line)
        if message is None or m.LEVELS.index(message.level) < rank:
            continue
        if query.until is not None and message.at > query.until:
            continue
        if query.since is not None and message.at < query.since:
            break
        size += len(line)
        if len(found) == query.lines or size > QUERY_BYTES:
            return m.LogLines(lines=tuple(reversed(found)), truncated=True)
        found.append(line.decode("utf-8", "replace"))
    return m.LogLines(lines=tuple(reversed(found)))
