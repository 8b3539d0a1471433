"""The daemon as a process: check, run, stop; a fleet of many hosts."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from site_files import SiteFiles, site_files
from tls_files import certificate

from guestwire.agent import compose, floor_note
from guestwire.agent.config import Settings
from guestwire.agent.fleet import serve_fleet
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.main import main, serve
from guestwire.agent.messages import parse_line
from guestwire.agent.services.ports import Changed, Drivers, GuestEvent
from guestwire.broker_test.embedded import embedded
from guestwire.link.invoke import caller
from guestwire.link.local_client import LocalConnect, connect_local
from guestwire.link.transport import Options, Subscription
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, os.getuid(), ("h", "h-1", "h-2", "h-3"))


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guestwire.agent.main", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            os.kill(child.pid, signal.SIGKILL)
        await child.communicate()


async def line_with(stream: asyncio.StreamReader | None, text: bytes) -> bytes:
    assert stream is not None
    async with asyncio.timeout(20):
        async for line in stream:
            if text in line:
                return line
    raise AssertionError(f"the process ended without saying {text!r}")


def test_check_says_that_all_is_sound(site: SiteFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(site.config)]) == 0
    assert "host h of site plant" in capsys.readouterr().out


def tls_settings(site: SiteFiles, ends: datetime) -> tuple[str, ...]:
    """Arguments for a broker by TLS, whose authority is that old and whose client certificate ends then."""
    root = certificate("root", ca=True, ends=datetime(2190, 1, 1, tzinfo=UTC))
    (site.folder / "ca.pem").write_bytes(root.pem)
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    certificate("h", root, begins=begins, ends=ends).write(site.folder / "h.crt", site.folder / "h.tls")
    flags = {"urls": "mqtts://b", "ca": "ca.pem", "cert": "h.crt", "key": "h.tls"}
    words = {key: value if key == "urls" else f"{site.folder}/{value}" for key, value in flags.items()}
    return tuple(word for key, value in words.items() for word in (f"--broker-{key}", value))


def test_check_says_how_long_the_host_can_go_on(site: SiteFiles, capsys: pytest.CaptureFixture[str]) -> None:
    ends = datetime.now(UTC) + timedelta(days=100, minutes=5)
    assert main(["check", "--config", str(site.config), *tls_settings(site, ends)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "trust document: revision 1, issued 1970-01-01 00:00 UTC"
    assert said[2].startswith("clock: synchronised, ")
    assert said[2].endswith("it is 2020-01-01 00:00 UTC at least, by what the files say"), "the certificate's beginning"
    assert said[3] == f"certificate: {site.folder}/h.crt until {ends:%Y-%m-%d %H:%M} UTC, 100 days left"
    assert said[4].startswith(f"authority: {site.folder}/ca.pem until 2190-01-01 00:00 UTC, ")
    assert said[5:] == [f"closed to others: {site.folder}/{name}" for name in ("h.key", "h.tls")]


@pytest.mark.parametrize(
    ("days", "code", "says"), [(3, 0, "3 days left: renew it"), (-3, 1, "it has run out: renew it")]
)
def test_check_says_that_a_certificate_runs_out(
    site: SiteFiles, capsys: pytest.CaptureFixture[str], days: int, code: int, says: str
) -> None:
    ends = datetime.now(UTC) + timedelta(days=days, minutes=5)
    assert main(["check", "--config", str(site.config), *tls_settings(site, ends)]) == code
    assert says in capsys.readouterr().out


def test_check_looks_at_the_certificate_of_the_listener_too(
    site: SiteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        word.replace("--broker-", "--listener-") for word in tls_settings(site, datetime(2021, 1, 1, tzinfo=UTC))[2:]
    ]
    assert main(["check", "--config", str(site.config), "--listener-address", "127.0.0.1:1", *words]) == 1
    said = capsys.readouterr().out
    assert f"listener's certificate: {site.folder}/h.crt until 2021-01-01 00:00 UTC, it has run out" in said
    assert f"closed to others: {site.folder}/h.tls" in said


async def test_check_knows_what_the_host_has_seen_and_leaves_a_running_agent_alone(
    site: SiteFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    site.settings().host.state_dir.mkdir()
    path = site.settings().host.state_dir / "journal.db"
    async with JournalWriter() as writer, await Journal.open(path, writer, now_ms=1) as journal:
        await journal.set_note(floor_note.NOTE, (1 << 42).to_bytes(8, "big"))  # in 2109
        assert main(["check", "--config", str(site.config)]) == 0
        assert "by what the files say" in capsys.readouterr().out
        await journal.set_note("other", b"")
    before = path.read_bytes()
    assert main(["check", "--config", str(site.config)]) == 0
    assert "clock: unsynchronised" in (said := capsys.readouterr().out)
    assert "it is 2109-05-15 07:35 UTC at least\n" in said
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["journal.db"]


@pytest.mark.parametrize(
    ("damage", "code", "says"),
    [
        (lambda text: text + "\n[host2]\n", 2, "CONFIG-INVALID: host2: no such setting"),
        (lambda text: text.replace('"simulated"', '"xen"'), 2, "CONFIG-INVALID: host.driver"),
        (lambda text: text.replace("h.key", "missing.key"), 1, "KEY-FILE-INVALID"),
        (lambda text: text.replace("h.key", "root.pub"), 1, "chmod 600"),
        (lambda text: text.replace('site = "plant"', 'site = "mill"'), 1, "TRUST-INVALID"),
    ],
)
def test_check_says_what_is_not(
    site: SiteFiles, capsys: pytest.CaptureFixture[str], damage: object, code: int, says: str
) -> None:
    site.config.write_text(damage(site.config.read_text()))  # type: ignore[operator]
    assert main(["check", "--config", str(site.config)]) == code
    assert says in capsys.readouterr().err


async def test_an_agent_serves_until_it_is_told_to_stop_and_takes_its_socket_with_it(site: SiteFiles) -> None:
    async with process("run", "--config", str(site.config)) as child:
        await line_with(child.stderr, b'"serving"')
        transport = await connect_local(site.folder / "agent.sock", lambda message: None)
        assert transport.hello.result().host == "h"
        await transport.close()
        os.kill(child.pid, signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await child.wait() == 0
    assert not (site.folder / "agent.sock").exists()


async def test_a_socket_left_by_a_killed_agent_is_replaced(site: SiteFiles) -> None:
    async with process("run", "--config", str(site.config)) as child:
        await line_with(child.stderr, b'"serving"')
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
    assert (site.folder / "agent.sock").exists()
    async with process("run", "--config", str(site.config)) as child:
        await line_with(child.stderr, b'"serving"')
        transport = await connect_local(site.folder / "agent.sock", lambda message: None)
        await transport.close()


async def test_a_client_on_the_socket_goes_on_with_the_agent_that_comes_after_one_that_was_killed(
    site: SiteFiles,
) -> None:
    """However long it tried already: who asks when the agent is back is answered, and who watches hears of it."""
    context = Context(site="plant", via="socket", socket=str(site.folder / "agent.sock"), host="h")
    async with AsyncExitStack() as stack:
        client: Client | None = None
        for _ in range(3):
            async with process("run", "--config", str(site.config)) as child:
                await line_with(child.stderr, b'"serving"')
                client = client or await stack.enter_async_context(open_client(context))
                assert (await client.host("h").guest_list()).reply.guests
                for _ in range(20):
                    client._way._caller.session.backoff.failed(0.0)
                os.kill(child.pid, signal.SIGKILL)
                async with client.watch(Subscription("#")):  # it may notice only now
                    await child.wait()


async def test_a_fleet_of_simulated_hosts_lives_in_one_process(site: SiteFiles) -> None:
    async with embedded() as broker:
        arguments = (
            "--host-socket",
            "",
            "--broker-urls",
            broker.url,
            "--trust-host-key",
            f"{site.folder}/{{host}}.key",
        )
        async with process("fleet", "--hosts", "3", "--config", str(site.config), *arguments) as child:
            said = await line_with(child.stdout, b"serving 3 hosts")
            assert b"connected in" in said
            clients = sum("New client connected" in line for line in broker.log)
            assert clients == 3
            os.kill(child.pid, signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await child.wait() == 0


async def test_a_fleet_is_told_to_stop_while_it_still_connects(site: SiteFiles) -> None:
    came = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        arguments = ("--broker-urls", f"mqtt://127.0.0.1:{port}", "--trust-host-key", f"{site.folder}/{{host}}.key")
        async with process("fleet", "--hosts", "3", "--config", str(site.config), *arguments) as child:
            async with asyncio.timeout(20):
                await came.wait()
                os.kill(child.pid, signal.SIGTERM)
                assert await child.wait() == 0
            assert child.stderr is not None
            assert await child.stderr.read() == b""


async def test_a_host_that_fails_takes_the_others_of_its_fleet_with_it(site: SiteFiles) -> None:
    (site.folder / "state" / "h-3" / "journal.db").mkdir(parents=True)
    settings = site.settings(host__socket="", trust__host_key=f"{site.folder}/{{host}}.key")
    with pytest.raises(GuestwireError) as caught:
        await serve_fleet(settings, 3)
    assert caught.value.code == "JOURNAL-FULL"
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left


class Broken:
    """A simulated host whose events end in a defect when a guest is started."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[GuestEvent]]:
        async def until_a_start(events: AsyncIterator[GuestEvent]) -> AsyncIterator[GuestEvent]:
            async for event in events:
                if isinstance(event, Changed):
                    raise ValueError("a defect")
                yield event

        async with self._host.events() as events:
            yield until_a_start(events)


async def test_an_agent_that_lost_a_vital_task_says_so_and_ends_with_an_error(site: SiteFiles) -> None:
    @asynccontextmanager
    async def driver(settings: Settings) -> AsyncIterator[Drivers]:
        async with compose.driver(settings) as drivers:
            yield replace(drivers, guests=Broken(drivers.guests))
            asked.cancel()

    async def start() -> None:
        invoker = Invoker("plant", "cli-1", f"local:{os.getuid()}", path_vouches=True)
        options = Options("socket", 0, "cli-1")
        async with caller(invoker, lambda: options, LocalConnect(site.folder / "agent.sock")) as local:
            await local.call("h", BY_NAME["guest-start"], m.GuestStart(guest="rtlinux"), timeout_s=20)

    asked = asyncio.create_task(start())
    async with asyncio.timeout(20):
        with pytest.raises(GuestwireError) as caught:
            await serve(site.settings(), site.config, driver)
    assert (caught.value.code, caught.value.detail["task"]) == ("INTERNAL", "guest-events")
    said = [parse_line(line) for line in (site.folder / "state" / "log" / "agent.log").read_bytes().splitlines()]
    (died,) = [message for message in said if message is not None and message.event.startswith("a vital task")]
    assert (died.level, died.fields["task"]) == ("error", "guest-events")
    assert "ValueError: a defect" in str(died.fields["exception"])
    await asyncio.wait({asked})
