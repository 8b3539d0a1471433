"""Sees to the disk for the spool, in a thread: syncs, removes, tries again, begins another log, makes metrics coarser. Opens the spool
and closes it.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from guestwire.agent.audit import Log
from guestwire.agent.telemetry.coarsening import Coarsening, Sign, coarsening_for
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.errands import Errand, errand_for
from guestwire.agent.telemetry.spool import QUOTA, Spool
from guestwire.link.vital import Vital, VitalTask
from guestwire.protocol.buckets import TokenBucket
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SpoolClass

LOOK_S: Final = 5.0
"""How often the disk is seen to while there is something for it that does not hurry."""
GATHER_S: Final = 0.02
"""Between two errands, so that one sync is for all that was said meanwhile."""
ANOTHER_LOG_S: Final = 60.0
"""Until it is tried again to begin a log that the disk did not take."""
CLOSE_S: Final = 5.0
"""How long a disk may take at the end."""
TOLD_PER_S: Final = 1 / 300
"""How often a disk that takes nothing is told of."""


class SpoolKeeper(VitalTask):
    """`async with` it before anything is said, for what is said at the end is kept too. `spool` is there from then on. `sign` makes
    the frames of coarser batches."""

    def __init__(
        self, folder: Path, boot: str, sign: Sign, clock: Callable[[], Now], log: Log, vital: Vital, *,
        quota: Mapping[SpoolClass, int] = QUOTA, disk: Disk | None = None,
    ) -> None:  # fmt: skip
        super().__init__(vital, "telemetry-spool")
        self._disk = disk or Disk()
        self._folder = folder
        self._boot = boot
        self._quota = quota
        self._sign = sign
        self._clock = clock
        self._log = log
        self._news = asyncio.Event()
        self._told = TokenBucket(TOLD_PER_S, 1)
        self._another_log_at = float("-inf")
        self._not_certain: list[Coarsening] = []
        self._job: asyncio.Future[Any] | None = None
        self._under_way: Errand | None = None
        self._opened: Spool | None = None

    @property
    def spool(self) -> Spool:
        assert self._opened is not None
        return self._opened

    async def __aenter__(self) -> Self:
        at = self._clock()
        self._opened = await asyncio.to_thread(Spool, self._disk, self._folder, self._boot, self._quota, at)
        self._opened.news = self._news.set
        self._another_log_at = at.mono + ANOTHER_LOG_S
        for err in self._opened.troubles:
            self._tell(err)
        return await super().__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        self.spool.stop()
        with suppress(TimeoutError):  # a disk that hangs must not hold up the end
            async with asyncio.timeout(CLOSE_S):
                if self._job is not None:
                    await asyncio.gather(self._job, return_exceptions=True)
                if self._under_way is not None:
                    self._under_way.finish()
                await asyncio.to_thread(self.spool.close, self._clock())

    async def _run(self) -> None:
        while True:
            self._news.clear()
            hurry = await self.round()
            await asyncio.sleep(GATHER_S)
            if not hurry:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if self.spool.settled else LOOK_S):
                        await self._news.wait()

    async def round(self) -> bool:
        """See to the disk once. Whether there is more to do at once."""
        spool, at = self.spool, self._clock()
        for log in tuple(spool.logs):
            self._under_way = errand = errand_for(log, at.mono)
            if errand is None:
                continue
            await self._in_thread(errand.run, self._disk)
            errand.finish()
            self._under_way = None
            if errand.gone and log is spool.logs[-1]:
                spool.begin_anew()
            for err in errand.errors[:1]:
                self._tell(err)
        await self._logs(spool, at)
        if spool.try_again(at.mono):
            self._tell(None)
        return await self._coarsen(spool)

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        """A thread goes on when the task is cancelled: whoever closes waits for it."""
        self._job = asyncio.ensure_future(asyncio.to_thread(work, *given))
        return await asyncio.shield(self._job)

    async def _logs(self, spool: Spool, at: Now) -> None:
        if spool.wants_log and (spool.logs or at.mono >= self._another_log_at):
            try:
                log = await self._in_thread(spool.another_log, at)
            except OSError as err:
                self._tell(err)
                self._another_log_at = at.mono + ANOTHER_LOG_S
            else:
                spool.number_in(log)
        for log in spool.forget_empty_logs():
            try:
                await self._in_thread(log.remove, self._disk)
            except OSError as err:
                self._tell(err)

    async def _coarsen(self, spool: Spool) -> bool:
        """Make room by making a few segments coarser. Whether there may be more."""
        await self._make_certain()
        work = coarsening_for(spool, self._sign)
        if work is None:
            return False
        await self._in_thread(work.run, self._disk)
        if work.failed is not None:
            self._log.warning("telemetry could not be made coarser", reason=str(work.failed))
        try:
            work.put_in_place(self._disk)
        except OSError as err:
            self._tell(err)
            work.made = None
        self._not_certain.append(work)
        await self._make_certain()
        return True

    async def _make_certain(self) -> None:
        """What was put in place has its name on the disk before any of it is sent."""
        for work in tuple(self._not_certain):
            try:
                if work.made is not None:
                    await self._in_thread(self._disk.sync_folder, work.old[0].path.parent)
            except OSError as err:
                self._tell(err)
                return
            self._not_certain.remove(work)
            work.over()

    def _tell(self, error: OSError | None) -> None:
        """At a bounded rate: a full disk meets every batch."""
        if self._told.take(self._clock().mono) == 0:
            why = "the disk is full" if error is None else error.strerror or str(error)
            self._log.error("the spool of telemetry and notices is not taken by the disk", reason=why)
