"""Publishes `reported`: at most once a second, after anything in it changed."""

import asyncio
from collections.abc import Callable

from guestwire.agent.announcer import Announcer
from guestwire.agent.jobs import job_of
from guestwire.agent.journal import Journal
from guestwire.agent.services.configuration.service import Configuration
from guestwire.agent.services.guest_table import GuestTable
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import RUNNING_STATES
from guestwire.model.host import RebootRequired
from guestwire.protocol.reported import FINISHED_JOBS, ReportedBody

EVERY_S = 1.0


class Reporting(VitalTask):
    """One host's `reported`. `async with` it; `changed` may be called as often as anything changes. `reboot_required` is
    asked for each publication: it tells what is known, and reads nothing."""

    def __init__(
        self,
        announcer: Announcer,
        journal: Journal,
        table: GuestTable,
        configuration: Configuration,
        reboot_required: Callable[[], RebootRequired],
        epoch: Callable[[], int],
        vital: Vital,
    ) -> None:
        super().__init__(vital, "reported")
        self._announcer = announcer
        self._journal = journal
        self._table = table
        self._configuration = configuration
        self._reboot_required = reboot_required
        self._epoch = epoch
        self._n = 0
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                self._announcer.state("reported", await self._body(), self._n)
            except GuestwireError:  # the journal takes nothing just now: what it holds is said with the next change
                self._changed.set()
            await asyncio.sleep(EVERY_S)

    async def _body(self) -> ReportedBody:
        self._n += 1
        live = await self._journal.jobs(("RUNNING", "ACCEPTED"), limit=64)
        recent = await self._journal.jobs(limit=FINISHED_JOBS + len(live))
        finished = [row for row in recent if row.finished_ms is not None][:FINISHED_JOBS]
        rows = self._table.rows()
        revision, drift = await self._configuration.revision(), await self._configuration.drift()
        return ReportedBody(
            epoch=self._epoch(),
            n=self._n,
            hypervisor_connected=self._table.connected,
            guests=len(rows),
            guests_running=sum(row.status.state in RUNNING_STATES for row in rows),
            revision=revision.number,
            active_hash=revision.hash,
            state=self._configuration.state(drift),
            drift=len(drift),
            reboot_required=self._reboot_required(),
            jobs=tuple(job_of(row) for row in (*live, *finished)),
        )
