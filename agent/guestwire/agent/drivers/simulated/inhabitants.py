"""Processes in the place of what runs inside simulated guests: each is attached to guestwire-comm as its guest.

A guest that runs with communication has one, from power on to power off; a reboot ends it and begins another. One that ends
by itself is begun again a while later: its end is not the guest's.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from subprocess import DEVNULL, PIPE

AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before a process that ended by itself is begun again; the last one repeats."""
LASTED_S = 60.0
"""One that ran so long begins again after the first of those waits."""

Life = tuple[int, ...]
"""What tells one run of a guest from the next."""


class Inhabitants:
    """`command` with {name} for the guest's name; empty: nobody lives in any guest. Their standard input is a pipe that ends
    when this process does. `close` it."""

    __slots__ = ("_closed", "_command", "_ending", "_lives")

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._lives: dict[str, tuple[Life, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def follow(self, name: str, life: Life | None) -> None:
        """A guest runs, in this life, or is off (None). Nobody moves in any more once this is closed."""
        if not self._command or self._closed:
            return
        now = self._lives.get(name)
        if now is not None:
            if now[0] == life:
                return
            del self._lives[name]
            self._end(now[1])
        if life is not None:
            called = f"inside-{name}"
            before = [task for task in self._ending if task.get_name() == called]
            self._lives[name] = (life, asyncio.create_task(self._live(name, before), name=called))

    async def close(self) -> None:
        """End them all."""
        self._closed = True
        for _, task in self._lives.values():
            self._end(task)
        self._lives.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Once for each: a second time would keep it from waiting for the process that it just killed."""
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _live(self, name: str, before: Sequence[asyncio.Task[None]]) -> None:
        """`before`: those that are still on their way out."""
        if before:
            await asyncio.wait(before)
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            began = loop.time()
            await self._run(name)
            tries = 0 if loop.time() - began >= LASTED_S else tries
            await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            tries += 1

    async def _run(self, name: str) -> None:
        command = [word.replace("{name}", name) for word in self._command]
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL)
        except OSError:  # the program is not there: it may come
            return
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
