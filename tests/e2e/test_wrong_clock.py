"""A host whose clock is wrong: it boots in 1970, or a little before what it has seen, and works over TLS all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from elsewhen import ElsewhenAgent, library
from fleet import PATIENCE_S, SITE, agent_settings, unix_ms

from guestwire.agent import floor_note
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.protocol import operation_models as m
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import MosquittoFactory

pytestmark = pytest.mark.mosquitto

HOUR_MS = 3_600_000
BOOT = datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A site that was made an hour ago."""
    library()
    return create(tmp_path / "site", SitePlan(SITE, hosts=("h1",), tls=True), unix_ms() - HOUR_MS)


@pytest.fixture
async def broker(mosquitto_factory: MosquittoFactory, layout: Layout) -> Mosquitto:
    tls = Tls(
        layout.certificate("broker"), layout.certificate_key("broker"), layout.ca_certificate,
        require_client_certificate=True,
    )  # fmt: skip
    return await mosquitto_factory(BrokerOptions(listeners=(Listener(tls=tls),), verbose=True))


@pytest.fixture
async def agent(layout: Layout, broker: Mosquitto, tmp_path: Path) -> AsyncIterator[ElsewhenAgent]:
    own = {
        "broker": {
            "ca": str(layout.ca_certificate),
            "cert": str(layout.certificate("h1")),
            "key": str(layout.certificate_key("h1")),
        }
    }
    url = f"mqtts://127.0.0.1:{broker.port}"
    made = ElsewhenAgent("h1", tmp_path / "h1", agent_settings(layout, tmp_path / "h1", "h1", [url], own))
    try:
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def client(layout: Layout, broker: Mosquitto) -> AsyncIterator[Client]:
    context = Context(
        site=SITE, brokers=(f"mqtts://127.0.0.1:{broker.port}",), ca=str(layout.ca_certificate),
        certificate=str(layout.certificate("admin")), certificate_key=str(layout.certificate_key("admin")),
        trust=str(layout.trust), root=str(layout.root_public), key=str(layout.key("operator:admin")),
    )  # fmt: skip
    async with open_client(context) as opened:
        yield opened


async def works(opened: Client, guest: str) -> None:
    """It says that its clock is wrong, and does what an operator asks who answers its challenge."""
    host = opened.host("h1")
    shown = (await host.host_show()).reply.host
    assert shown.clock == "unsynchronised"
    assert shown.refused.get("CLOCK-UNSYNCHRONISED", 0) == 0, "asking for proof refuses nothing"
    done = await host.guest_start(m.GuestStart(guest=guest, wait="running"))
    assert done.verified


async def test_a_host_that_boots_in_1970_connects_by_tls_and_works(
    layout: Layout, broker: Mosquitto, agent: ElsewhenAgent
) -> None:
    agent.began = BOOT
    await agent.connect()
    async with client(layout, broker) as opened:
        await works(opened, "rtlinux")
        assert (await opened.host("h1").host_show()).reply.host.now < 86_400_000
        await agent.kill()  # and again, with what the journal has from 1970
        await agent.connect()
        await works(opened, "linux1")
    assert await agent.stop() == 0


async def test_a_clock_before_what_the_host_has_seen_is_not_trusted_after_a_restart(
    layout: Layout, broker: Mosquitto, agent: ElsewhenAgent
) -> None:
    await agent.connect()
    async with client(layout, broker) as opened:
        assert (await opened.host("h1").host_show()).reply.host.clock == "synchronised"
        assert await agent.stop() == 0
        agent.began = datetime.fromtimestamp((unix_ms() - HOUR_MS // 2) / 1000, UTC)  # after all that its files say
        await agent.connect()
        await works(opened, "rtlinux")


async def test_a_broker_whose_certificate_had_run_out_before_is_refused(
    layout: Layout, broker: Mosquitto, agent: ElsewhenAgent
) -> None:
    agent.state_dir.mkdir(parents=True)
    file = agent.state_dir / "journal.db"
    async with JournalWriter() as writer, await Journal.open(file, writer, now_ms=unix_ms()) as journal:
        await journal.set_note(floor_note.NOTE, (unix_ms() + 100 * 365 * 24 * HOUR_MS).to_bytes(8, "big"))
    agent.began = BOOT
    await agent.start()
    await agent.log.wait_for("broker not connected", PATIENCE_S)
    assert not any("New client connected" in line for line in broker.log)
