"""Jobs as rollouts order them: in their own transactions, many at once, and taken back again. It is their `RolloutJobs` port."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.orders import By, Ordered, Orders
from guestwire.controller.jobs.service import Jobs
from guestwire.controller.rollouts.course import TakenBack
from guestwire.controller.store import jobs as store
from guestwire.controller.store import users
from guestwire.controller.store.database import Tx
from guestwire.protocol.operations import BY_NAME

BY_WHOM = "a rollout"


class JobsForRollouts:
    """See `rollouts.ports.RolloutJobs`."""

    def __init__(self, jobs: Jobs, orders: Orders) -> None:
        self._jobs = jobs
        self._orders = orders
        self._uncommitted: dict[str, Ordered] = {}

    async def insert(self, tx: Tx, wanted: Sequence[NewJob]) -> Sequence[Job]:
        if not wanted:
            return ()
        names = await users.some(tx, sorted({one.person_id for one in wanted if one.person_id is not None}))
        whose = names.get(wanted[0].person_id or "")
        by = By(wanted[0].person_id, "" if whose is None else whose.name)
        of_table = [one if one.risk is not None else replace(one, risk=BY_NAME[one.operation].risk) for one in wanted]
        ordered = await self._orders.insert(tx, of_table, by)
        self._uncommitted = {
            ordered.jobs[0].id: ordered
        }  # of a transaction that was rolled back nothing is asked again
        return ordered.jobs

    def inserted(self, jobs: Sequence[Job]) -> None:
        ordered = self._uncommitted.pop(jobs[0].id, None) if jobs else None
        if ordered is not None:
            self._orders.inserted(ordered)

    def take_back(self, jobs: Sequence[TakenBack]) -> None:
        for one in jobs:
            self._jobs.take_back(one.job, BY_WHOM, even_sent=one.even_sent)

    async def now(self, tx: Tx, job_ids: Collection[str]) -> Mapping[str, Job]:
        return await store.some(tx, job_ids)
