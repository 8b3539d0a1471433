"""The command pipeline: journal, lane, effect, result, outbox. What was accepted here always ends in a stored final.

take (from the link) -> journal INSERT -> acknowledged -> lane -> handler -> result and outbox committed -> answered.
A command that was under way when the process died is taken up again by `recover`, before any link opens.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from guestwire.agent.audit_rows import mandate_of
from guestwire.agent.command_job import STATES, Command, Job, Reports, once_begun
from guestwire.agent.entries import entry_of
from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import (
    FinalState,
    Inserted,
    Mismatch,
    New,
    Observer,
    Outdated,
    Stored,
    Unfinished,
    UsedUp,
)
from guestwire.agent.journal_schema import Progress as KeptProgress
from guestwire.agent.journal_schema import Running as StillRunning
from guestwire.agent.lane_gate import LaneGate, LanePass
from guestwire.agent.outbox import Outbox, answer
from guestwire.agent.services.running import Running
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.executor import Executor
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.steps import Call, Now, Record, Send

PROGRESS_EVERY_S = 1.0
A_DAY_MS = 86_400_000
STOP_WITHIN_S = 5.0
"""How long an orderly stop waits for driver calls that are outstanding."""
STORE_AGAIN_S = (0.2, 1.0, 5.0, 30.0)
"""Waits between tries to store a result that the disk did not take; the last one repeats."""


class Commands:
    """The commands of one host. `async with` it; leaving lets nothing new start, ends what waits, and leaves what runs to
    the next start's `recover`."""

    def __init__(
        self,
        *,
        executor: Executor,
        journal: Journal,
        outbox: Outbox,
        lanes: LaneGate,
        commands: Mapping[str, Command],
        reports: Reports,
        clock: Callable[[], Now],
        observer: Observer | None = None,
    ) -> None:
        self._executor = executor
        self._journal = journal
        self._outbox = outbox
        self._lanes = lanes
        self._commands = commands
        self._reports = reports
        self._clock = clock
        self._observer = observer or _nobody
        self._jobs: dict[int, Job] = {}
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Commands":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        begun = [job.task for job in self._jobs.values() if job.task and (job.running.outstanding or once_begun(job))]
        if begun:  # what is `once` should not be left in doubt for want of a moment
            await asyncio.wait(begun, timeout=STOP_WITHIN_S)
        tasks = [*self._tasks, *(job.run_task for job in self._jobs.values() if job.run_task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- from the link

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        """A Commands port of link/serve."""
        self._spawn(self._take(record, taken))

    async def _take(self, record: Record, taken: Callable[[], None]) -> None:
        try:
            await self._taken(record, taken)
        except Exception as err:  # noqa: BLE001 - the entry point of every command that comes in
            self._reports.defect(record.call.operation.name, err)
            taken()
            self._refuse(record.call, GuestwireError("INTERNAL"))

    async def _taken(self, record: Record, taken: Callable[[], None]) -> None:
        call = record.call
        ticket: LanePass | None = None
        final, code = record.final, record.code
        lanes: tuple[str, ...] = ()
        try:
            if final is None:
                try:
                    lanes = self._commands[call.operation.name].lanes(call)
                    ticket = self._enter(lanes, call.start_by_ms)
                except GuestwireError as err:
                    if err.code == "BUSY":
                        raise
                    # refused for good: recorded, so that a replay cannot run it later
                    final, code = tuple(self._executor.fail(call, err, self._clock()).frames), err.code
            entry = entry_of(call, lanes, run=ticket is None or ticket.granted, final=final, code=code)
            inserted = await self._journal.insert(entry)
            if isinstance(inserted, UsedUp):
                self._leave(ticket)
                ticket, used_up = None, GuestwireError("MANDATE-USED-UP", detail={"mandate": mandate_of(call)})
                final, code = tuple(self._executor.fail(call, used_up, self._clock()).frames), used_up.code
                inserted = await self._journal.insert(entry_of(call, (), run=True, final=final, code=code))
        except GuestwireError as err:
            self._leave(ticket)
            taken()
            if err.code != "BUSY":
                self._reports.storage(err)
            self._refuse(call, err)
            return
        taken()
        if code is not None and isinstance(inserted, New):
            self._reports.ended(call, code)
        self._inserted(call, inserted, ticket, final)

    def _inserted(
        self, call: Call, inserted: Inserted, ticket: LanePass | None, final: tuple[bytes, ...] | None
    ) -> None:
        executor, at = self._executor, self._clock()
        match inserted:
            case New(seq) if final is not None:
                self._leave(ticket)
                self._outbox.deliver(seq, Send(call.client, final, call.operation.qos, call.request_id, call.path))
            case New(seq):
                self._reports.waiting(call)
                started = ticket is None or ticket.granted
                self._begin(Job(call, seq, self._running(call, seq), ticket), started=started)
            case StillRunning(seq):
                self._leave(ticket)
                job = self._jobs.get(seq)
                if job is not None and (job.call.path is None or not call.brokered):
                    job.call.path = call.path  # who asks again over a socket has a new connection
                answer(executor.accepted(call, at))
            case Stored(seq, _, stored):
                self._leave(ticket)
                self._outbox.deliver(
                    seq, Send(call.client, unpack(stored), call.operation.qos, call.request_id, call.path)
                )
            case Mismatch():
                self._leave(ticket)
                self._refuse(call, GuestwireError("IDEMPOTENCY-MISMATCH"))
            case Outdated():
                self._leave(ticket)
                self._refuse(call, GuestwireError("EXPIRED"))

    def _refuse(self, call: Call, error: GuestwireError) -> None:
        self._reports.not_taken(call, error.code)
        answer(self._executor.refuse(call, error, self._clock()))

    # -- after a crash

    async def recover(self, restore: Callable[[Unfinished], tuple[Call, GuestwireError | None]]) -> int:
        """Take up every unfinished row, in journal order; how many. Call it before a link opens."""
        after, count = 0, 0
        while page := await self._journal.unfinished(after_seq=after):
            for row in page:
                after = row.seq
                count += 1
                call, unreadable = restore(row)
                # never run and too late ends DEADLINE in line; what ran must be settled however late it is
                start_by_ms = row.entry.start_by_ms if row.state == "ACCEPTED" else self._clock().wall_ms + A_DAY_MS
                ticket = self._enter(row.entry.lanes, start_by_ms, forced=True)
                if row.entry.via == "mqtt":
                    call.path = self._outbox.link
                job = Job(call, row.seq, self._running(call, row.seq, recovered=row.state), ticket)
                if unreadable is not None:
                    self._spawn(self._end_unreadable(job, row.state, unreadable))
                    continue
                self._begin(job, started=False, recovered=row.state)
        return count

    async def _end_unreadable(self, job: Job, state: str, error: GuestwireError) -> None:
        """A row whose operation or body this version does not know: it ends, honestly."""
        self._leave(job.ticket)
        if state == "RUNNING":
            error = GuestwireError("INDETERMINATE", f"It was under way, and this version cannot go on: {error.message}")
        await self._fail(job, error)

    # -- one command

    def _running(self, call: Call, seq: int, *, recovered: str | None = None) -> Running:
        return Running(
            call,
            again=recovered == "RUNNING",
            patient=recovered is not None,
            report=lambda progress: self._progress(seq, progress),
            effect=lambda step: self._observer(step, seq),
        )

    def _begin(self, job: Job, *, started: bool, recovered: str | None = None) -> None:
        self._jobs[job.seq] = job
        job.task = self._spawn(self._job(job, started=started, recovered=recovered))

    async def _job(self, job: Job, *, started: bool, recovered: str | None) -> None:
        try:
            self._reports.job_changed()
            if not started and not await self._may_start(job, recovered):
                return
            if recovered == "RUNNING" and job.call.operation.effect == "once":
                await self._settle_once(job)
            else:
                await self._run(job)
        except GuestwireError as err:
            await self._fail(job, err)
        except Exception as err:  # noqa: BLE001 - the entry point of every command that runs
            self._reports.defect(job.call.operation.name, err)
            code = "INDETERMINATE" if once_begun(job) else "INTERNAL"
            await self._fail(job, GuestwireError(code, cause=(type(err).__name__,)))
        finally:
            if job.run_task is None or job.run_task.done():
                self._leave(job.ticket)
            self._jobs.pop(job.seq, None)
            self._reports.job_changed()

    async def _may_start(self, job: Job, recovered: str | None) -> bool:
        """Wait for the lane, and write that the command runs. False: the agent stops, the row stays as it is for the next
        start. Raises DEADLINE, CANCELED."""
        if job.ticket is not None:
            await job.ticket.wait()
        if self._closing:
            return False
        job.running.checkpoint()
        if recovered == "RUNNING":
            return True
        if recovered == "ACCEPTED" and job.call.start_by_ms <= self._clock().wall_ms:
            raise GuestwireError("DEADLINE")
        await self._until_stored(lambda: self._journal.start(job.seq, self._clock().wall_ms))
        return True

    async def _run(self, job: Job) -> None:
        """Run the handler within the operation's time, and store what came of it."""
        operation = job.call.operation
        handler = self._commands[operation.name].run
        job.run_task = asyncio.ensure_future(handler(job.running))
        done, _ = await asyncio.wait({job.run_task}, timeout=operation.timeout_s)
        if not done:
            await self._overdue(job)
            return
        try:
            reply = job.run_task.result()
        except asyncio.CancelledError:
            raise GuestwireError("CANCELED") from None
        except GuestwireError:
            raise
        except Exception as err:  # the entry point of every handler with an effect
            self._reports.defect(operation.name, err)
            raise GuestwireError("INTERNAL", cause=(type(err).__name__,)) from err
        send = self._executor.succeed(job.call, reply, self._clock())
        await self._store(job.seq, "SUCCEEDED", None, pack(tuple(send.frames)))
        self._reports.ended(job.call, None)
        self._outbox.deliver(job.seq, send)

    async def _overdue(self, job: Job) -> None:
        """The operation's time is over. With a driver call outstanding nobody knows what will come of it: the job ends
        INDETERMINATE and its lane stays held until the call returns."""
        task = job.run_task
        assert task is not None
        job.running.cancel_requested = True  # no further step begins behind the back of its final
        if job.running.outstanding:
            if job.ticket is not None:
                job.ticket.hang()
            task.add_done_callback(lambda _: self._leave(job.ticket))
            task.add_done_callback(_retrieve)
            raise GuestwireError("INDETERMINATE", "The hypervisor did not answer in the operation's time.")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if once_begun(job):
            raise GuestwireError("INDETERMINATE", "The effect happened; what came of it was not seen in time.")
        raise GuestwireError("TIMED-OUT", detail={"timeout_s": job.call.operation.timeout_s})

    async def _settle_once(self, job: Job) -> None:
        """A `once` effect that was under way when the process died: never run blindly a second time."""
        probe = self._commands[job.call.operation.name].probe
        happened = await probe(job.call) if probe is not None else None
        if happened is False:
            await self._run(job)
            return
        text = "The agent stopped while this ran, and nothing tells whether the effect happened."
        if happened:
            text = "The agent stopped while this ran; the effect happened, its result was lost."
        raise GuestwireError("INDETERMINATE", text, detail={"happened": happened})

    async def _fail(self, job: Job, error: GuestwireError) -> None:
        state: FinalState = STATES.get(error.code, "FAILED")
        send = self._executor.fail(job.call, error, self._clock())
        await self._store(job.seq, state, error.code, pack(tuple(send.frames)))
        self._reports.ended(job.call, error.code)
        self._outbox.deliver(job.seq, send)

    async def _store(self, seq: int, state: FinalState, code: str | None, final: bytes) -> None:
        """Store a result, however long the disk is full: the client has `accepted`, and must get a final."""
        at = self._clock().wall_ms
        await self._until_stored(lambda: self._journal.finish(seq, state, code, final, now_ms=at))

    async def _until_stored(self, write: Callable[[], Awaitable[bool]]) -> None:
        tries = 0
        while True:
            try:
                await write()
            except GuestwireError as err:
                self._reports.storage(err)
                await asyncio.sleep(STORE_AGAIN_S[min(tries, len(STORE_AGAIN_S) - 1)])
                tries += 1
            else:
                return

    # -- progress

    def _progress(self, seq: int, progress: m.Progress) -> None:
        job = self._jobs.get(seq)
        if job is None:
            return
        self._journal.progress(seq, KeptProgress(progress.percent or 0, progress.step, progress.message))
        at = self._clock()
        if at.mono - job.reported_at >= PROGRESS_EVERY_S:
            job.reported_at = at.mono
            answer(self._executor.progress(job.call, progress, at))

    # -- cancel

    def cancel(self, seq: int) -> bool:
        """Cancel a job that waits, or one that runs at its next step; False when it is not under way."""
        job = self._jobs.get(seq)
        if job is None:
            return False
        job.running.cancel_requested = True
        if job.run_task is None:
            if job.ticket is not None:
                job.ticket.cancel()
        elif not job.running.outstanding and not once_begun(job):
            job.run_task.cancel()
        return True

    async def over(self, issuer: str, request_id: bytes) -> None:
        """Return when that request is not under way."""
        if tasks := {job.task for job in self._jobs.values() if job.task and job.call.key == (issuer, request_id)}:
            await asyncio.wait(tasks)

    def live(self) -> int:
        """How many commands are under way."""
        return len(self._jobs)

    # -- pieces

    def _enter(self, lanes: tuple[str, ...], start_by_ms: int, *, forced: bool = False) -> LanePass | None:
        """A place in the lanes; None where none is needed. Raises BUSY."""
        if not lanes:
            return None
        return self._lanes.enter(lanes, wait_ms=max(0, start_by_ms - self._clock().wall_ms), forced=forced)

    def _leave(self, ticket: LanePass | None) -> None:
        if ticket is not None:
            ticket.leave()

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _retrieve(task: asyncio.Task[Model]) -> None:
    if not task.cancelled():
        task.exception()


def _nobody(_step: str, _seq: int) -> None:
    """No observer."""
