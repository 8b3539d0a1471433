"""The viewers that `guestwire desktop` keeps open: child processes, one for each guest that has the console.

Nothing here knows hosts. A viewer is a program that stays in the foreground as long as its window is open. Each has a
session of its own: Ctrl-C at a terminal reaches us alone, and a signal to its group reaches a program that a wrapper started.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 20.0
"""A viewer that was open for so long is started again after the first wait, whatever came before."""
STOP_S = 5.0
"""How long a viewer may take to close before it is killed."""

_STDERR = 2
"""What viewers write goes there, so that stdout stays ours."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """What shows the screen of a guest. `name` is the guest's, for people."""

    uuid: str
    name: str
    argv: tuple[str, ...]


class Viewers:
    """Open viewers; all of them end with the block. `tell` hears what people may want to know of them."""

    def __init__(self, tell: Callable[[str], None], *, reopen: bool = True, stop_s: float = STOP_S) -> None:
        self._tell = tell
        self._reopen = reopen
        self._stop_s = stop_s
        self._kept: dict[str, tuple[Viewer, asyncio.Task[None]]] = {}

    async def __aenter__(self) -> "Viewers":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close(tuple(self._kept))

    async def show(self, wanted: Sequence[Viewer]) -> None:
        """Have these open, each once, and no other. One whose command changed is closed and opened anew."""
        goal = {viewer.uuid: viewer for viewer in wanted}
        await self._close([uuid for uuid, (viewer, _) in self._kept.items() if goal.get(uuid) != viewer])
        for uuid, viewer in goal.items():
            if uuid not in self._kept:
                task = asyncio.create_task(self._keep(viewer), name=f"viewer of {viewer.name}")
                self._kept[uuid] = (viewer, task)

    async def ended(self) -> None:
        """Wait until every one has ended by itself; never where they are opened again."""
        await _all_done([task for _, task in self._kept.values()])

    async def _close(self, uuids: Iterable[str]) -> None:
        going = {uuid: self._kept[uuid][1] for uuid in uuids}
        for task in going.values():
            if not task.cancelling():  # twice would cut short the wait for a process that is ending
                task.cancel()
        await _all_done(going.values())
        for uuid in going:
            del self._kept[uuid]

    async def _keep(self, viewer: Viewer) -> None:
        """Open it, and again when it ends, until cancelled."""
        clock, tries = asyncio.get_running_loop().time, 0
        while True:
            began = clock()
            how = await self._run(viewer)
            if not self._reopen:
                self._tell(f"the viewer of {viewer.name} {how}")
                return
            tries = 0 if clock() - began >= STEADY_S else tries + 1
            wait_s = wait_before(tries)
            self._tell(f"the viewer of {viewer.name} {how}; it is opened again in {wait_s:g} s")
            await asyncio.sleep(wait_s)

    async def _run(self, viewer: Viewer) -> str:
        """Run it to its end, and say what became of it. A cancellation ends it."""
        try:
            process = await asyncio.create_subprocess_exec(
                *viewer.argv, stdin=DEVNULL, stdout=_STDERR, start_new_session=True
            )
        except OSError as err:
            return f"cannot be started: {viewer.argv[0]}: {err.strerror or err}"
        self._tell(f"the viewer of {viewer.name} is open")
        try:
            code = await process.wait()
        finally:
            await self._end(process)
        return f"ended with {code}" if code >= 0 else f"was ended by signal {-code}"

    async def _end(self, process: Process) -> None:
        """SIGTERM, then SIGKILL after the deadline; one that has ended is left alone."""
        if process.returncode is not None:
            return
        _signal(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(self._stop_s):
                await process.wait()
        except TimeoutError:
            _signal(process, signal.SIGKILL)
            await process.wait()


def wait_before(tries: int) -> float:
    """Seconds before a viewer is opened again that did not last so many times in a row."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(max(0, tries - 1), 16))


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


async def _all_done(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for tasks, whoever cancelled them. Raises what one of them failed with."""
    waiting = set(tasks)
    if not waiting:
        return
    done, _ = await asyncio.wait(waiting)  # not gather: it would cancel them once more when we are cancelled
    for task in done:
        if not task.cancelled() and (err := task.exception()) is not None:
            raise err
