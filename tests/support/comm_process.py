"""A real guestwire-comm of a test's own, and a peer that speaks to it in the layouts' own bytes.

`async with comm_process(folder) as comm:` starts it and waits until it serves; leaving ends it by its pid.
"""

import asyncio
import os
import shutil
import signal
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.forked import start_forked

from guestwire.comm.client import CommClient
from guestwire.model.base import Model
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import BY_NAME
from guestwire.shm.layouts import NUMBERS, REPLY, REQUEST, VERSION

START_S = 20.0


def document(*guests: str, **parts: Any) -> CommDocument:
    """A document of guests with communication, by name, and what they share."""
    made = tuple(
        CommGuest(name=name, uuid=f"00000000-0000-4000-8000-{n:012d}", services=("log", "ping", "flush", "data"))
        for n, name in enumerate(guests, 1)
    )
    return CommDocument(guests=made, **parts)


@dataclass
class CommProcess:
    """One guestwire-comm, which may be killed and started again over the same state."""

    folder: Path
    extra: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    said: list[str] = field(default_factory=list)
    run_dir: Path | None = None
    _reader: asyncio.Task[None] | None = None

    @property
    def dir(self) -> Path:
        return self.run_dir or self.folder / "r"

    @property
    def attach(self) -> Path:
        return self.dir / "attach.sock"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def doorbell(self, document: CommDocument, guest: str) -> Path:
        """The socket of a guest's doorbell."""
        uuid = next(one.uuid for one in document.guests if one.name == guest)
        return self.dir / "guests" / f"{uuid}.doorbell"

    async def start(self, files: Mapping[str, int] | None = None) -> None:
        """With files that a service manager kept, by name. Raises RuntimeError with what it said when it ends before it
        serves."""
        self.process = await start_forked(
            "comm", "run", "--config", str(self._config()), *self.extra,
            environment={**os.environ, **self.environment}, stdout=asyncio.subprocess.DEVNULL, kept=files,
        )  # fmt: skip
        serves = asyncio.Event()
        self._reader = asyncio.create_task(self._read(serves))
        ended = asyncio.create_task(self.process.wait())
        ready = asyncio.create_task(serves.wait())
        await asyncio.wait((ended, ready), timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        ready.cancel()
        if not serves.is_set():
            await self.kill()
            raise RuntimeError("\n".join(self.said[-20:]))

    def _config(self) -> Path:
        file = self.folder / "comm.toml"
        if not file.exists():
            file.write_text(
                f'host = "h1"\nsite = "test"\ndir = "{self.dir}"\nstate_dir = "{self.folder / "s"}"\n'
                f'trace_dir = "{self.folder / "t"}"\nsimulated_guests = true\n'
            )
        return file

    async def _read(self, serves: asyncio.Event) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            self.said.append(text)
            if '"event": "serving"' in text:
                serves.set()

    async def end(self) -> None:
        """As an orderly stop does."""
        await self._signal(signal.SIGTERM)

    async def kill(self) -> None:
        """As a crash does."""
        await self._signal(signal.SIGKILL)

    async def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            async with asyncio.timeout(START_S):
                await self.process.wait()
        if self._reader is not None:
            await asyncio.wait_for(self._reader, START_S)


@asynccontextmanager
async def comm_process(
    folder: Path, *extra: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[CommProcess]:
    """Its run directory is in /tmp: the path of a socket has 107 bytes."""
    run_dir = Path(tempfile.mkdtemp(prefix="gwc-", dir="/tmp"))
    run_dir.chmod(0o755)
    comm = CommProcess(folder, extra, dict(environment or {}), run_dir=run_dir)
    try:
        await comm.start()
        yield comm
    finally:
        await comm.end()
        shutil.rmtree(run_dir)


def comm_fixtures(document: CommDocument | None = None, *extra: str) -> tuple[Any, Any]:
    """The fixtures `comm, client` of a module of tests: a guestwire-comm of each test's own with these flags, and the agent's
    connection to it. The document holds, and is settled."""

    @pytest.fixture
    async def comm(tmp_path: Path) -> AsyncIterator[CommProcess]:
        async with comm_process(tmp_path, *extra) as running:
            if document is not None:
                async with CommClient(running.dir) as made:
                    await made.apply(document)
                    await made.settle()
            yield running

    @pytest.fixture
    async def client(comm: CommProcess) -> AsyncIterator[CommClient]:
        async with CommClient(comm.dir) as made:
            if document is not None:
                await made.held()
            yield made

    return comm, client


def open_files(pid: int) -> int:
    """How many files a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(client: CommClient, operation: str, request: Model | None = None) -> Any:
    """An operation, as the agent asks it for a user of the host."""
    return await client._call(BY_NAME[operation], request or Empty(), 30.0, issuer="local:0")


async def ask_from_afar(client: CommClient, operation: str, request: Model | None = None) -> Any:
    """An operation, as the agent asks it for somebody in the cloud."""
    return await client._call(BY_NAME[operation], request or Empty(), 30.0, issuer="op:ann")


class Peer:
    """A process attached to guestwire-comm: blocking calls on its own socket, each with a deadline."""

    def __init__(self, path: Path, guest: str = "") -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(10.0)
        self.sock.connect(str(path))
        self.guest = guest
        self.seq = 0
        self.number = 0

    def send(self, op: str, **fields: Any) -> int:
        self.seq += 1
        self.sock.send(REQUEST.pack(seq=self.seq, op=NUMBERS[f"GW_OP_{op}"], **fields))
        return self.seq

    def recv(self) -> tuple[dict[str, Any], list[int]]:
        data, fds, _, _ = socket.recv_fds(self.sock, REPLY.size, 4)
        if not data:
            raise ConnectionResetError
        return REPLY.unpack(data), fds

    def call(self, op: str, **fields: Any) -> dict[str, Any]:
        seq = self.send(op, **fields)
        reply, fds = self.recv()
        assert reply["seq"] == seq, (op, reply)
        reply["fds"] = fds
        return reply

    def hello(self) -> dict[str, Any]:
        reply = self.call("HELLO", value=VERSION, text=self.guest)
        self.number = reply["value"]
        return reply

    def open(self, name: str, flags: int = 0) -> dict[str, Any]:
        return self.call("OPEN", text=name, flags=flags)

    def wait(self, *handles: int) -> int:
        """Begin to wait; the answer comes by `recv`."""
        return self.send("WAIT", count=len(handles), text=struct.pack(f"<{len(handles)}I", *handles))

    def silent(self) -> bool:
        """Whether nothing has come, once everything asked before was answered."""
        seq = self.send("PING", value=1)
        reply, _ = self.recv()
        return bool(reply["seq"] == seq)

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> "Peer":
        self.hello()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
