"""The examples of deploy/docs/communication are what they say: the projects hold against the rules, the C compiles without a
warning, and both halves run as the guests of their project at a real guestwire-comm."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.comm_process import CommProcess, comm_process
from tests.support.serial_bridge import serial_bridge

from guestwire.comm.client import CommClient
from guestwire.formats.project_toml import load
from guestwire.guest.errors import NUMBERS
from guestwire.guest.library import Library
from guestwire.model.communication import CommDocument, communication_of
from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.rules.table import validate

pytest_plugins = ("tests.support.guest_fixtures",)

REPOSITORY = Path(__file__).parents[2]
PAGES = REPOSITORY / "deploy/docs/communication"
INCLUDE = REPOSITORY / "clients/guestwire/guest/c/include"
RUN_S = 30.0
LINES = 24
"""Of an example, at most: it is to be read at a glance."""


@dataclass(frozen=True)
class Page:
    """What the example of a page says, C in the guest `plc` first, then Python in `desk`. `project`: the page whose project it
    is in."""

    name: str
    c: str
    python: str
    by: str = "socket"
    project: str = ""


SERVED = (
    Page("areas", "1044480 bytes\n", "line 1044480 read-only\nhello\n"),
    Page("events", "set\n", "part-ready\nFalse\n"),
    Page("queues", "3 parts\n", "1\n2 of type 7\n3 of type 7\n"),
    Page("locks", "the recipe is mine\n", "in order 2\n0\n"),
    Page("guest-services", "logged\n", "in order True\nFalse\n", by="serial"),
    Page("guest-library", "attached by socket\n", "attached by socket\n", project="areas"),
)


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / f"{page}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def block(page: str, language: str) -> str:
    (only,) = blocks(page, language)
    return only


def desired_of(page: str) -> Desired:
    desired = load(block(page, "toml")).hosts["h1"]
    uuids = {guest.name: f"00000000-0000-4000-8000-{sum(guest.name.encode()):012d}" for guest in desired.guests}
    return desired.model_copy(
        update={"guests": tuple(g.model_copy(update={"uuid": uuids[g.name]}) for g in desired.guests)}
    )


def test_every_page_of_a_service_has_its_examples() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == {page.name for page in SERVED} | {"networks"}
    for page in pages:
        assert len(block(page, "c").splitlines()) <= LINES
        assert len(block(page, "python").splitlines()) <= LINES


@pytest.mark.parametrize("page", sorted({page.project or page.name for page in SERVED} | {"networks"}))
def test_the_project_of_a_page_is_sound(page: str) -> None:
    assert [issue.code for issue in validate(desired_of(page), Facts()).errors] == []


def test_the_names_in_pages_are_those_of_the_library() -> None:
    header = (INCLUDE / "guestwire.h").read_text() + (INCLUDE / "guestwire_layout.h").read_text()
    known = set(re.findall(r"\b(?:GW|gw)_\w+", header))
    for path in PAGES.glob("*.md"):
        named = set(re.findall(r"\b(?:GW|gw)_\w+", path.read_text()))
        assert named <= known, path.name


def test_every_code_is_in_the_table_of_errors() -> None:
    table = (PAGES / "guest-library.md").read_text()
    assert not [name for name in NUMBERS if f"`{name}`" not in table]


@pytest.fixture(scope="session")
def compiled(make: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The C of a page as a program."""
    library = make("all") / "libguestwire.a"
    folder = tmp_path_factory.mktemp("examples")

    def program(page: str) -> Path:
        source, made = folder / f"{page}.c", folder / page
        source.write_text(block(page, "c"))
        flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", "-pthread"]
        done = subprocess.run(
            ["gcc", *flags, str(source), str(library), "-o", str(made)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return made

    return program


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def comm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CommProcess]:
    async with comm_process(tmp_path_factory.mktemp("x")) as running:
        yield running


@dataclass(frozen=True)
class Guests:
    """Where the guests of a document are attached."""

    comm: CommProcess
    document: CommDocument
    by: str

    def where(self, stack: ExitStack, guest: str) -> str:
        if self.by == "socket":
            return f"unix:{self.comm.attach}?guest={guest}"
        (uuid,) = (one.uuid for one in self.document.guests if one.name == guest)
        return f"serial:{stack.enter_context(serial_bridge(self.comm.dir / 'guests' / f'{uuid}.serial'))}"


async def output(where: str, library: Library, *command: str | Path) -> str:
    """What it says; it must end with 0."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "GUESTWIRE_ATTACH": where, "GUESTWIRE_LIBRARY": library.path},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(RUN_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("page", SERVED, ids=lambda page: page.name)
async def test_an_example_runs(
    page: Page, comm: CommProcess, library: Library, compiled: Callable[[str], Path]
) -> None:  # fmt: skip
    document = communication_of(desired_of(page.project or page.name), "h1")
    async with CommClient(comm.dir) as client:
        await client.apply(document)
    guests = Guests(comm, document, page.by)
    program = await asyncio.to_thread(compiled, page.name)
    with ExitStack() as stack:
        where = await asyncio.to_thread(guests.where, stack, "plc")
        assert await output(where, library, program) == page.c
    with ExitStack() as stack:
        where = await asyncio.to_thread(guests.where, stack, "desk")
        assert await output(where, library, sys.executable, "-c", block(page.name, "python")) == page.python
    async with CommClient(comm.dir) as client:
        await client.apply(CommDocument())
        await client.settle()


@pytest.fixture
def port() -> Iterator[int]:
    """One that nobody listens at: reserved until the example binds it."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


async def test_the_example_of_networks_runs(port: int, compiled: Callable[[str], Path]) -> None:
    program = await asyncio.to_thread(compiled, "networks")
    code = block("networks", "python").replace('("", ', '("127.0.0.1", ')
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(port), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(RUN_S):
            assert receiver.stdout is not None
            assert await receiver.stdout.readline() == b"listening\n"
            sender = await asyncio.create_subprocess_exec(program, "127.0.0.1", str(port))
            assert await sender.wait() == 0
            assert await receiver.stdout.readline() == b"part 7\n"
            assert await receiver.wait() == 0
    finally:
        if receiver.returncode is None:
            receiver.kill()
            await receiver.wait()
