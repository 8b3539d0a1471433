"""The fleet composed: what is written, what is known, what is heard, who is in which group. Wiring and nothing else."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from guestwire.controller.feed import Feed
from guestwire.controller.fleet.errands import SPREAD_S, ErrandRunner
from guestwire.controller.fleet.hearing import FleetHearing
from guestwire.controller.fleet.inventory import Inventory
from guestwire.controller.fleet.inventory_keeping import InventoryKeeping
from guestwire.controller.fleet.keeping import FleetKeeping
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.fleet.registry import Registry
from guestwire.controller.links.ports import HostCalls, Said
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now


@dataclass(frozen=True, slots=True)
class Hears:
    """A Hearer that is one function."""

    hear: Callable[[Said], bool]


@dataclass(frozen=True, slots=True)
class FleetCore:
    """The fleet without the ways to it. `hearers`: what it hears, by kind of topic; others may hear the same kinds as well."""

    registry: Registry
    keeping: FleetKeeping
    hearing: FleetHearing
    membership: Membership

    @property
    def hearers(self) -> Mapping[str, Hears]:
        return {
            "presence": Hears(self.registry.hear_presence),
            "capabilities": Hears(self.hearing.capabilities),
            "reported": Hears(self.hearing.reported),
            "notice": Hears(self.hearing.notice),
        }


@asynccontextmanager
async def fleet_core(
    database: Database, feed: Feed, clock: Callable[[], Now], on_trouble: Callable[[GuestwireError], None]
) -> AsyncIterator[FleetCore]:
    """The fleet as it is stored, while the block lasts. `on_trouble` hears why the database took nothing. Raises
    DATABASE-UNAVAILABLE, DATABASE-DAMAGED."""
    async with AsyncExitStack() as stack:
        keeping = await stack.enter_async_context(FleetKeeping(database, feed, on_trouble))
        membership = await stack.enter_async_context(Membership(database, clock, on_trouble))
        keeping.changed.append(membership.changed)
        registry = Registry(keeping, clock)
        stack.callback(registry.close)
        await registry.load(database)
        hearing = FleetHearing(registry, keeping, clock)
        await hearing.load(database)
        yield FleetCore(registry, keeping, hearing, membership)


@asynccontextmanager
async def attended(
    core: FleetCore,
    calls: HostCalls,
    database: Database,
    clock: Callable[[], Now],
    on_defect: Callable[[str, BaseException], None],
    spread_s: float = SPREAD_S,
) -> AsyncIterator[Inventory]:
    """Do what hosts give cause for while the block lasts: read what they have, put their epochs right. Enter it before the
    links: what gives cause outside the block is not done."""
    registry = core.registry
    keeping = InventoryKeeping(database, core.keeping, registry.approved)
    inventory = Inventory(calls, keeping, registry.approved, clock)
    async with ErrandRunner(inventory, calls, registry, on_defect, spread_s=spread_s) as errands:
        before, registry.errands = registry.errands, errands
        try:
            yield inventory
        finally:
            registry.errands = before
