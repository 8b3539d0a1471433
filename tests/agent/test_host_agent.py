"""A whole host in one process, by its socket and by a broker in memory."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from site_files import SiteFiles, site_files

from guestwire.agent import compose
from guestwire.agent.host_agent import RunningHost, host_agent
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.reload import Reload
from guestwire.link.invoke import Caller, caller
from guestwire.link.local_client import LocalConnect
from guestwire.link.memory import MemoryBroker
from guestwire.link.transport import Options, Subscription
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.notices import GuestNotice
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.statements import read
from guestwire.protocol.trust import Scope, Trust


@asynccontextmanager
async def serving(site: SiteFiles, broker: MemoryBroker | None = None, **flags: str) -> AsyncIterator[RunningHost]:
    settings = site.settings(**flags)
    async with AsyncExitStack() as stack:
        settings.host.state_dir.mkdir(exist_ok=True)
        speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
        driver = await stack.enter_async_context(compose.driver(settings))
        writer = await stack.enter_async_context(JournalWriter())
        parts = compose.host_parts(settings, driver, writer, speaking)
        if broker is not None:
            parts = replace(parts, broker=(lambda: Options("memory", 1, settings.host.id), broker))
        host = await stack.enter_async_context(host_agent(parts))
        if host.link is not None:
            await host.link.session.connected(5)
        yield host


@asynccontextmanager
async def by_socket(site: SiteFiles) -> AsyncIterator[Caller]:
    invoker = Invoker("plant", "cli-1", f"local:{os.getuid()}", path_vouches=True)
    options = Options("socket", 0, "cli-1")
    async with caller(invoker, lambda: options, LocalConnect(site.folder / "agent.sock")) as made:
        yield made


@asynccontextmanager
async def by_broker(site: SiteFiles, broker: MemoryBroker) -> AsyncIterator[Caller]:
    invoker = Invoker("plant", "cli-2", "operator:anna", site.operator, Trust(site.document))
    async with caller(invoker, lambda: Options("memory", 1, "cli-2"), broker) as made:
        yield made


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, os.getuid())


async def ask(via: Caller, operation: str, request: object = None, timeout_s: float = 10) -> object:
    done = await via.call("h1", BY_NAME[operation], request or m.Empty(), timeout_s=timeout_s)  # type: ignore[arg-type]
    return done.reply


async def test_a_guest_is_started_by_the_socket_and_by_the_broker_alike(site: SiteFiles) -> None:
    broker = MemoryBroker()
    async with serving(site, broker), by_socket(site) as local, by_broker(site, broker) as remote:
        for via, guest in ((local, "rtlinux"), (remote, "GUEST0002")):
            view = await ask(via, "guest-start", m.GuestStart(guest=guest, wait="ready"))
            assert view.status.state == "ready"  # type: ignore[attr-defined]
        listed = await ask(local, "guest-list")
        assert [g.status.state for g in listed.guests] == ["ready", "ready"]  # type: ignore[attr-defined]


async def test_every_read_answers(site: SiteFiles) -> None:
    async with serving(site), by_socket(site) as local:
        await ask(local, "guest-start", m.GuestStart(guest="rtlinux"))
        shown = await ask(local, "host-show")
        assert shown.host.driver == "simulated"  # type: ignore[attr-defined]
        assert (await ask(local, "host-ping", m.Ping(payload=b"x"))).payload == b"x"  # type: ignore[attr-defined]
        assert (await ask(local, "guest-show", m.GuestRef(guest="rtlinux"))).guest.id == "GUEST0001"  # type: ignore[attr-defined]
        assert (await ask(local, "guest-threads", m.GuestRef(guest="rtlinux"))).threads  # type: ignore[attr-defined]
        (job,) = (await ask(local, "job-list", m.JobQuery())).jobs  # type: ignore[attr-defined]
        assert (await ask(local, "job-get", m.JobRef(request_id=job.request_id))).final  # type: ignore[attr-defined]
        assert (await ask(local, "message-list", m.MessageQuery())).messages  # type: ignore[attr-defined]
        assert (await ask(local, "log-query", m.LogQuery())).lines  # type: ignore[attr-defined]
        level = await ask(local, "log-level", m.LogLevel(level="debug", ttl_s=60))
        assert level.level == "debug"  # type: ignore[attr-defined]


async def test_what_the_host_says_of_itself_is_signed_and_current(site: SiteFiles) -> None:
    broker, trusted = MemoryBroker(), Trust(site.document)
    async with serving(site, broker) as host, by_broker(site, broker) as remote:
        notices = Subscription(topics.topic_filter("notice", site="plant"))
        async with remote.watch(notices) as heard, asyncio.timeout(10):
            await ask(remote, "guest-start", m.GuestStart(guest="rtlinux"))
            states = []
            while "running" not in states:
                message = await heard.next()
                assert message is not None
                statement = read(message.payload, trusted, "plant", "host:h1", "notice", None)
                assert statement.verified
                states.append(statement.read(GuestNotice).state)
            assert states == ["starting", "running"]
        capabilities = read(
            broker.retained[topics.make("capabilities", "plant", "h1")],
            trusted,
            "plant",
            "host:h1",
            "capabilities",
            None,
        ).read(CapabilitiesBody)
        assert set(capabilities.operations) == set(BY_NAME)
        assert host.link is not None
        assert capabilities.epoch == host.link.epoch
        reported = topics.make("reported", "plant", "h1")
        async with asyncio.timeout(10):
            while True:
                frame = broker.retained.get(reported)
                if frame is not None:
                    body = read(frame, trusted, "plant", "host:h1", "reported", None).read(ReportedBody)
                    if body.guests_running == 1 and body.jobs and body.jobs[0].state == "succeeded":
                        break
                await asyncio.sleep(0)


async def test_a_result_that_could_not_be_sent_waits_for_the_connection(site: SiteFiles) -> None:
    broker = MemoryBroker()
    async with serving(site, broker) as host, by_broker(site, broker) as remote:
        assert host.link is not None
        asked = asyncio.create_task(ask(remote, "guest-start", m.GuestStart(guest="rtlinux", wait="ready")))
        async with asyncio.timeout(10):
            while not host.commands.live():
                await asyncio.sleep(0)
            broker.cut("h1")
            while host.commands.live():
                await asyncio.sleep(0)
        host.link.session.reconnect()
        assert (await asked).status.state == "ready"  # type: ignore[attr-defined]


async def test_a_local_user_without_a_scope_may_do_nothing(tmp_path: Path) -> None:
    site = site_files(tmp_path, os.getuid() + 1)
    async with serving(site), by_socket(site) as local:
        with pytest.raises(GuestwireError) as caught:
            await ask(local, "host-ping", m.Ping())
        assert caught.value.code == "OUT-OF-SCOPE"


async def test_a_trust_document_that_went_back_is_refused_at_start(site: SiteFiles) -> None:
    site.seal(site.document.model_copy(update={"rev": 5}))
    async with serving(site):
        pass
    site.seal(site.document)
    with pytest.raises(GuestwireError) as caught:
        async with serving(site):
            pass
    assert (caught.value.code, caught.value.detail["at_least"]) == ("TRUST-INVALID", [5, 0])


async def test_a_second_agent_on_the_same_state_is_refused(site: SiteFiles) -> None:
    async with serving(site):
        with pytest.raises(GuestwireError, match="STATE-DIR-IN-USE"):
            async with serving(site, host__socket=""):
                pass


async def test_a_reload_takes_up_trust_and_level_and_nothing_unsound(site: SiteFiles) -> None:
    async with serving(site) as host:
        settings = site.settings()
        speaking = compose.voice(settings.log, site.folder / "other-log", for_people=False)
        again = Reload(site.config, settings, host.trust, speaking)
        stricter = tuple(
            s.model_copy(update={"scope": Scope(risk=0)}) if s.principal == "operator:anna" else s
            for s in site.document.signers
        )
        site.seal(site.document.model_copy(update={"rev": 2, "signers": stricter}))
        site.config.write_text(site.config.read_text() + '[log]\nlevel = "debug"\n')
        await again.reload()
        assert (host.executor.trust.rev, speaking.control.level) == (2, "debug")
        site.seal(site.document)
        await again.reload()
        assert host.executor.trust.rev == 2
        (site.folder / "trust").write_bytes(b"damaged")
        await again.reload()
        assert host.executor.trust.rev == 2
        assert speaking.messages.query(m.MessageQuery(level="error")).messages[-1].fields["code"] == "TRUST-INVALID"
        site.seal(site.document)
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):  # nor after a restart
        async with serving(site):
            pass


async def test_a_host_whose_clock_is_not_to_be_trusted_wants_proof_that_a_command_is_new(site: SiteFiles) -> None:
    broker = MemoryBroker()
    async with serving(site, broker) as host, by_broker(site, broker) as remote:
        host.executor.clock_synchronised = False
        view = await ask(remote, "guest-start", m.GuestStart(guest="rtlinux"))
        assert view.status.state in ("running", "ready")  # type: ignore[attr-defined]
        assert not host.executor.refused, "the proof was asked for and given"
