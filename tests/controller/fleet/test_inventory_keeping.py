"""What is read of hosts is kept as it was read, whatever was there before; and what is the same is not told again. On both kinds of
database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from fleet_people import TOPOLOGY, FakeCalls, guest_view, host_facts
from fleet_words import SITE, FakeClock, Speaker, refs

from guestwire.controller.feed import Feed
from guestwire.controller.fleet.core import FleetCore, fleet_core
from guestwire.controller.fleet.inventory import Inventory, stored
from guestwire.controller.fleet.inventory_keeping import InventoryKeeping
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach
from guestwire.controller.store import host_inventory, hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_queries import refs as found_by
from guestwire.controller.store.host_tables import DocumentKind, GuestRow, StoredDocument
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.config_models import HostTopology

MANY = list(refs(*(f"h{n}" for n in range(30))))
H1 = MANY[0]


class Stage:
    """Thirty approved hosts that are read when a test says so. `told`: the hosts of which a change was committed."""

    def __init__(self, database: Database, core: FleetCore, clock: FakeClock) -> None:
        self.database = database
        self.core = core
        self.clock = clock
        self.calls = FakeCalls()
        registry = core.registry
        kept = InventoryKeeping(database, core.keeping, registry.approved, gather_s=0.0)
        self.inventory = Inventory(self.calls, kept, registry.approved, clock)
        self.told: list[HostRef] = []
        core.keeping.changed.append(self.told.extend)

    async def read(self, *read: HostRef) -> None:
        """All of them at the same time, a second later."""
        await self.core.keeping.flush()
        self.told.clear()
        self.calls.asked.clear()
        self.clock.go(1)
        await asyncio.gather(*(self.inventory.renew(ref) for ref in read or MANY))

    async def guests(self, ref: HostRef = H1) -> list[GuestRow]:
        async with self.database.read() as tx:
            return await hosts.guests_of(tx, ref)

    async def find(self, text: str) -> list[HostRef]:
        async with self.database.read() as tx:
            return await found_by(tx, self.core.membership.expanded(text), self.clock().wall_ms)


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    def trouble(error: GuestwireError) -> None:
        raise AssertionError(error)

    clock = FakeClock()
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(fleet_core(database, Feed(), clock, trouble))
        core.registry.link_up(Reach(SITE))
        core.registry.listed(SITE, frozenset(ref.host for ref in MANY))
        for ref in MANY:
            core.registry.approval_is(ref, "approved")
        yield Stage(database, core, clock)


async def test_what_is_the_same_is_not_told_again(stage: Stage) -> None:
    await stage.read()
    assert sorted(set(stage.told)) == sorted(MANY)
    assert await stage.find("guest=rt1 feature=kvm") == sorted(MANY)
    stage.calls.answers["host-show"] = lambda ref: m.HostShow(host=host_facts(ref, now=99, messages_last_seq=7))
    await stage.read()
    assert (stage.told, {name for _, name in stage.calls.asked}) == ([], {"host-show", "guest-list"})
    async with stage.database.read() as tx:
        document = await stored(tx, H1)
    assert document is not None
    assert (document.read_at, document.host.now) == (stage.clock().wall_ms, 99), "but it was read just now"
    assert document.topology == TOPOLOGY
    assert document == await stage.inventory.read(H1)


async def test_what_has_changed_is_kept_of_the_hosts_that_changed(stage: Stage) -> None:
    stage.calls.answers["guest-list"] = lambda _: m.GuestList(guests=(guest_view("rt1", 1), guest_view("old", 2)))
    await stage.read()
    changed = MANY[3]
    other = host_facts(changed, label="another", driver="direct")
    stage.calls.answers["host-show"] = lambda ref: m.HostShow(host=other if ref == changed else host_facts(ref))
    new = (guest_view("rt1", 1, state="stopped", as_of=5), guest_view("new", 3))
    old = (guest_view("rt1", 1), guest_view("old", 2))
    stage.calls.answers["guest-list"] = lambda ref: m.GuestList(guests=new if ref == changed else old)
    await stage.read()
    assert stage.told == [changed]
    assert [(row.name, row.state, row.as_of) for row in await stage.guests(changed)] == [
        ("rt1", "stopped", 5),
        ("new", "running", 1),
    ]
    assert [row.name for row in await stage.guests(H1)] == ["rt1", "old"]
    for text, expected in (
        ("another", [changed]), ("label=another", [changed]), ("feature=driver-direct", [changed]), ("guest=new", [changed]),
        ("0000:01:00.0", sorted(MANY)),
        ("guest=old", sorted(set(MANY) - {changed})), ("feature=driver-libvirt", sorted(set(MANY) - {changed})),
    ):  # fmt: skip
        assert await stage.find(text) == expected, text


async def test_what_a_notice_said_meanwhile_is_put_right(stage: Stage) -> None:
    await stage.read()
    [before] = await stage.guests()
    async with stage.database.write() as tx:
        await host_inventory.remove_guests(tx, [(H1, before.uuid)])
    await stage.read()
    assert (await stage.guests(), stage.told) == ([before], [H1])


async def test_another_machine_is_read_anew(stage: Stage) -> None:
    await stage.read()
    facts = host_facts(H1).facts.model_copy(update={"topology_fingerprint": "f2"})
    stage.calls.answers["host-show"] = lambda ref: m.HostShow(host=host_facts(ref, facts=facts))
    other = TOPOLOGY.model_copy(update={"fingerprint": "f2", "devices": ()})
    stage.calls.answers["host-topology"] = lambda _: HostTopology(topology=other)
    await stage.read(H1)
    assert stage.calls.of(H1) == ["host-show", "guest-list", "host-topology"]
    assert (await stage.inventory.read(H1)).topology == other
    assert await stage.find("0000:01:00.0") == sorted(MANY[1:])


async def test_who_asks_for_it_gets_the_machine_as_it_is_now(stage: Stage) -> None:
    """The fingerprint stays the same when a CPU goes offline."""
    await stage.read()
    now = TOPOLOGY.model_copy(update={"cpus": tuple(cpu.model_copy(update={"online": False}) for cpu in TOPOLOGY.cpus)})
    stage.calls.answers["host-topology"] = lambda _: HostTopology(topology=now)
    assert (await stage.inventory.read(H1)).topology == now != TOPOLOGY


@pytest.mark.parametrize("kind", ["inventory", "topology"])
@pytest.mark.parametrize("damaged", [b"\xc1", b"\x03", b"\x81\xabfingerprint\xa2f1"])
async def test_what_is_damaged_is_written_anew(stage: Stage, kind: DocumentKind, damaged: bytes) -> None:
    await stage.read()
    async with stage.database.write() as tx:
        place = (await host_inventory.places(tx, [H1]))[H1, kind]
        await hosts.put_documents(tx, [(H1, kind, StoredDocument(1, damaged, n=place[1]))])
    stage.calls.answers["host-show"] = lambda ref: m.HostShow(host=host_facts(ref, label="another"))
    await stage.read()
    assert await stage.find("another") == sorted(MANY)
    document = await stage.inventory.read(H1)
    assert (document.topology, document.host.label) == (TOPOLOGY, "another")
    async with stage.database.read() as tx:
        assert await stored(tx, H1) == document


async def test_a_host_that_is_let_in_no_more_tells_nothing(stage: Stage) -> None:
    await stage.read(H1)
    stage.calls.answers["guest-list"] = lambda ref: rejected(ref)

    def rejected(ref: HostRef) -> m.GuestList:
        stage.core.registry.approval_is(ref, "rejected")
        return m.GuestList(guests=(guest_view("secret"),))

    await stage.read(H1)
    document = await stage.inventory.read(H1)
    assert (document.guests, document.topology) == ((), None)
    assert [row.name for row in await stage.guests()] == ["rt1"]
    assert await stage.find("secret") == []
    async with stage.database.read() as tx:
        assert await stored(tx, H1) == document
    assert await stage.find("0000:01:00.0") == []


async def test_a_host_without_guests_that_is_let_in_is_found_by_its_devices(stage: Stage) -> None:
    stage.calls.answers["guest-list"] = lambda _: m.GuestList(guests=())
    stage.core.registry.approval_is(H1, "rejected")
    await stage.read(H1)
    assert (stage.calls.of(H1), await stage.find("0000:01:00.0")) == (["host-show"], [])
    stage.core.registry.approval_is(H1, "approved")
    await stage.read(H1)
    assert await stage.find("0000:01:00.0") == [H1]


async def test_what_hosts_name_themselves_is_kept_up(stage: Stage) -> None:
    for n, feature in ((1, "early"), (2, "late")):
        body = CapabilitiesBody(epoch=1, n=n, operations={}, hash=bytes(32), features=(feature,))
        stage.core.hearing.capabilities(Speaker(H1, stage.clock).said("capabilities", body, n))
        await stage.read()
        assert await stage.find(f"feature={feature}") == [H1]
    assert await stage.find("feature=early") == []
