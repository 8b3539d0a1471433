"""A whole controller over a database: everything in the order in which it may begin, and the URL at which it is served."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI

from guestwire.controller.api.idempotency import prune
from guestwire.controller.composing.auditing import audit_keeping
from guestwire.controller.composing.base import Base
from guestwire.controller.composing.hosts import HostSide, host_side
from guestwire.controller.composing.web import People, people, web
from guestwire.controller.composing.work import JobSide, job_side, project_side, rollout_side
from guestwire.controller.serving import serving
from guestwire.controller.store import alarms, notices
from guestwire.controller.store.recovering import Recovering
from guestwire.controller.users.tidying import Forget, Tidying
from guestwire.protocol.authority_url import address

KEEP_ALARMS_MS: Final = 400 * 86_400_000
KEEP_NOTICES_MS: Final = 90 * 86_400_000
KEEP_JOBS_MS: Final = 400 * 86_400_000


@dataclass(frozen=True, slots=True)
class Composed:
    """A whole controller that is not connected to anything yet, and serves nobody."""

    application: FastAPI
    side: HostSide
    work: JobSide
    who: People


@dataclass(frozen=True, slots=True)
class RunningController:
    """A controller that serves. `url`: where."""

    url: str
    application: FastAPI
    side: HostSide
    work: JobSide
    who: People


async def composed(stack: AsyncExitStack, base: Base) -> Composed:
    """Everything but the ways to hosts, what is driven over them, and the server. The tables are there."""
    side = await host_side(stack, base)
    work = await job_side(stack, base, side)
    drafts = await project_side(stack, base, side, work)
    rollouts = await rollout_side(stack, base, side, work, drafts)
    side.core.registry.arrivals.append(work.driver)
    who = await people(stack, base, side)
    return Composed(await web(stack, base, side, work, drafts, rollouts, who), side, work, who)


@asynccontextmanager
async def controller(base: Base) -> AsyncIterator[RunningController]:
    """Run one while the block lasts. Raises CONFIG-INVALID, KEY-FILE-INVALID, DATABASE-UNAVAILABLE."""
    serve = base.settings.serve
    async with AsyncExitStack() as stack:
        made = await composed(stack, base)
        await stack.enter_async_context(made.side.links)
        await made.side.connections.open_stored()
        await stack.enter_async_context(made.work.approvals)
        await stack.enter_async_context(made.work.driver)
        auditing = await audit_keeping(stack, base, made.side)
        tidying = await stack.enter_async_context(Tidying((*_forgetting(base, made), auditing.prune), base.log))
        recovering = await stack.enter_async_context(Recovering(base.database))
        base.vital.watch(
            tidying.task, recovering.task, made.work.ledger.task, made.work.driver.task, made.work.approvals.task
        )
        tls = None if serve.cert is None or serve.key is None else (str(serve.cert), str(serve.key))
        url = await stack.enter_async_context(
            serving(made.application, address(serve.listen, least_port=0), tls=tls, behind_proxy=serve.behind_proxy)
        )
        yield RunningController(url, made.application, made.side, made.work, made.who)


def _forgetting(base: Base, made: Composed) -> tuple[Forget, ...]:
    """What is over and need not be kept."""
    database, clock_ms = base.database, base.clock_ms

    async def alarms_and_notices() -> int:
        async with database.write() as tx:
            gone = await alarms.prune(tx, clock_ms() - KEEP_ALARMS_MS)
            return gone + await notices.prune(tx, clock_ms() - KEEP_NOTICES_MS)

    return (
        made.who.signing_in.forget_ended,
        made.who.tokens.forget_expired,
        lambda: prune(database, clock_ms()),
        lambda: made.work.jobs.prune(KEEP_JOBS_MS),
        alarms_and_notices,
    )
