"""`guestwire desktop` as a process of its own, with a real program as the viewer, which tells the test when it opens and
closes."""

import asyncio
import json
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fake_host import FakeFleet, FakeHost

from guestwire.cli.desktop_follow import BOOT_ID, DEFAULT, KIOSK, viewers_of
from guestwire.cli.desktop_viewers import FIRST_WAIT_S, LONGEST_WAIT_S, Viewer, Viewers, wait_before
from guestwire.link.clock import now
from guestwire.model.desired import Autostart, Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.protocol import topics
from guestwire.protocol.notices import Notice
from guestwire.protocol.statements import state

PATIENCE_S = 20
"""How long anything may take on a busy machine. Nothing waits for it where all is well."""

PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_connection(("127.0.0.1", {port})) as test:
    test.sendall(json.dumps([os.getpid(), *sys.argv]).encode() + b"\\n")
    sys.exit(int(test.recv(9) or 0))
"""


@dataclass(frozen=True)
class Window:
    """An open viewer."""

    pid: int
    argv: list[str]
    reader: StreamReader
    writer: StreamWriter

    async def ends(self, code: int) -> None:
        """Have it end by itself."""
        self.writer.write(str(code).encode())
        await self.closed()

    async def closed(self) -> None:
        """Its process is gone: the kernel has closed its side."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                assert await self.reader.read() == b""


class Screen:
    """Where the viewers of a test show up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.windows: asyncio.Queue[Window] = asyncio.Queue()
        self.port = 0
        self._writers: list[StreamWriter] = []

    async def hear(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._writers.append(writer)
        pid, *argv = json.loads(await reader.readline())
        self.windows.put_nowait(Window(pid, argv, reader, writer))

    async def opened(self) -> Window:
        """The next viewer that opens."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.windows.get()

    def program(self, name: str = "viewer", *, stubborn: bool = False) -> Path:
        """A viewer that is open until the test, or a signal, ends it."""
        path = self.folder / name
        path.write_text(PROGRAM.format(python=sys.executable, port=self.port, stubborn=stubborn))
        path.chmod(0o755)
        return path

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@pytest.fixture
async def screen(tmp_path: Path) -> AsyncIterator[Screen]:
    folder = tmp_path / "bin"
    folder.mkdir()
    screen = Screen(folder)
    async with await asyncio.start_server(screen.hear, "127.0.0.1") as server:
        screen.port = server.sockets[0].getsockname()[1]
        yield screen
        screen.close()


class Desk:
    """A running `guestwire desktop`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self, text: str) -> str:
        """The next line with this text."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.process.stderr.readline()).decode():
                if text in line:
                    return line
        raise AssertionError(f"it never said {text!r}")

    async def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


@pytest.fixture
def desk(config: Path, screen: Screen) -> Callable[..., Any]:
    """`desk("h1", ...)` runs the command for the block; programs of the screen's folder are found by their names."""

    @asynccontextmanager
    async def run(*arguments: str) -> AsyncIterator[Desk]:
        path = f"{screen.folder}:{os.environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "guestwire.cli.main", "desktop", *arguments, stderr=PIPE,
            env={**os.environ, "GUESTWIRE_CONFIG": str(config), "PATH": path},
        )  # fmt: skip
        try:
            yield Desk(process)
        finally:
            if process.returncode is None:
                process.terminate()
                async with asyncio.timeout(PATIENCE_S):
                    await process.wait()

    return run


async def has(fleet: FakeFleet, *guests: Guest, standalone: bool = False) -> None:
    """Make this the active configuration of h1, and have the host tell that it changed."""
    host = fleet.hosts["h1"]
    desired = Desired(guests=guests, autostart=Autostart(active=True, standalone=standalone))

    async def change() -> None:
        host.config.add(desired)
        _config_notice(host)

    await asyncio.to_thread(fleet.run, change)


def _config_notice(host: FakeHost) -> None:
    host._seq += 1
    body = Notice(log=host.log, seq=host._seq, at=now().wall_ms, event="in_sync")
    frame = state("notice", host.site, f"host:{host.host}", body, host.key, now().wall_ms, n=host._seq)
    topic = topics.make("notice", host.site, host.host, "config")
    assert host.session is not None
    assert host.local is not None
    host.session.publish(topic, frame)
    host.local.announce(topic, frame, retained=False)


def real(host: FakeHost, boot_id: str) -> None:
    """Have it say that it is a libvirt host, booted then."""
    facts = host._facts()
    told = facts.model_copy(update={"driver": "libvirt", "facts": facts.facts.model_copy(update={"boot_id": boot_id})})
    host._facts = lambda: told  # type: ignore[method-assign]


DESK = Guest(name="desk", autostart="console")
SEEN = Guest(name="seen", autostart="console")


def uuid_of(fleet: FakeFleet, name: str) -> str:
    guest = fleet.hosts["h1"].config.active.guest(name)
    assert guest is not None
    assert guest.uuid is not None
    return guest.uuid


async def test_viewers_are_for_guests_with_the_console(fleet: FakeFleet, screen: Screen, desk) -> None:  # type: ignore[no-untyped-def]
    headless = Guest(name="headless", autostart="headless")
    disabled = Guest(name="disabled", autostart="console", disabled=True)
    await has(fleet, Guest(name="plain"), DESK, headless, disabled, SEEN)
    async with desk("h1", "--once", "--viewer", f"{screen.program()} '{{name}} on top' --uuid={{uuid}}") as running:
        windows = [await screen.opened() for _ in range(2)]
        wanted = {f"{name} on top": f"--uuid={uuid_of(fleet, name)}" for name in ("desk", "seen")}
        assert {window.argv[1]: window.argv[2] for window in windows} == wanted
        for window in windows:
            await window.ends(0)
        assert await running.ended() == 0
    assert screen.windows.empty()


async def test_a_viewer_that_ends_is_opened_again(fleet: FakeFleet, screen: Screen, desk) -> None:  # type: ignore[no-untyped-def]
    await has(fleet, DESK)
    async with desk("h1", "--viewer", f"{screen.program()} {{name}}") as running:
        first = await screen.opened()
        await first.ends(3)
        assert "ended with 3" in await running.says("it is opened again")
        second = await screen.opened()
        assert (second.argv, second.pid != first.pid) == (first.argv, True)


async def test_the_configuration_is_followed(fleet: FakeFleet, screen: Screen, desk) -> None:  # type: ignore[no-untyped-def]
    async with desk("--socket", str(fleet.socket("h1")), "--viewer", f"{screen.program()} {{name}}") as running:
        await running.says("no guest of h1 has the console")
        await has(fleet, DESK, SEEN.model_copy(update={"autostart": "headless"}))
        first = await screen.opened()
        await has(fleet, DESK.model_copy(update={"autostart": "off"}), SEEN)
        await first.closed()
        second = await screen.opened()
        assert (first.argv[1], second.argv[1]) == ("desk", "seen")
        await has(fleet)
        await second.closed()
        await running.says("no guest of h1 has the console")
    assert screen.windows.empty()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_closes_every_viewer(number: signal.Signals, fleet: FakeFleet, screen: Screen, desk) -> None:  # type: ignore[no-untyped-def]
    await has(fleet, DESK, SEEN)
    wrapped = f"sh -c '{screen.program()} {{name}}; exit 1'"
    async with desk("h1", "--viewer", wrapped) as running:
        windows = [await screen.opened() for _ in range(2)]
        assert await running.end(number) == 0
        for window in windows:
            await window.closed()
    assert screen.windows.empty()


async def test_a_viewer_that_does_not_listen_is_killed(screen: Screen) -> None:
    program = screen.program(stubborn=True)
    async with Viewers(lambda _: None, stop_s=0.01) as viewers:
        await viewers.show([Viewer("1", "desk", (str(program),))])
        window = await screen.opened()
    await window.closed()


async def test_one_whose_command_changed_is_opened_anew(screen: Screen) -> None:
    program = str(screen.program())
    told: asyncio.Queue[str] = asyncio.Queue()
    async with Viewers(told.put_nowait) as viewers:
        for argv in ((program, "a"), (program, "a"), (program, "b")):
            await viewers.show([Viewer("1", "desk", argv)])
        window = await screen.opened()
        if window.argv[1] == "a":
            await window.closed()
            window = await screen.opened()
        assert window.argv[1] == "b"
        await viewers.show([Viewer("1", "desk", (program, "b")), Viewer("2", "seen", (str(screen.folder / "none"),))])
        async with asyncio.timeout(PATIENCE_S):
            while "seen cannot be started" not in await told.get():
                pass
    await window.closed()
    assert screen.windows.empty()


def test_the_wait_before_the_next_try_grows_and_is_bounded() -> None:
    waits = [wait_before(tries) for tries in (0, 1, 2, 3, 50, 10_000)]
    assert waits == [FIRST_WAIT_S, FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]


async def test_standalone_is_virt_viewer_as_a_kiosk(fleet: FakeFleet, screen: Screen, desk) -> None:  # type: ignore[no-untyped-def]
    real(fleet.hosts["h1"], BOOT_ID.read_text().strip())
    program = str(screen.program("virt-viewer"))
    await has(fleet, DESK)
    uuid = uuid_of(fleet, "desk")
    async with desk("h1"):
        window = await screen.opened()
        assert window.argv == [program, *DEFAULT[1:], "--uuid", uuid]
        assert not set(KIOSK) & set(window.argv)
        await has(fleet, DESK, standalone=True)
        await window.closed()
        window = await screen.opened()
        assert window.argv == [program, *DEFAULT[1:], *KIOSK, "--uuid", uuid]


@pytest.mark.parametrize("standalone", [False, True])
def test_a_command_of_the_users_own_is_taken_as_it_is(standalone: bool) -> None:
    uuid = "00000000-0000-4000-8000-000000000001"
    desired = Desired(guests=(DESK.model_copy(update={"uuid": uuid}), SEEN), autostart=Autostart(standalone=standalone))
    command = ("see", "{name}:{uuid}", "{other} {}")
    assert viewers_of(desired, command) == (Viewer(uuid, "desk", ("see", f"desk:{uuid}", "{other} {}")),)


@pytest.mark.parametrize("driver", ["simulated", "libvirt"])
def test_virt_viewer_is_for_the_guests_of_this_machine(driver: str, fleet: FakeFleet, run) -> None:  # type: ignore[no-untyped-def]
    if driver == "libvirt":
        real(fleet.hosts["h1"], "another")
    said = run("desktop", "h1")
    assert said.exit_code == 1
    assert said.stderr.startswith("error: UNSUPPORTED: ")
    assert "--viewer" in said.stderr


def test_a_viewer_that_is_not_there(fleet: FakeFleet, run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    real(fleet.hosts["h1"], BOOT_ID.read_text().strip())
    monkeypatch.setenv("PATH", str(tmp_path))
    said = run("desktop", "h1")
    assert said.exit_code == 4
    assert said.stderr.startswith("error: VIEWER-MISSING: ")
    assert "package virt-viewer" in said.stderr
    said = run("desktop", "h1", "--once", "--viewer", "nowhere/to-be-found {uuid}", "-o", "json")
    assert json.loads(said.stderr)["error"]["detail"] == {"program": "nowhere/to-be-found"}


def test_nothing_to_show(fleet: FakeFleet, run) -> None:  # type: ignore[no-untyped-def]
    said = run("desktop", "h1", "--once", "--viewer", "true")
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "no guest of h1 has the console (autostart)\n")


@pytest.mark.parametrize("words", [("h1", "--viewer", ""), ("h1", "--viewer", "'open"), (), ("H1", "--viewer", "true")])
def test_no_command_line(words: tuple[str, ...], fleet: FakeFleet, run) -> None:  # type: ignore[no-untyped-def]
    assert run("desktop", *words).exit_code == 2


async def test_an_agent_that_comes_later_is_waited_for(fleet: FakeFleet, screen: Screen, desk, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    await has(fleet, DESK)
    late = tmp_path / "late.sock"
    async with desk("--socket", str(late), "--viewer", str(screen.program())) as running:
        await running.says("SOCKET-UNREACHABLE")
        late.symlink_to(fleet.socket("h1"))
        await screen.opened()


async def test_a_host_in_trouble_changes_nothing_on_the_screen(fleet: FakeFleet, screen: Screen, desk) -> None:  # type: ignore[no-untyped-def]
    await has(fleet, DESK)
    host = fleet.hosts["h1"]
    async with desk("h1", "--viewer", f"{screen.program()} {{name}}") as running:
        first = await screen.opened()
        host.fail["config-show"] = GuestwireError("INTERNAL", "a defect")
        await has(fleet, DESK, SEEN)
        await running.says("INTERNAL: a defect")
        assert not first.reader.at_eof()
        del host.fail["config-show"]
        assert (await screen.opened()).argv[1] == "seen"


async def test_what_the_host_refuses_from_the_first_ends_it(fleet: FakeFleet, desk) -> None:  # type: ignore[no-untyped-def]
    fleet.hosts["h1"].fail["config-show"] = GuestwireError("DENIED")
    async with desk("h1", "--viewer", "true") as running:
        await running.says("error: DENIED")
        assert await running.ended() == 5
