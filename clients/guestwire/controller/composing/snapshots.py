"""Everything of a kind, for who begins to watch: the same keys and documents as the feed has later."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from guestwire.controller.alarms.alarms import change
from guestwire.controller.composing.hosts import HostSide
from guestwire.controller.composing.work import JobSide, ProjectSide, RolloutSide
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.alarms import OPEN, AlarmFilter
from guestwire.controller.store.host_queries import Sort
from guestwire.controller.users.person import Person

MOST = 20_000
PAGE = 500

Snapshot = Callable[[Person], Awaitable[Sequence[Change]]]


def snapshots(side: HostSide, work: JobSide, drafts: ProjectSide, rollouts: RolloutSide) -> Mapping[str, Snapshot]:
    """What there is at first, by kind; a kind that is not here is watched from now on."""

    async def hosts(person: Person) -> Sequence[Change]:
        found: list[Change] = []
        after: tuple[str | int, ...] | None = None
        while len(found) < MOST:
            page, keys = await side.hosts.find(person, "", Sort("host"), after, PAGE)
            found += [
                Change("host", f"{one.site}/{one.host}", one.model_dump(mode="json"), (HostRef(one.site, one.host),))
                for one in page
            ]
            if len(page) < PAGE:
                break
            after = keys[-1]
        return found

    async def open_alarms(person: Person) -> Sequence[Change]:
        return [change(one) for one in await side.alarms.page(person, AlarmFilter(OPEN), None, MOST)]

    async def all_rollouts(person: Person) -> Sequence[Change]:
        found = await rollouts.rollouts.page(person, (), None, PAGE)
        return [Change("rollout", one.id, one.model_dump(mode="json")) for one in found]

    async def groups(person: Person) -> Sequence[Change]:
        found = await side.groups.page(person, "", PAGE)
        return [Change("group", one.name, one.model_dump(mode="json")) for one in found]

    return {
        "host": hosts,
        "alarm": open_alarms,
        "rollout": all_rollouts,
        "group": groups,
        "job": work.jobs.snapshot,
        "approval": work.approvals.snapshot,
        "window": work.windows.snapshot,
    }
