"""The state on disk, kept up to date: at once with a change of what holds, and soon after somebody came or went."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from guestwire.comm.conversation import Conversation
from guestwire.comm.state_file import AttachedPeer, State, StateFile, process_started
from guestwire.comm.ways import Way
from guestwire.model.errors import GuestwireError

AT_MOST_EVERY_S = 1.0
"""How often comings and goings are written at most: guests may come and go a thousand times."""


async def saved(file: StateFile, state: State) -> None:
    """Written to the end, whoever gives up waiting: the file is the old one or the new one, and who asked for it knows which.
    Raises REGION-FULL when the disk takes no more."""
    writing = asyncio.ensure_future(asyncio.to_thread(file.save, state))
    while not writing.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((writing,))
    writing.result()


def attached_now(
    talks: Iterable[Conversation], uuids: Callable[[str], str], left: Iterable[AttachedPeer]
) -> tuple[AttachedPeer, ...]:
    """Whom to know after our restart: QEMUs at their doorbells, processes that may hold something, and who is left from before.
    Of one process, the guest whose QEMU it is."""
    found: dict[int, AttachedPeer] = {}
    for talk in talks:
        way, guest = talk.way, talk.way.kind == "doorbell"
        if way.pid is None or not (guest or (talk.known and way.kind == "socket")) or (way.pid in found and not guest):
            continue
        started = process_started(way.pid)
        if started is not None:
            name = way.party if guest else ""
            found[way.pid] = AttachedPeer(name=name, uuid=uuids(name), pid=way.pid, started=started)
    return (*(peer for peer in left if peer.pid not in found), *found.values())


class Remembering:
    """Calls `write` soon after `changed`. `async with` it: leaving writes what was not written yet."""

    def __init__(self, write: Callable[[], Awaitable[None]], log: Any) -> None:
        self._write = write
        self._log = log
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    async def __aenter__(self) -> "Remembering":
        self._task = asyncio.create_task(self._keep(), name="remember-peers")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._ending = True
        self._task.cancel()  # which a write under way does not heed
        with suppress(asyncio.CancelledError):
            await self._task
        if self._changed.is_set():
            await self._written()

    def changed(self, _way: Way | None = None) -> None:
        """Somebody came or went."""
        self._changed.set()

    async def _keep(self) -> None:
        while not self._ending:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._written()
            except asyncio.CancelledError:  # while another change was made: `__aexit__` writes it
                self._changed.set()
                raise
            if not self._ending:
                await asyncio.sleep(AT_MOST_EVERY_S)

    async def _written(self) -> None:
        try:
            await self._write()
        except GuestwireError as err:
            self._log.error("the state could not be written", code=err.code, error=err.message)
