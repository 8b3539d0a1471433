"""The last lines a broker logged, and a way to wait for one."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator


class LogLines:
    """The newest `limit` lines; older ones are forgotten and only counted in `total`."""

    def __init__(self, limit: int = 10_000) -> None:
        self._lines: deque[str] = deque(maxlen=limit)
        self._waiters: list[tuple[str, asyncio.Future[str]]] = []
        self._copy: Callable[[str], None] | None = None
        self.total = 0

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._lines))

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, line: str) -> None:
        """Add a line and wake who waits for it."""
        self._lines.append(line)
        self.total += 1
        if self._copy:
            self._copy(line)
        for text, waiter in self._waiters:
            if text in line and not waiter.done():
                waiter.set_result(line)

    def copy_to(self, write: Callable[[str], None]) -> None:
        """Give `write` the lines there are and every later one."""
        for line in self._lines:
            write(line)
        self._copy = write

    def tail(self, count: int = 20) -> str:
        """The last lines as one text."""
        return "\n".join(list(self._lines)[-count:])

    async def wait_for(self, text: str, timeout_s: float = 5.0, *, since: int = 0) -> str:
        """The first line containing `text` among those after the first `since` lines ever logged (see `total`).

        Raises TimeoutError when none comes within `timeout_s` seconds.
        """
        skip = max(0, since - (self.total - len(self._lines)))
        for line in list(self._lines)[skip:]:
            if text in line:
                return line
        waiter: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        entry = (text, waiter)
        self._waiters.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter
        finally:
            self._waiters.remove(entry)
