"""One drive of a job: send it, ask for it or have it cancelled, and tell the ledger what came of that. The I/O around `machine`
and `outcomes`; whose turn it is, is `driver`'s matter.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final, NamedTuple

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
from guestwire.protocol.mandates import SignedMandate
from guestwire.protocol.operation_models import JOB_FINISHED, JobGet, JobRef, Ping
from guestwire.protocol.operations import BY_NAME, Operation
from guestwire.protocol.pending import Accepted, Done, Progressed
from guestwire.protocol.steps import Now

ASK_S: Final = 15.0
"""How long a host may take to say what it has of a job."""
GRACE_S: Final = 5.0
"""After the time in which a copy may be accepted: to learn whether it was, and only the word of it was lost."""
MORE_S: Final = 60.0
"""On top of an operation's own time: for what it waits for at the host before it begins."""
BODIES: Final = 64
"""Bodies that are kept in memory: a wave sends the same one to all its hosts."""


class _Order(NamedTuple):
    """What a host is asked for, and as whom."""

    operation: Operation
    issuer: str


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
        request, mandate = await self._body(job), await self._mandate(job)
        order = self._order(job, mandate)
        if not isinstance(order, _Order):
            await self._ledger.apply(job.id, order)
            return None
        operation, issuer = order
        now_ms = self._clock().wall_ms
        request_id = ids.request_id(now_ms) if job.request_id is None else bytes.fromhex(job.request_id)
        sending = e.Sending(request_id.hex(), now_ms + accept_ms, issuer)
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
                    request_id=request_id, accept_within_s=left_ms / 1000,
                    mandate=None if mandate is None else mandate.data, on_event=self._hearing(job, limit, accepted),
                    issuer=issuer,
                )  # fmt: skip
        except TimeoutError:
            unheard = GuestwireError("HOST-UNREACHABLE", "The host did not say that it has it.")
            await self._failed(job, unheard)
        except GuestwireError as err:
            await self._failed(job, err)
        else:
            accepted()
            known = outcomes.done(job, done.reply, done.final, verified=done.verified)
            ended = await self._ledger.apply(job.id, known.event, result=known.result)
            return None if done.final else ended
        return None

    async def ask(self, job: Job) -> None:
        """Ask the host what it has of the job."""
        try:
            found = await self._asked(job)
        except GuestwireError as err:
            await self._not_told(job, err)
            return
        await self._take(job, found)

    async def cancel(self, job: Job) -> None:
        """Have the host cancel the job."""
        try:
            done = await self._call(job, "job-cancel", _reference(job))
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
            found = await self._asked(job)
        except GuestwireError:
            return
        result, _ = outcomes.read_final(job, found.final or ())
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
            found = await self._asked(job)
        except GuestwireError as err:
            await self._ledger.apply(job.id, outcomes.after_settling(job, error, err, self._spread()))
            return
        await self._take(job, found)

    async def _take(self, job: Job, found: JobGet) -> None:
        known = outcomes.known(job, found, self._spread())
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
            pong = await self._call(job, "host-ping", Ping())
            if not pong.verified or pong.reply.now < expires_at:
                return False
            await self._asked(job)
        except GuestwireError as err:
            return err.code == "NOT-FOUND"
        return False

    # -- pieces

    async def _asked(self, job: Job) -> JobGet:
        """What the host has of the job. Its signature, or the way to it, vouches for that; what nobody vouches for is
        UNSIGNED-RESPONSE."""
        done = await self._call(job, "job-get", _reference(job))
        found: JobGet = done.reply
        if not done.verified:
            raise GuestwireError("UNSIGNED-RESPONSE")
        return found

    async def _call(self, job: Job, operation: str, request: Model) -> Done:
        """Ask about a job that was sent, as whoever sent it."""
        return await self._calls.call(job.host, BY_NAME[operation], request, timeout_s=ASK_S, issuer=job.issuer)

    def _order(self, job: Job, mandate: SignedMandate | None) -> "_Order | e.Event":
        """The operation, and as whom the host is asked for it: as before, or as the mandate names whoever may use it. Or why nothing
        is sent."""
        operation = BY_NAME.get(job.operation)
        if operation is None:
            return e.Refused("UNIMPLEMENTED", f"There is no operation {job.operation}.")
        if job.approval_id is not None and mandate is None:
            return e.Refused("MANDATE-INVALID", "The mandate that it goes by does not count any more.")
        if job.issuer is not None:
            return _Order(operation, job.issuer)
        issuer = self._speaker.issuer(job.host) if mandate is None else mandate.mandate.holder
        if issuer is None:
            return e.Silent("HOST-UNREACHABLE", "No connection of the controller leads to the host.", self._spread())
        if mandate is None and self._mandates.needed(job.host, job.operation, job.risk, issuer):
            text = "No connection led to the host when it was ordered. By the one there is now it takes a mandate: try it again."
            return e.Refused("OUT-OF-SCOPE", text)
        return _Order(operation, issuer)

    async def _mandate(self, job: Job) -> SignedMandate | None:
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


def _reference(job: Job) -> JobRef:
    assert job.request_id is not None
    return JobRef(request_id=bytes.fromhex(job.request_id), issuer=job.issuer)
