"""One agent after the other with the same configuration; each may be told at which step of its journal it kills itself."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import STDOUT, Process
from pathlib import Path

from fleet import PATIENCE_S
from tests.support.forked import start_forked

CHILD = Path(__file__).with_name("kill_child.py")


class DeadlyAgents:
    """`noise`: what they said. Close it: one that still runs is killed."""

    def __init__(self, config: Path) -> None:
        self.noise: list[str] = []
        self._config = config
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(
        self, step: str | None = None, occurrence: int = 1, fail: tuple[str, ...] = (), *, serves: bool = True
    ) -> int:
        """Start one that kills itself at the step, or one that lives; its pid, once it `serves`."""
        order = {"config": str(self._config), "step": step, "occurrence": occurrence, "fail": fail}
        process = self._process = await start_forked(str(CHILD), json.dumps(order), stderr=STDOUT)
        up = asyncio.Event()
        self._reading = asyncio.create_task(self._read(process, up))
        if serves:
            async with asyncio.timeout(PATIENCE_S):
                await up.wait()
        return process.pid

    async def _read(self, process: Process, up: asyncio.Event) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if line.startswith(b'{"up"'):
                up.set()
            else:
                self.noise.append(line.decode(errors="replace"))
        up.set()  # or never

    async def ended(self) -> int:
        """The exit status, once it has ended."""
        assert self._process is not None
        assert self._reading is not None
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.shield(self._reading)
            return await self._process.wait()

    async def stop(self, pid: int) -> dict[str, int]:
        """End it in order; how often it reached each step."""
        os.kill(pid, signal.SIGTERM)
        assert await self.ended() == 0, self.noise[-5:]
        reached: dict[str, int] = json.loads(self._config.with_name("steps.json").read_text())
        return reached

    async def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        await self.ended()

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill(self._process.pid)
