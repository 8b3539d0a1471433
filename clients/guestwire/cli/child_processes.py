"""Child processes of a demo: started in order, watched, ended in the reverse order by their ids, each within a deadline."""

import asyncio
import os
import re
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from guestwire.broker_test.child import end_child, start_child
from guestwire.model.errors import GuestwireError

STOP_S = 8.0
TAIL_LINES = 20


class Child:
    """One child. Its output goes to `log`; `tail` keeps the last lines, `ended` is set when it ended by itself or not."""

    def __init__(self, name: str, process: Process, log: Path) -> None:
        self.name = name
        self.log = log
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.ended = asyncio.Event()
        self._process = process
        self._waits: list[tuple[re.Pattern[str], asyncio.Future[str]]] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    async def line(self, pattern: str, timeout_s: float) -> str:
        """The next line of its output that matches. Raises PROCESS-FAILED when it ends or the time is over."""
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waits.append((re.compile(pattern), found))
        try:
            async with asyncio.timeout(timeout_s):
                return await found
        except TimeoutError:
            raise self.failed("was not ready in time") from None

    def failed(self, how: str) -> GuestwireError:
        """What to raise when it failed."""
        said = "\n".join(self.tail)
        return GuestwireError("PROCESS-FAILED", f"{self.name} {how}:\n{said}", detail={"log": str(self.log)})

    async def read(self) -> None:
        """Keep its output, to its end."""
        assert self._process.stdout is not None
        with self.log.open("ab") as log:
            while data := await self._process.stdout.readline():
                log.write(data)
                log.flush()
                text = data.decode("utf-8", "replace").rstrip("\n")
                self.tail.append(text)
                for pattern, found in self._waits:
                    if not found.done() and pattern.search(text):
                        found.set_result(text)
        for _, found in self._waits:
            if not found.done():
                found.set_exception(self.failed("ended"))
                found.exception()  # it may have no reader any more
        self.ended.set()


class Children:
    """Children that end with the block."""

    def __init__(self, stack: AsyncExitStack, logs: Path) -> None:
        self._stack = stack
        self._logs = logs
        self.all: list[Child] = []

    async def start(self, name: str, argv: Sequence[str | Path], *, ends: bool = False) -> Child:
        """Start a program. It ends with the block, after those started later. `ends`: it does by itself, and that is well."""
        process = await start_child([os.fspath(part) for part in argv])
        child = Child(name, process, self._logs / f"{name}.log")
        reading = asyncio.create_task(child.read(), name=f"output of {name}")

        async def end() -> None:
            await end_child(process, STOP_S)
            await reading

        self._stack.push_async_callback(end)
        if not ends:
            self.all.append(child)
        return child

    def at_end(self, clean: Callable[[], object]) -> None:
        """Called with the block's end, after the children that are started later have ended."""
        self._stack.callback(clean)

    async def first_to_end(self) -> Child:
        """The child that ends first."""
        waits = {asyncio.create_task(child.ended.wait()): child for child in self.all}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return waits[done.pop()]
        finally:
            for wait in waits:
                wait.cancel()


@asynccontextmanager
async def children(logs: Path) -> AsyncIterator[Children]:
    """No children yet; their output goes to files in `logs`."""
    async with AsyncExitStack() as stack:
        yield Children(stack, logs)
