"""The job operations: what the journal says of accepted requests, in the protocol's words."""

from collections.abc import Callable
from typing import Protocol, cast

from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import JobRow, State
from guestwire.agent.services.running import Running
from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.protocol.packing import unpack
from guestwire.protocol.steps import Call


class Cancels(Protocol):
    """Knows the commands under way. True: it waits no more, or will stop at its next step."""

    def cancel(self, seq: int) -> bool: ...


class Jobs:
    """job-get, job-list, job-cancel."""

    def __init__(self, journal: Journal, cancels: Callable[[], Cancels]) -> None:
        self._journal = journal
        self._cancels = cancels

    async def get(self, call: Call) -> m.JobGet:
        row = await self._row(call.request)
        final = unpack(row.final) if row.final is not None else None
        return m.JobGet(**dict(job_of(row)), final=final)

    async def list_all(self, call: Call) -> m.JobList:
        request: m.JobQuery = call.request
        states = tuple(cast("State", state.upper()) for state in request.states)
        rows = await self._journal.jobs(states, limit=min(request.limit, 200), before_seq=request.before)
        more = rows[-1].seq if len(rows) == min(request.limit, 200) else None
        return m.JobList(jobs=tuple(job_of(row) for row in rows), next_before=more)

    async def cancel(self, running: Running) -> m.Job:
        """Cancelling what is over is no error: the answer shows how it ended."""
        row = await self._row(running.call.request)
        if row.finished_ms is None:
            self._cancels().cancel(row.seq)
            row = await self._row(running.call.request)
        return job_of(row)

    async def _row(self, reference: m.JobRef) -> JobRow:
        row = await self._journal.get(reference.issuer, reference.request_id)
        if row is None:
            raise GuestwireError("NOT-FOUND", f"This host knows no request {ids.text(reference.request_id)}.")
        return row


def job_of(row: JobRow) -> m.Job:
    """A journal row as clients see it."""
    progress = row.progress
    return m.Job(
        request_id=row.request_id,
        issuer=row.issuer,
        operation=row.operation,
        lanes=row.lanes,
        state=cast("m.JobState", row.state.lower()),
        accepted_at=row.accepted_ms,
        finished_at=row.finished_ms,
        expires=row.expires_ms,
        code=row.code,
        message=None if row.code is None or row.code not in BY_CODE else BY_CODE[row.code].remedy,
        progress=None
        if progress is None
        else m.Progress(percent=progress.percent, step=progress.step, message=progress.message),
    )
