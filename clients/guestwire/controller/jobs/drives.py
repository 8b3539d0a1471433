"""One drive of a job: send it, ask for it or have it cancelled, and tell the ledger what came of that. The I/O around `machine`
and `outcomes`; whose turn it is, is `driver`'s matter.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from guestwire.controller.jobs import events as e
from guestwire.controller.jobs import outcomes
from guestwire.controller.jobs.exact_body import exact
from guestwire.controller.jobs.job import Job, Progress, Result
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.machine import LEAST_ACCEPT_MS, SKEW_MS, may_be_sent
from guestwire.controller.jobs.ports import Mandates, Speaker
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.store import jobs as store
from guestwire.controller.store.database import Database
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.operation_models import JOB_FINISHED, JobGet, JobRef, Ping
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.pending import Accepted, Progressed
from guestwire.protocol.steps import Now

ASK_S: Final = 15.0
"""How long a host may take to say what it has of a job."""
GRACE_S: Final = 5.0
"""After the time in which a copy may be accepted: to learn whether it was, and only the word of it was lost."""
MORE_S: Final = 60.0
"""On top of an operation's own time: for what it waits for at the host before it begins."""
BODIES: Final = 64
"""Bodies that are kept in memory: a wave sends the same one to all its hosts."""


class Drives:
    """Drives jobs of a ledger. Every method ends when there is nothing to wait for now; what comes next, `machine.todo` says."""

    def __init__(
        self,
        ledger: Ledger,
        database: Database,
        calls: HostCalls,
        speaker: Speaker,
        mandates: Mandates,
        clock: Callable[[], Now],
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._ledger = ledger
        self._database = database
        self._calls = calls
        self._speaker = speaker
        self._mandates = mandates
        self._clock = clock
        self._spread = spread
        self._bodies: dict[str, Model] = {}
        self._reading = asyncio.Lock()

    async def send(self, job: Job, accept_ms: int, accepted: Callable[[], None]) -> Job | None:
        """Send the job, store first that it is being sent, and hear it to its end. `accepted` is called once the host has it. The
        job where it succeeded and its signed answer is to be fetched yet (`prove`)."""
        operation = BY_NAME.get(job.operation)
        if operation is None:
            await self._ledger.apply(job.id, e.Refused("UNIMPLEMENTED", f"There is no operation {job.operation}."))
            return None
        request, mandate = await self._body(job), await self._mandate(job)
        if job.approval_id is not None and mandate is None:
            text = "The mandate that it goes by does not count any more."
            await self._ledger.apply(job.id, e.Refused("MANDATE-INVALID", text))
            return None
        now_ms = self._clock().wall_ms
        request_id = ids.request_id(now_ms) if job.request_id is None else bytes.fromhex(job.request_id)
        sending = e.Sending(request_id.hex(), now_ms + accept_ms)
        if not may_be_sent(self._ledger.get(job.id)):
            return None
        stored = await self._ledger.apply(job.id, sending)
        left_ms = sending.expires_at - self._clock().wall_ms  # the database may have let it wait
        if stored is None or not may_be_sent(stored) or left_ms < LEAST_ACCEPT_MS:
            return None
        job = stored
        try:
            async with asyncio.timeout(left_ms / 1000 + GRACE_S) as limit:
                done = await self._calls.call(
                    job.host, operation, request, timeout_s=left_ms / 1000 + operation.timeout_s + MORE_S,
                    request_id=request_id, accept_within_s=left_ms / 1000, mandate=mandate,
                    on_event=self._hearing(job, limit, accepted),
                )  # fmt: skip
        except TimeoutError:
            unheard = GuestwireError("HOST-UNREACHABLE", "The host did not say that it has it.")
            await self._failed(job, unheard)
        except GuestwireError as err:
            await self._failed(job, err)
        else:
            accepted()
            verified = done.verified or self._speaker.vouched(job.host)
            known = outcomes.done(job, done.reply, done.final, verified=verified)
            ended = await self._ledger.apply(job.id, known.event, result=known.result)
            return None if done.final else ended
        return None

    async def ask(self, job: Job) -> None:
        """Ask the host what it has of the job."""
        try:
            found, verified = await self._asked(job)
        except GuestwireError as err:
            await self._not_told(job, err)
            return
        await self._take(job, found, verified=verified)

    async def cancel(self, job: Job) -> None:
        """Have the host cancel the job."""
        try:
            reference = self._reference(job)
            done = await self._calls.call(job.host, BY_NAME["job-cancel"], reference, timeout_s=ASK_S)
        except GuestwireError as err:
            await self._not_told(job, err)
            return
        if done.reply.state in JOB_FINISHED:
            await self.ask(job)
        else:
            await self._ledger.apply(job.id, e.AtHost("accepted", asked=True, spread=self._spread()))

    async def prove(self, job: Job) -> None:
        """Fetch the signed answer of a job that has ended, and keep it. What does not come is not missed."""
        try:
            found, _ = await self._asked(job)
        except GuestwireError:
            return
        result, _ = outcomes.read_final(job, found.final or (), self._speaker.issuer(job.host))
        if result is not None:
            self._ledger.note(Result(job.id, final=result.final))

    # -- what came of it

    def _hearing(
        self, job: Job, limit: asyncio.Timeout, accepted: Callable[[], None]
    ) -> Callable[[Accepted | Progressed], None]:
        def hear(event: Accepted | Progressed) -> None:
            if not limit.expired():
                limit.reschedule(None)  # the host has it: it may take its time
            accepted()
            if isinstance(event, Accepted):
                self._ledger.apply(job.id, e.AtHost("accepted"))
                return
            self._ledger.apply(job.id, e.AtHost("running"))
            said = event.progress
            self._ledger.hear(job.id, Progress(said.percent, said.step, said.message, self._clock().wall_ms))

        return hear

    async def _failed(self, job: Job, error: GuestwireError) -> None:
        job = self._ledger.get(job.id) or job
        meaning = outcomes.of_error(job, error, self._spread())
        if not isinstance(meaning, outcomes.Settle):
            await self._ledger.apply(job.id, meaning)
            return
        try:
            found, verified = await self._asked(job)
        except GuestwireError as err:
            await self._ledger.apply(job.id, outcomes.after_settling(job, error, err, self._spread()))
            return
        await self._take(job, found, verified=verified)

    async def _take(self, job: Job, found: JobGet, *, verified: bool) -> None:
        known = outcomes.known(job, found, self._speaker.issuer(job.host), self._spread(), verified=verified)
        await self._ledger.apply(job.id, known.event, result=known.result)

    async def _not_told(self, job: Job, error: GuestwireError) -> None:
        """A question about the job came to an error. That the host knows nothing of it proves that it has not accepted it, once it
        would accept no copy any more."""
        now_ms, expires_at = self._clock().wall_ms, job.expires_at or 0
        event: e.Event = e.Silent(error.code, error.message, self._spread())
        if error.code == "NOT-FOUND":
            text = "The host knows nothing of it."
            event = e.Silent("HOST-UNREACHABLE", text, self._spread(), expires_at if now_ms < expires_at else None)
            if now_ms >= expires_at + SKEW_MS or (now_ms >= expires_at and await self._over_there(job, expires_at)):
                event = e.NotAccepted("EXPIRED", "The host never accepted it, and it has expired.")
        await self._ledger.apply(job.id, event)

    async def _over_there(self, job: Job, expires_at: int) -> bool:
        """Whether by the host's own clock no copy is accepted any more, and it still knows nothing of the job."""
        try:
            pong = await self._calls.call(job.host, BY_NAME["host-ping"], Ping(), timeout_s=ASK_S)
            if not (pong.verified or self._speaker.vouched(job.host)) or pong.reply.now < expires_at:
                return False
            await self._asked(job)
        except GuestwireError as err:
            return err.code == "NOT-FOUND"
        return False

    # -- pieces

    async def _asked(self, job: Job) -> tuple[JobGet, bool]:
        """What the host has of the job, and whether its signature, or the way to it, vouches for that; what nobody vouches for
        is UNSIGNED-RESPONSE."""
        done = await self._calls.call(job.host, BY_NAME["job-get"], self._reference(job), timeout_s=ASK_S)
        found: JobGet = done.reply
        if not (done.verified or self._speaker.vouched(job.host)):
            raise GuestwireError("UNSIGNED-RESPONSE")
        return found, True

    def _reference(self, job: Job) -> JobRef:
        assert job.request_id is not None
        return JobRef(request_id=bytes.fromhex(job.request_id), issuer=self._speaker.issuer(job.host))

    async def _mandate(self, job: Job) -> bytes | None:
        return None if job.approval_id is None else await self._mandates.mandate(job.approval_id, job.host)

    async def _body(self, job: Job) -> Model:
        if job.body_hash not in self._bodies:
            async with self._reading:  # a wave wants the same one for all its hosts: it is read once
                if job.body_hash not in self._bodies:
                    await self._read_body(job.body_hash)
        return self._bodies[job.body_hash]

    async def _read_body(self, body_hash: str) -> None:
        async with self._database.read() as tx:
            body = await store.body(tx, body_hash)
        if body is None:
            raise GuestwireError("INTERNAL", "The body of the job is not in the database.")
        while len(self._bodies) >= BODIES:
            self._bodies.pop(next(iter(self._bodies)))
        self._bodies[body_hash] = exact(body)
