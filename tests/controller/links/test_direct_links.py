"""Links to real agents: straight over TLS, over the agent's own socket, and over a broker to one whose disk was lost."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fleet_controller import ADMIN, PATIENCE_S, Controller, by_mqtt, controller
from fleet_words import SITE

sys.path.insert(0, str(Path(__file__).parents[2] / "e2e"))
from fleet import Agent, agent_settings

from guestwire.broker_test.mosquitto import Mosquitto, free_port
from guestwire.controller.config import Connection
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Database
from guestwire.link import mqtt5
from guestwire.link.transport import Options
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

H1 = HostRef(SITE, "h1")


@pytest.fixture
def tls_layout(tmp_path: Path) -> Layout:
    plan = SitePlan(SITE, hosts=("h1", "h2"), operators=("admin",), tls=True)
    return create(tmp_path / "site", plan, time.time_ns() // 1_000_000)


@pytest.fixture
async def agent(tls_layout: Layout, tmp_path: Path) -> AsyncIterator[Agent]:
    """A host that listens at an address and at a socket, and has no broker."""
    site = tls_layout
    sections = {
        "listener": {
            "address": f"127.0.0.1:{free_port()}",
            "cert": str(site.certificate("h1")),
            "key": str(site.certificate_key("h1")),
            "ca": str(site.ca_certificate),
        }
    }
    settings = agent_settings(site, tmp_path / "h1", "h1", [], sections)
    del settings["broker"]
    one = Agent("h1", tmp_path / "h1", settings)
    one.address = settings["listener"]["address"]  # type: ignore[attr-defined]
    await one.start()
    yield one
    await one.stop()


def straight(site: Layout, agent: Agent, **more: str) -> Connection:
    values = {
        "name": "bench", "site": SITE, "via": "tcp", "host": "h1", "address": agent.address,  # type: ignore[attr-defined]
        "ca": str(site.ca_certificate), "certificate": str(site.certificate("main")),
        "certificate_key": str(site.certificate_key("main")), "trust": str(site.trust), "root": str(site.root_public),
        "key": str(site.key("controller:main")),
    }  # fmt: skip
    return Connection.model_validate(values | more)


async def works(made: Controller, issuer: str) -> None:
    """The host is there, is read, and does what it is asked; what it says by itself is heard. `issuer`: as whom it is asked."""
    await made.state(H1, "online")
    await made.approve(H1)
    await made.until(lambda: made.tallies.heard["reported"] > 0, "reported")
    name = (await made.hosts.show(ADMIN, H1)).guest_list[0].name
    started = await made.call(
        H1, "guest-start", m.GuestStart(guest=name, wait="ready"), timeout_s=20.0, accept_within_s=5.0
    )
    assert (started.verified, started.reply.status.state) == (True, "ready")
    assert (made.links.issuer(H1), made.links.reachable(H1)) == (issuer, True)
    await made.until(lambda: any(said.part == "guest" and said.direct for said in made.ears.heard), "notices")

    async def shown() -> str:
        await made.core.keeping.flush()
        return next(one.state for one in (await made.hosts.show(ADMIN, H1)).guest_list if one.name == name)

    async with asyncio.timeout(PATIENCE_S):
        while await shown() != "ready":
            await asyncio.sleep(0.01)
    assert made.tallies.refused == {}


async def test_straight_over_tls(one_database: Database, tls_layout: Layout, agent: Agent) -> None:
    async with controller(one_database, [straight(tls_layout, agent)]) as made:
        await works(made, "controller:main")
        with pytest.raises(GuestwireError) as raised:
            await made.call(HostRef(SITE, "h2"), "host-show", m.Empty())
        assert raised.value.code == "HOST-UNREACHABLE"
        await agent.stop()
        await made.until(lambda: not made.connection("bench").up)
        made.clock.ahead_s += 30
        made.core.registry.look(made.clock())
        assert made.core.registry.state(H1) == "unknown"
        await agent.start()
        await made.state(H1, "online")


async def test_by_the_socket(one_database: Database, tls_layout: Layout, agent: Agent) -> None:
    """Of an agent on this machine: the kernel vouches for both ends, and nothing else is needed."""
    local = Connection(name="local", site=SITE, via="socket", socket=str(agent.socket), host="h1")
    async with controller(one_database, [local]) as made:
        await works(made, f"local:{os.getuid()}")


async def test_a_host_that_does_not_answer_at_its_address(
    one_database: Database, tls_layout: Layout, agent: Agent
) -> None:
    wrong = straight(tls_layout, agent, name="wrong", host="h2")
    nobody = straight(tls_layout, agent, name="nobody", host="h3", address=f"127.0.0.1:{free_port()}")
    async with controller(one_database, [wrong, nobody]) as made:
        for name, code in (("wrong", "CERTIFICATE-NAME"), ("nobody", "LISTENER-UNREACHABLE")):
            one = made.connection(name)
            await made.until(lambda one=one: one.error is not None, name)  # type: ignore[misc]
            assert one.error is not None
            assert one.error.code == code
        assert made.core.registry.get(HostRef(SITE, "h2")) is None


async def test_a_host_whose_disk_was_lost_counts_on_above_what_is_known_of_it(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, tmp_path: Path
) -> None:
    settings = agent_settings(layout, tmp_path / "h1", "h1", [mosquitto_broker.url], {})
    one = Agent("h1", tmp_path / "h1", settings)
    async with controller(one_database, [by_mqtt(layout, mosquitto_broker.port)]) as made:
        await one.start()
        await made.until(lambda: made.tallies.heard["capabilities"] > 0)
        await made.quiet()  # what is asked of a host that goes is asked again for minutes
        await one.stop()
        await made.state(H1, "offline")
        await made.approve(H1)
        shutil.rmtree(one.state_dir)
        # nor does the broker remember: what it kept is the only other thing that the host goes by
        transport = await mqtt5.connect(
            Options("127.0.0.1", mosquitto_broker.port, "cleaner", clean_start=True), lambda message: message.ack()
        )
        await transport.publish(topics.make("presence", SITE, "h1"), b"", retain=True)
        await transport.close()
        await one.start()
        await made.state(H1, "online")
        known = made.core.registry.get(H1)
        assert known is not None
        assert known.standing.epoch == 2
        await one.stop()
