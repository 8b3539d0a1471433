"""A real guestwire-comm with peers that use the Python library: in this process, and as processes of their own."""

import asyncio
import os
import select
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.support.comm_process import CommProcess, ask, document

from guestwire.comm.client import CommClient
from guestwire.guest.connection import Connection
from guestwire.guest.library import Library
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.base import Model
from guestwire.model.events import HOST, Event

ANSWER_S = 20.0
PROJECT = document(
    "a", "b", "c",
    areas=(
        MemoryArea(name="shared", size=1 << 20, overrides={"c": "R---"}),
        MemoryArea(name="apart", size=4096, default_access="----", overrides={"a": "RW--"}),
        MemoryArea(name="hosts", size=65536, default_access="----", overrides={HOST: "RWC-"}),
    ),
    events=(
        Event(name="auto", signal=("a", "b"), wait=("a", "b", HOST)),
        Event(name="manual", reset="manual", signal=("a",), wait=("a", "b", HOST)),
        Event(name="native", signal=(HOST,), wait=(HOST,)),
        Event(name="native-manual", reset="manual", signal=(HOST,), wait=(HOST,)),
    ),
    queues=(Queue(name="q", area="shared", slots=4, slot_bytes=64, writers=("a", "b"), reader=HOST),),
    locks=(Lock(name="lock", area="shared"), Lock(name="robust", area="hosts")),
)  # fmt: skip


class Child:
    """A process that runs a piece of Python with an open connection `gw`, and speaks in lines. Its input ends it."""

    def __init__(self, library: Library, where: str, code: str) -> None:
        whole = "import sys\nfrom guestwire.guest.connection import Connection\ngw = Connection.open()\n"
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", whole + textwrap.dedent(code)],
            env={**os.environ, "GUESTWIRE_ATTACH": where, "GUESTWIRE_LIBRARY": library.path},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        self._said = b""

    def line(self) -> str:
        """The next line it says; "" when it ended. Raises TimeoutError."""
        assert self.process.stdout is not None
        while b"\n" not in self._said:
            if not select.select([self.process.stdout], [], [], ANSWER_S)[0]:
                raise TimeoutError(f"it said only {self._said!r}")
            more = os.read(self.process.stdout.fileno(), 4096)
            if not more:
                return ""
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()

    def go_on(self) -> None:
        """A line for it to read."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(ANSWER_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self.process.kill()
        self.process.communicate(timeout=ANSWER_S)


@dataclass(frozen=True)
class Peers:
    """Who can be at one guestwire-comm."""

    comm: CommProcess
    library: Library

    def where(self, guest: str = "") -> str:
        return f"unix:{self.comm.attach}" + (f"?guest={guest}" if guest else "")

    def open(self, guest: str = "") -> Connection:
        return Connection.open(self.where(guest), library=self.library)

    @contextmanager
    def all(self, *guests: str) -> Iterator[list[Connection]]:
        with ExitStack() as stack:
            yield [stack.enter_context(self.open(guest)) for guest in guests]

    def child(self, guest: str, code: str) -> Child:
        return Child(self.library, self.where(guest), code)

    async def ask(self, operation: str, request: Model | None = None) -> Any:
        async with CommClient(self.comm.dir) as client:
            return await ask(client, operation, request)

    def asked(self, operation: str, request: Model | None = None) -> Any:
        """For a test that is no coroutine."""
        return asyncio.run(self.ask(operation, request))
