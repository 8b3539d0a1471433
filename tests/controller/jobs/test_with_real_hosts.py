"""Jobs over real links: agents with their journals, a real mosquitto, and a network that loses, doubles and cuts. Every job ends
as what happened, and no effect happens twice."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fleet_controller import Controller, by_mqtt, controller
from job_world import ADMIN, RESET, World, job_world
from packets import publish
from trusted_people import enrol, signature
from wire import Wire, wire

from guestwire.broker_test.proxy import Direction, FaultProxy, fault_proxy
from guestwire.controller.approvals.service import Approvals, Made
from guestwire.controller.config import Connection
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.outcomes import read_final
from guestwire.controller.store import approvals
from guestwire.controller.store import jobs as store
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.protocol import mandates
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import decode
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.trust import Trust
from guestwire.site.files import read_signing_key

H1 = HostRef("plant", "h1")
COUNT = 8
HOUR = 3_600_000
THERE = ("online", "suspect", "flapping")


class RealHosts:
    """The links and the fleet of a controller, as jobs want them."""

    def __init__(self, made: Controller) -> None:
        self._made = made
        self.call = made.links.call
        self.reachable = made.links.reachable
        self.issuer = made.links.issuer
        self.approved = made.core.registry.approved

    def there(self, ref: HostRef) -> bool:
        return self._made.core.registry.state(ref) in THERE

    def trust(self, site: str) -> Trust | None:
        return self._made.links.trust(site)


class Stage:
    """A site with a host, a controller with a proxy before it, and an operator's key."""

    def __init__(self, on: Wire, made: Controller, proxy: FaultProxy, database: Database) -> None:
        self.on = on
        self.made = made
        self.proxy = proxy
        self.database = database
        self.hosts = RealHosts(made)
        self.key: SigningKey = read_signing_key(on.layout.key("operator:admin"))

    @asynccontextmanager
    async def jobs(self) -> AsyncIterator[World]:
        """The jobs of the controller, while the block lasts; a second one is a restart."""
        async with job_world(self.database, self.hosts, trust=self.hosts) as world:
            arrivals = self.made.core.registry.arrivals
            arrivals.append(world.driver)
            try:
                yield world
            finally:
                arrivals.remove(world.driver)

    def mandate(self, uses: int = 100) -> bytes:
        """What lets the controller reset guests."""
        at = self.made.clock().wall_ms
        allowed = mandates.Mandate(
            id=secrets.token_bytes(16), site="plant", holder="controller:main", operations=("guest-reset",), hosts=("h1",),
            risk=2, not_before=at, not_after=at + HOUR, uses=uses,
        )  # fmt: skip
        return mandates.issue(allowed, [self.key])

    async def reset(self, world: World, count: int = COUNT) -> list[Job]:
        """Jobs that reset the guest."""
        wanted = NewJob(H1, "guest-reset", RESET_RTLINUX, HOUR)
        return await world.jobs.create(ADMIN, [wanted] * count, self.mandate())

    async def reset_all(self, world: World, count: int = COUNT) -> None:
        """Every job succeeds, and happened exactly once."""
        before = self.on.resets()
        jobs = await self.reset(world, count)
        ended = [await world.ended(job) for job in jobs]
        assert [(job.state, job.verified) for job in ended] == [("succeeded", True)] * count
        assert self.on.resets() == before + count


RESET_RTLINUX = to_bytes(m.GuestRef(guest="rtlinux"))
assert RESET_RTLINUX != RESET


@asynccontextmanager
async def stage(base: Path, database: Database, **options: Any) -> AsyncIterator[Stage]:
    async with (
        wire(base, **options) as on,
        fault_proxy(on.broker.port) as proxy,
        controller(database, [by_mqtt(on.layout, proxy.port)]) as made,
    ):
        await made.state(H1, "online")
        await made.approve(H1)
        yield Stage(on, made, proxy, database)


async def test_jobs_end_as_what_happened_with_the_hosts_signature(database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, database) as on, on.jobs() as world:
        await on.reset_all(world)
        [good] = await world.jobs.create(ADMIN, [NewJob(H1, "log-level", to_bytes(m.LogLevel(level="debug")), HOUR)])
        good = await world.ended(good)
        async with database.read() as tx:
            kept = await store.result(tx, good.id)
        assert kept is not None
        result, error = read_final(good, kept.final or ())
        assert (result, error) == (kept, None), "the host's own answer, as it came"
        bad = NewJob(H1, "guest-start", to_bytes(m.GuestStart(guest="nobody")), HOUR)
        [job] = await world.jobs.create(ADMIN, [bad])
        job = await world.ended(job)
        assert (job.state, job.code, job.verified) == ("rejected", "NOT-FOUND", True)
        async with database.read() as tx:
            kept = await store.result(tx, job.id)
        assert kept is not None
        assert kept.final is not None
        result, error = read_final(job, kept.final)
        assert result is not None
        assert error is not None
        trust = on.hosts.trust("plant")
        assert trust is not None
        [(key_id, made)] = decode(kept.final[0]).signatures
        key = trust.speaks_for_host(key_id, "h1", on.made.clock().wall_ms)
        assert key is not None
        assert key.verifying.verifies(Domain.ENVELOPE, decode(kept.final[0]).header_bytes, made)


async def test_what_disrupts_takes_a_signature_of_a_person(one_database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, one_database) as on, on.jobs() as world:
        await enrol(one_database, ADMIN, on.key)
        service = Approvals(one_database, world.access, world.approvals, on.hosts, world.log, world.clock)
        before = on.on.resets()
        [job] = await world.jobs.create(ADMIN, [NewJob(H1, "guest-reset", RESET_RTLINUX, HOUR)])
        assert (job.state, job.risk) == ("waiting-approval", 2)
        assert job.approval_id is not None
        shown = await service.show(ADMIN, job.approval_id)
        async with one_database.read() as tx:
            text = (await approvals.texts(tx, shown.id))[0].text
        made = Made(0, on.key.id, signature(on.key, text))
        assert (await service.sign(ADMIN, shown.id, [made])).state == "approved"
        assert (await world.ended(job)).state == "succeeded"
        assert on.on.resets() == before + 1
        # without one the host refuses, whatever the controller says
        with pytest.raises(GuestwireError) as caught:
            await on.made.call(H1, "guest-reset", m.GuestRef(guest="rtlinux"))
        assert caught.value.code == "OUT-OF-SCOPE"


def doubled(_direction: Direction, packet: bytes) -> Sequence[bytes]:
    return [packet, packet] if publish(packet) is not None else [packet]


async def test_doubled_packets_and_a_slow_network(one_database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, one_database) as on, on.jobs() as world:
        on.proxy.rewrite = doubled
        on.proxy.delay(0.1)
        await on.reset_all(world)


async def test_connections_that_are_cut_again_and_again(one_database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, one_database) as on, on.jobs() as world:
        cuts = seen = 0

        def cutting(_direction: Direction, packet: bytes) -> Sequence[bytes]:
            nonlocal cuts, seen
            seen += publish(packet) is not None
            if seen >= 6 and cuts < 3:
                seen, cuts = 0, cuts + 1
                asyncio.get_running_loop().call_soon(on.proxy.cut)
                return []
            return [packet]

        on.proxy.rewrite = cutting
        await on.reset_all(world)
        assert cuts == 3


async def test_a_restart_while_nothing_comes_back_finds_every_result(database: Database, tmp_path: Path) -> None:
    """The host has done all of it, the controller heard nothing of it and ended: the next one asks under the same ids."""
    async with stage(tmp_path, database) as on:
        before = on.on.resets()
        async with on.jobs() as world:
            on.proxy.drop("down")
            jobs = await on.reset(world, 4)
            async with asyncio.timeout(20):
                while on.on.resets() < before + 4:
                    await asyncio.sleep(0.01)
            sent = [await world.stored(job.id) for job in jobs]
            assert {job.state for job in sent} == {"sent"}
        on.proxy.heal()
        async with on.jobs() as world:
            ended = [await world.ended(job) for job in jobs]
        assert {job.state for job in ended} == {"succeeded"}
        assert [job.request_id for job in ended] == [job.request_id for job in sent]
        assert on.on.resets() == before + 4


async def test_what_went_over_the_broker_does_not_go_once_more_over_the_hosts_own_socket(
    one_database: Database, tmp_path: Path
) -> None:
    """There the controller is another principal, and the host would take it for another request."""
    async with stage(tmp_path, one_database) as on:
        links, before = on.made.links, on.on.resets()
        async with on.jobs() as world:
            on.proxy.drop("down")
            [job] = await on.reset(world, 1)
            await on.made.until(lambda: on.on.resets() == before + 1, "the effect")
        on.proxy.heal()
        by_broker = on.made.connection().connection
        await links.remove(by_broker.name)
        socket = str(on.on.folders["h1"].parent / "agent.sock")
        links.add(Connection(name="local", site="plant", via="socket", socket=socket, host="h1"))
        await on.made.until(lambda: on.made.connection("local").up, "the socket")
        async with on.jobs() as world:
            job = await world.until(job, lambda one: one.code == "HOST-UNREACHABLE")
            assert (job.state, job.issuer, on.hosts.issuer(H1)) == ("sent", "controller:main", f"local:{os.getuid()}")
            links.add(by_broker)
            await on.made.until(lambda: on.made.connection().up, "the broker")
            world.driver.host_came(H1)
            job = await world.ended(job)
        assert (job.state, job.verified, job.issuer) == ("succeeded", True, "controller:main")
        assert on.on.resets() == before + 1


async def test_with_its_key_a_controller_is_itself_over_a_socket_too_and_held_to_its_scope(
    one_database: Database, tmp_path: Path
) -> None:
    async with stage(tmp_path, one_database) as on, on.jobs() as world:
        by_broker = on.made.connection().connection
        named = {name: getattr(by_broker, name) for name in ("site", "trust", "root", "key")}
        socket = str(on.on.folders["h1"].parent / "agent.sock")
        on.made.links.add(Connection(name="local", via="socket", socket=socket, host="h1", **named))
        local = on.made.connection("local")
        await on.made.until(lambda: local.up, "the socket")
        await on.made.links.remove(by_broker.name)
        assert (on.hosts.issuer(H1), local.vouched, local.looking is None) == ("controller:main", True, False)
        await on.reset_all(world, 2)
        with pytest.raises(GuestwireError) as caught:
            await on.made.call(H1, "guest-reset", m.GuestRef(guest="rtlinux"))
        assert caught.value.code == "OUT-OF-SCOPE", "its user may do everything there"


async def test_a_host_that_is_away_catches_up(one_database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, one_database) as on, on.jobs() as world:
        await on.on.housed["h1"].end()
        registry = on.made.core.registry
        await on.made.until(lambda: registry.state(H1) != "online", "away")  # by its farewell, or by its will
        jobs = await on.reset(world, 3)
        if not on.hosts.there(H1):
            assert world.driver.standing()["away"] == 3
        await on.on.housed["h1"].begin()
        ended = [await world.ended(job) for job in jobs]
        assert {job.state for job in ended} == {"succeeded"}
        assert on.on.resets() == 3


async def test_a_result_that_comes_after_the_deadline_wins(one_database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, one_database) as on, on.jobs() as world:
        on.proxy.drop("down")
        wanted = NewJob(H1, "guest-reset", RESET_RTLINUX, 1_500)
        [job] = await world.jobs.create(ADMIN, [wanted], on.mandate())
        late = await world.until(job, lambda one: one.state == "overdue")
        assert (late.verified, on.on.resets()) == (False, 1), "it was done in time, and nobody said so"
        on.proxy.heal()
        on.proxy.cut()  # the broker gives again what it could not
        ended = await world.ended(job)
        assert (ended.state, ended.verified, ended.code) == ("succeeded", True, None)
        assert (ended.request_id, on.on.resets()) == (late.request_id, 1)


async def test_an_agent_that_is_restarted_in_the_middle_goes_on(database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, database) as on, on.jobs() as world:
        before = on.on.resets()
        jobs = await on.reset(world, 4)
        await world.until(jobs[0], lambda job: job.attempts > 0)
        await on.on.restart("h1")
        ended = [await world.ended(job) for job in jobs]
        # of an effect that was under way just then the host may not be able to tell: it says so, and does it no second time
        assert {job.state for job in ended} <= {"succeeded", "indeterminate"}
        assert all(job.verified for job in ended)
        succeeded = sum(job.state == "succeeded" for job in ended)
        assert succeeded <= on.on.resets() - before <= 4


async def test_what_the_mandate_does_not_allow_the_host_does_not_do(one_database: Database, tmp_path: Path) -> None:
    async with stage(tmp_path, one_database) as on, on.jobs() as world:
        before = on.on.resets()
        wanted = NewJob(H1, "guest-reset", RESET_RTLINUX, HOUR)
        jobs = await world.jobs.create(ADMIN, [wanted] * 3, on.mandate(uses=1))
        ended = [await world.ended(job) for job in jobs]
        assert sorted((job.state, job.code) for job in ended) == [
            ("rejected", "MANDATE-USED-UP"), ("rejected", "MANDATE-USED-UP"), ("succeeded", None),
        ]  # fmt: skip
        assert on.on.resets() == before + 1
