"""Follows what happens in the communication services, and tells them when a guest reboots.

One request waits at guestwire-comm for the next happenings. Where it stopped is a note, so that an agent that starts again
goes on there: what happened is told at least once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from guestwire.agent.services.communication import Communication
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol.comm_models import CommStatus, Happening, Happenings

WAIT_S = 25.0
EMPTY_S = 0.1
"""Between an answer without happenings and the next request."""
AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits between tries while the services are away; the last one repeats."""
NOTE = "comm-follow"
"""The log (16 bytes) and the number of the last happening that was told."""
NOTE_EVERY_S = 10.0
RESETS = 256


class CommWatch:
    """`async with` it.

    happened  hears every happening, in order; missed  how many were dropped before they were read
    arrived   hears the status when the services are there (again); away  why they are not, once
    ready     hears the names of guests that say they are at work
    """

    def __init__(
        self,
        comm: Communication,
        *,
        happened: Callable[[Happening], None],
        missed: Callable[[int], None],
        arrived: Callable[[CommStatus], None],
        away: Callable[[GuestwireError], None],
        ready: Callable[[str], None],
        note: Callable[[str], bytes | None],
        set_note: Callable[[str, bytes], Awaitable[None]],
        vital: Vital,
    ) -> None:
        self._comm = comm
        self._happened = happened
        self._missed = missed
        self._arrived = arrived
        self._away = away
        self._ready = ready
        self._note = note
        self._set_note = set_note
        self._vital = vital
        self._resets: asyncio.Queue[str] = asyncio.Queue(RESETS)
        self._tasks: list[asyncio.Task[None]] = []
        kept = note(NOTE) or b""
        self._log, self._seq = kept[:16], int.from_bytes(kept[16:], "big")
        self._noted_at = 0.0

    async def __aenter__(self) -> "CommWatch":
        for work, name in ((self._follow(), "comm-follow"), (self._reset(), "comm-resets")):
            task = asyncio.create_task(work, name=name)
            self._vital.watch(task)
            self._tasks.append(task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._write_note()

    def rebooted(self, guest: str) -> None:
        """A guest, by name, began anew without its process ending."""
        if not self._resets.full():  # of more at once than there are guests the services hear when these are up again
            self._resets.put_nowait(guest)

    # -- following

    async def _follow(self) -> None:
        tries, there = 0, False
        while True:
            try:
                if not there:
                    status = await self._comm.status()
                    there, tries = True, 0
                    self._arrive(status)
                found = await self._comm.follow(self._log, self._seq, WAIT_S)
            except GuestwireError as err:
                if there or tries == 0:
                    self._away(err)
                there = False
                await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
                tries += 1
                continue
            await self._take(found)
            if not found.happenings:  # it waited, unless it is about to stop
                await asyncio.sleep(EMPTY_S)

    def _arrive(self, status: CommStatus) -> None:
        for peer in status.peers:
            if peer.kind == "guest" and peer.ready:
                self._ready(peer.name)
        self._arrived(status)

    async def _take(self, found: Happenings) -> None:
        if found.missed:
            self._missed(found.missed)
        for happening in found.happenings:
            if happening.kind == "ready":
                self._ready(happening.guest)
            self._happened(happening)
        last = found.happenings[-1].seq if found.happenings else self._seq if found.log == self._log else 0
        moved = (found.log, last) != (self._log, self._seq)
        self._log, self._seq = found.log, last
        if moved and asyncio.get_running_loop().time() - self._noted_at >= NOTE_EVERY_S:
            await self._write_note()

    async def _write_note(self) -> None:
        self._noted_at = asyncio.get_running_loop().time()
        noted = self._log + self._seq.to_bytes(8, "big")
        if noted != (self._note(NOTE) or b""):
            try:
                await self._set_note(NOTE, noted)
            except GuestwireError:  # the disk is full: after a restart the same is told once more
                return

    # -- resets

    async def _reset(self) -> None:
        while True:
            guest = await self._resets.get()
            try:
                await self._comm.guest_reset(guest)
            except GuestwireError:  # they are away, or know no such guest: nobody in it is talking
                continue
