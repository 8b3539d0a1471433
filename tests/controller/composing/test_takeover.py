"""Another controller goes on from the database alone: it has a home of its own and the trust file that its administrator once gave
both. What the first one learned since is not unlearned."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from api_world import PASSWORD, SaidLog
from fake_host import FakeHost
from fleet_controller import by_mqtt
from waiting import until

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.controller.composing.base import Base
from guestwire.controller.composing.hosts import HostSide, host_side
from guestwire.controller.composing.web import People, people
from guestwire.controller.composing.work import RolloutSide, job_side, project_side, rollout_side
from guestwire.controller.config import ControllerSection, Settings
from guestwire.controller.feed import Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.views import RolloutDetail
from guestwire.controller.store import trust_documents
from guestwire.controller.store.database import Database, open_database
from guestwire.controller.users.person import Asked, Binding, Person
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import unseal
from guestwire.sdk.credentials import read_public_key
from guestwire.site import drafts, signers
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout
from guestwire.site.publishing import sign, site_open

PATIENCE_S = 20.0
H1, H2 = HostRef("plant", "h1"), HostRef("plant", "h2")
ASKED = Asked("127.0.0.1")
ROLLOUT = RolloutSpec.model_validate({
    "name": "louder", "operation": "log-level", "body": {"level": "debug"}, "targets": {"hosts": (str(H1), str(H2))},
    "waves": {"size": {"count": 1}},
})  # fmt: skip


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return create(tmp_path / "site", SitePlan("plant", hosts=("h1", "h2"), operators=("admin", "olga")), now_ms())


def revoked(layout: Layout, principal: str) -> Trust:
    """The trust document without somebody."""
    with site_open(layout):
        drafts.change(layout, lambda before: signers.without(before, principal, drafts.in_force(layout)), now_ms())
        signed = sign(layout, now_ms())
    assert signed is not None
    return signed


@dataclass
class Place:
    """Where a controller runs: all of it but the server of its API."""

    database: Database
    side: HostSide
    rollouts: RolloutSide
    who: People

    async def until(self, holds: Callable[[], Any], what: str) -> Any:
        """What it gives, once that is something."""
        return await until(holds, what, PATIENCE_S)

    async def trust(self) -> Trust:
        """What it believes by, as soon as it believes anything."""
        found: Trust = await self.until(lambda: self.side.links.trust("plant"), "trust")
        return found

    async def kept(self, document: bytes) -> bool:
        """Whether that document is in the database."""
        async with self.database.read() as tx:
            return document in await trust_documents.of_site(tx, "plant")

    async def token(self) -> str:
        """That of a new administrator."""
        await self.who.accounts.make(None, "ada", PASSWORD, must_change=False, roles=(Binding("admin", "*"),))
        person = (await self.who.signing_in.log_in("ada", PASSWORD, ASKED)).person
        return (await self.who.tokens.make(person, "all", None, None)).text

    async def person(self, token: str) -> Person:
        """Who comes with it."""
        found = await self.who.tokens.person(token, ASKED)
        assert found is not None
        return found

    async def counts(self, person: Person, rollout: str, **counts: int) -> RolloutDetail:
        """The rollout, once so many of its hosts are so."""

        async def look() -> RolloutDetail | None:
            shown = await self.rollouts.rollouts.show(person, rollout)
            return shown if shown.counts == counts else None

        found: RolloutDetail = await self.until(look, f"{counts}")
        return found


@asynccontextmanager
async def at(home: Path, dsn: str, layout: Layout, trust: bytes, port: int) -> AsyncIterator[Place]:
    """A controller with its own home and its own copy of the trust file."""
    home.mkdir()
    file = home / "plant.trust"
    file.write_bytes(trust)
    settings = Settings(
        controller=ControllerSection(state_dir=home / "state"),
        connections=(by_mqtt(layout, port, trust=str(file)),),
    )
    log, ended = SaidLog(), []
    vital = Vital(lambda name, err: ended.append(f"{name}: {err!r}"))
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(dsn))
        base = Base(settings, database, Feed(), log, now, vital, boot_id="")
        side = await host_side(stack, base)
        work = await job_side(stack, base, side)
        rollouts = await rollout_side(stack, base, side, work, await project_side(stack, base, side, work))
        side.core.registry.arrivals.append(work.driver)
        who = await people(stack, base, side)
        for part in (side.links, work.approvals, work.driver):
            await stack.enter_async_context(part)
        yield Place(database, side, rollouts, who)
        assert ended == []
    assert [line for line in log.lines if line[0] == "error"] == []
    assert file.read_bytes() == trust, "what somebody gave it stays as it is"
    assert not (home / "state").exists(), "nothing is left at home"


async def test_another_home_goes_on_with_what_the_first_one_knew(
    database_dsn: str, tmp_path: Path, layout: Layout, mosquitto_broker: Mosquitto
) -> None:
    old = layout.trust.read_bytes()
    olga = read_signing_key(layout.key("operator:olga")).id
    hosts = {name: FakeHost(layout, name) for name in ("h1", "h2")}
    port = mosquitto_broker.port
    async with AsyncExitStack() as stack:
        await hosts["h1"].serve(stack, port, None)
        async with at(tmp_path / "first", database_dsn, layout, old, port) as first:
            token = await first.token()
            ada = await first.person(token)
            assert (await first.trust()).key(olga, now_ms()) is not None
            registry, [link] = first.side.core.registry, first.side.links
            await first.until(lambda: len(list(registry)) == 2 and link.looking and link.up, "both are listed")
            await first.side.core.keeping.flush()
            for ref in (H1, H2):
                await first.side.hosts.decide(ada, ref, "approved")
            new = revoked(layout, "operator:olga")
            hosts["h1"].executor.trust = unseal(new.data, read_public_key(layout.root_public))
            assert link.looking is not None
            await link.looking.look()
            assert (await first.trust()).revision == new.revision
            await first.until(lambda: first.kept(new.data), "written at once, and not when it ends")
            rollout = (await first.rollouts.rollouts.create(ada, ROLLOUT, start=True)).id
            await first.counts(ada, rollout, succeeded=1, queued=1)
        await hosts["h2"].serve(stack, port, None)
        async with at(tmp_path / "second", database_dsn, layout, old, port) as second:
            trust = await second.trust()
            assert trust.revision == new.revision
            assert trust.key(olga, now_ms()) is None, "not even for half a minute"
            end = await second.counts(await second.person(token), rollout, succeeded=2)
            assert (end.state, end.outcome) == ("finished", "succeeded")
    assert [host.calls.count("log-level") for host in hosts.values()] == [1, 1]
