"""A whole controller over a database: everything in the order in which it may begin, and the URL at which it is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI

from guestwire.controller.api.idempotency import prune
from guestwire.controller.composing.base import Base
from guestwire.controller.composing.hosts import HostSide, host_side
from guestwire.controller.composing.web import People, people, web
from guestwire.controller.composing.work import JobSide, job_side, project_side, rollout_side
from guestwire.controller.serving import serving
from guestwire.controller.store import alarms, notices
from guestwire.model.errors import GuestwireError
from guestwire.protocol.authority_url import address

HOUSEKEEPING_S: Final = 600.0
KEEP_ALARMS_MS: Final = 400 * 86_400_000
KEEP_NOTICES_MS: Final = 90 * 86_400_000


@dataclass(frozen=True, slots=True)
class RunningController:
    """A controller that serves. `url`: where."""

    url: str
    application: FastAPI
    side: HostSide
    work: JobSide
    who: People


@asynccontextmanager
async def controller(base: Base) -> AsyncIterator[RunningController]:
    """Run one while the block lasts. Raises CONFIG-INVALID, KEY-FILE-INVALID, DATABASE-UNAVAILABLE."""
    serve = base.settings.serve
    async with AsyncExitStack() as stack:
        side = await host_side(stack, base)
        work = await job_side(stack, base, side)
        drafts = await project_side(stack, base, side, work)
        rollouts = await rollout_side(stack, base, side, work, drafts)
        side.core.registry.arrivals.append(work.driver)
        work.ledger.listen(work.driver)
        who = await people(stack, base, side)
        application = await web(stack, base, side, work, drafts, rollouts, who)
        await stack.enter_async_context(side.links)
        await side.connections.open_stored()
        await stack.enter_async_context(work.approvals)
        await stack.enter_async_context(work.driver)
        keeping = asyncio.create_task(_housekeeping(base, who), name="housekeeping")
        stack.push_async_callback(_ended, keeping)
        base.vital.watch(keeping)
        tls = None if serve.cert is None or serve.key is None else (str(serve.cert), str(serve.key))
        url = await stack.enter_async_context(
            serving(application, address(serve.listen, least_port=0), tls=tls, behind_proxy=serve.behind_proxy)
        )
        yield RunningController(url, application, side, work, who)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _housekeeping(base: Base, who: People) -> None:
    """Forgets what nobody needs any more."""
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        now_ms = base.clock_ms()
        try:
            await who.signing_in.forget_ended()
            await who.tokens.forget_expired()
            await prune(base.database, now_ms)
            async with base.database.write() as tx:
                await alarms.prune(tx, now_ms - KEEP_ALARMS_MS)
                await notices.prune(tx, now_ms - KEEP_NOTICES_MS)
        except GuestwireError as err:
            base.on_trouble(err)
