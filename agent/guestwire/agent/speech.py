"""The operations about what the agent says: message-list, log-query, log-level."""

import asyncio

from guestwire.agent.log_files import LogFiles
from guestwire.agent.logs import LevelControl
from guestwire.agent.messages import Messages, parse_line
from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.executor import Call

QUERY_BYTES = 512 * 1024
"""What one answer holds at most; a query that finds more is `truncated`, its oldest lines left out."""
QUERY_LINES_READ = 50_000


class Speech:
    """Messages and log of one agent."""

    def __init__(self, messages: Messages, files: LogFiles | None, control: LevelControl) -> None:
        self._messages = messages
        self._files = files
        self._control = control

    @property
    def last_seq(self) -> int:
        return self._messages.last_seq

    def messages(self, call: Call) -> m.MessageList:
        return self._messages.query(call.request)

    async def query(self, call: Call) -> m.LogLines:
        """Raises UNSUPPORTED where the agent keeps no log files."""
        if self._files is None:
            raise GuestwireError("UNSUPPORTED", "This agent keeps no log files.")
        return await asyncio.to_thread(_search, self._files, call.request)

    async def set_level(self, running: Running) -> m.LogLevelSet:
        request: m.LogLevel = running.call.request
        self._control.set(request.level, request.ttl_s)
        return m.LogLevelSet(level=self._control.level, until=self._control.until_ms)


def _search(files: LogFiles, query: m.LogQuery) -> m.LogLines:
    """The newest lines that fit, in the order they were written."""
    found: list[str] = []
    size = 0
    rank = m.LEVELS.index(query.level)
    needle = query.match.encode() if query.match else None
    for read, line in enumerate(files.newest_first()):
        if read >= QUERY_LINES_READ:
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
