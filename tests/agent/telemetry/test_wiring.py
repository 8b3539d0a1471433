"""A whole host that measures, keeps and ships: over real brokers and its own socket, with a controller that comes and goes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from site_files import SiteFiles, site_files
from telemetry_reader import TelemetryReader, telemetry_reader

from guestwire.agent import compose
from guestwire.agent.host_agent import RunningHost, host_agent
from guestwire.agent.journal_writer import JournalWriter
from guestwire.broker_test.running import RunningBroker
from guestwire.link import brokers
from guestwire.link.local_client import LocalConnect
from guestwire.link.transport import OnMessage, Options, Transport
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.telemetry import SPOOL_CLASSES
from guestwire.protocol.trust import READS, Scope, Signer, Trust

CTRL = SigningKey(bytes([9]) * 32)
FLAGS = {
    "telemetry.tiers": "fast", "telemetry.fast_s": "0.1", "telemetry.idle_s": "0", "telemetry.live_s": "0",
    "broker.boot_delay_s": "0",
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    made = site_files(tmp_path, os.getuid())
    made.config.write_text(made.config.read_text().replace("boot_delay_s = 0", ""))
    signer = Signer(principal="controller:ctrl", public_key=CTRL.public.raw.hex(), scope=Scope(risk=1))
    reading = Signer(
        principal="observer:olga",
        public_key=SigningKey(bytes([8]) * 32).public.raw.hex(),
        scope=Scope(operations=(READS,), risk=0),
    )
    document = made.document.model_copy(update={"signers": (*made.document.signers, signer, reading)})
    made.seal(document)
    return SiteFiles(made.folder, made.root, made.operator, document, made.config)


@asynccontextmanager
async def serving(site: SiteFiles, **flags: str) -> AsyncIterator[RunningHost]:
    """A host in this process."""
    settings = site.settings(**{name.replace(".", "__"): text for name, text in (FLAGS | flags).items()})
    async with AsyncExitStack() as stack:
        settings.host.state_dir.mkdir(exist_ok=True)
        speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
        driver = await stack.enter_async_context(compose.driver(settings))
        writer = await stack.enter_async_context(JournalWriter())
        yield await stack.enter_async_context(host_agent(compose.host_parts(settings, driver, writer, speaking)))


async def by_mqtt(options: Options, on_message: OnMessage) -> Transport:
    return await brokers.connect(options, on_message, "auto", brokers.BrokerMemory())


@asynccontextmanager
async def controller(site: SiteFiles, broker: RunningBroker) -> AsyncIterator[TelemetryReader]:
    options = Options(broker.host, broker.port, "ctrl")
    async with telemetry_reader(
        by_mqtt, options, Trust(site.document), principal="controller:ctrl", key=CTRL
    ) as reader:  # fmt: skip
        yield reader


async def held(host: RunningHost, least: int) -> None:
    """Wait until the spool holds so many batches."""
    async with asyncio.timeout(20):
        while host.spool.stats("metric").held < least:
            await asyncio.sleep(0.01)


def whole(reader: TelemetryReader, least: int) -> bool:
    """Whether every batch has come, and so many of them."""
    numbers = reader.numbers("metric")
    return len(numbers) >= least and numbers == list(range(1, len(numbers) + 1))


async def nothing_held(host: RunningHost) -> None:
    async with asyncio.timeout(20):
        while host.spool.stats("metric").held > 2:
            await asyncio.sleep(0.01)


async def test_an_outage_of_the_controller_loses_nothing(site: SiteFiles, broker: RunningBroker) -> None:
    async with serving(site, **{"broker.urls": broker.url}) as host:
        await held(host, 5)
        async with controller(site, broker) as reader:
            await asyncio.sleep(0)
            assert reader.frames == {}, "nobody said that a controller is there"
            await reader.say()
            await reader.until(lambda one: len(one.numbers("metric")) >= 12)
            await nothing_held(host)
            await reader.say("stopped")
            await held(host, 6)
            used = host.spool.logs[-1].classes["metric"].used
            assert max(reader.numbers("metric")) <= used - 3, "it is gone: what is new stays here"
            reader.epoch += 1
            await reader.say()
            await reader.until(lambda one: whole(one, used + 3))
            await nothing_held(host)
            assert reader.gaps == []


async def test_a_host_that_was_killed_goes_on_with_its_numbers_and_sends_what_it_had(
    site: SiteFiles, broker: RunningBroker
) -> None:
    async with serving(site, **{"broker.urls": broker.url}) as host:
        await held(host, 4)
        log = host.spool.logs[-1].log
    async with serving(site, **{"broker.urls": broker.url}) as host, controller(site, broker) as reader:
        await reader.say()
        await reader.until(lambda one: whole(one, 8))
        await nothing_held(host)
        assert {key[0] for key in reader.frames} == {log}
        assert reader.gaps == []


async def test_notices_come_whether_a_controller_is_there_or_not(site: SiteFiles, broker: RunningBroker) -> None:
    async with serving(site, **{"broker.urls": broker.url, "telemetry.tiers": ""}) as host:
        await host.link.session.connected(10)  # type: ignore[union-attr]
        async with controller(site, broker) as watcher:
            watcher.acknowledges = False
            await start(site, "rtlinux")
            await watcher.until(lambda one: len(one.numbers("notice")) >= 2)
        before = host.spool.stats("notice").held
        assert before >= 2, "nobody acknowledged them"
        async with controller(site, broker) as reader:
            await reader.say()
            await reader.until(lambda one: len(one.numbers("notice")) >= before)
            async with asyncio.timeout(10):
                while host.spool.stats("notice").held:
                    await asyncio.sleep(0.01)
            assert set(watcher.frames.items()) <= set(reader.frames.items())


async def start(site: SiteFiles, guest: str) -> None:
    """A guest is started by the socket."""
    options = Options("socket", 0, "cli-1")
    async with telemetry_reader(
        LocalConnect(site.folder / "agent.sock"), options, Trust(site.document), principal=f"local:{os.getuid()}"
    ) as local:
        local.acknowledges = False
        await local.via.call("h1", BY_NAME["guest-start"], m.GuestStart(guest=guest, wait="ready"), timeout_s=20)


async def test_a_client_of_the_socket_gets_telemetry_and_may_acknowledge(site: SiteFiles) -> None:
    async with serving(site) as host:
        await held(host, 4)
        options = Options("socket", 0, "cli-7")
        async with telemetry_reader(
            LocalConnect(site.folder / "agent.sock"), options, Trust(site.document), principal=f"local:{os.getuid()}"
        ) as reader:
            await reader.until(lambda one: whole(one, 10))
            await nothing_held(host)
            assert reader.again == 0
        await held(host, 3)


async def test_who_may_only_read_acknowledges_nothing(site: SiteFiles, broker: RunningBroker) -> None:
    async with serving(site, **{"broker.urls": broker.url}) as host:
        await held(host, 2)
        options = Options(broker.host, broker.port, "olga")
        olga = SigningKey(bytes([8]) * 32)
        async with telemetry_reader(
            by_mqtt, options, Trust(site.document), principal="observer:olga", key=olga
        ) as reader:
            with pytest.raises(GuestwireError) as caught:
                await reader.acknowledge(host.spool.logs[-1].log, "metric", (1, 2))
            assert caught.value.code == "OUT-OF-SCOPE"
            await reader.say("heartbeat")
            assert not host.shipper.live(), "nor is it a controller"
        assert host.spool.stats("metric").acknowledged == 0


async def test_a_disk_that_is_older_than_what_a_controller_knows_begins_another_log(
    site: SiteFiles, broker: RunningBroker
) -> None:
    async with serving(site, **{"broker.urls": broker.url}) as host:
        assert host.link is not None
        await host.link.session.connected(10)
        await held(host, 2)
        first = host.spool.logs[0].log
        async with controller(site, broker) as reader:
            known = host.link.epoch + 5
            await reader.via.call("h1", BY_NAME["epoch-behind"], m.EpochBehind(known=known), timeout_s=10)
            async with asyncio.timeout(10):
                while len(host.spool.logs) < 2 or host.link.epoch <= known:
                    await asyncio.sleep(0.01)
            await host.link.session.connected(10)
            await reader.say()
            await reader.until(lambda one: len({key[0] for key in one.frames}) == 2)
            second = host.spool.logs[-1].log
            assert second != first
            assert {seq for log, _, seq in reader.frames if log == second} & {1}


async def test_the_agent_measures_its_own_spool(site: SiteFiles) -> None:
    async with serving(
        site, **{"telemetry.tiers": "normal", "telemetry.normal_s": "1", "telemetry.metrics": "guestwire_agent_*"}
    ) as host:
        options = Options("socket", 0, "cli-7")
        async with telemetry_reader(
            LocalConnect(site.folder / "agent.sock"), options, Trust(site.document), principal=f"local:{os.getuid()}"
        ) as reader:
            await reader.until(lambda one: bool(one.numbers("metric")))
            text = b"".join(reader.frames.values()).decode("latin-1")
        for name in SPOOL_CLASSES:
            for metric in ("bytes", "batches", "dropped_total", "acknowledged_total", "lag_seconds"):
                assert f'guestwire_agent_spool_{metric}{{class="{name}"}}' in text
        assert host.spool.stats("metric").held >= 0
