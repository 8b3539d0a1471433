"""The peers of the RPC benches: which processes each needs, and how a load on one is ordered."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import plant
from children import HERE, Child, Missing, python
from settings import Settings

from guestwire.broker_test.mosquitto import free_port

Said = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Peer:
    """One variant, ready: `caller` takes orders."""

    name: str
    caller: Child

    def load(self, in_flight: int, seconds: float) -> Said:
        return self.caller.order({"in_flight": in_flight, "seconds": seconds}, seconds + 30)


def ready(stack: contextlib.ExitStack, child: Child) -> dict[str, object]:
    """Its ready line, once the stack owns it."""
    return stack.enter_context(child).answer()


@contextlib.contextmanager
def both_ends(name: str, responder: list[str], caller: list[str]) -> Iterator[Peer]:
    with contextlib.ExitStack() as stack:
        ready(stack, Child(responder, "responder"))
        child = Child(caller, "caller")
        ready(stack, child)
        yield Peer(name, child)


@contextlib.contextmanager
def ours(port: int, folder: Path, host: str = "host", name: str = "ours") -> Iterator[Peer]:
    """An agent on the simulated driver, and our client; a site of its own below `folder`."""
    base = folder / host
    base.mkdir()
    site = plant.make(base, (host,), ("caller",))
    with contextlib.ExitStack() as stack:
        stack.enter_context(plant.agent(site.config(host, port)))
        child = Child(python("peer_ours.py", "read", host, "caller", str(base), str(port)), "caller")
        stack.enter_context(child).answer(60)
        yield Peer(name, child)


def raw(library: str, port: int, name: str = "") -> contextlib.AbstractContextManager[Peer]:
    """A bare echo over aiomqtt, paho, or `link`: our own transport."""
    script = f"peer_{library}.py"
    return both_ends(name or library, python(script, "responder", str(port)), python(script, "caller", str(port)))


@contextlib.contextmanager
def libmosquitto(port: int, folder: Path) -> Iterator[Peer]:
    """Compiled here and now. Raises Missing."""
    program = folder / "peer_libmosquitto"
    command = ["gcc", "-O2", "-o", str(program), str(HERE / "peer_libmosquitto.c"), "-lmosquitto"]
    if shutil.which("gcc") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        raise Missing("libmosquitto: install gcc and libmosquitto-dev")
    with both_ends("libmosquitto", [str(program), "responder", str(port)], [str(program), "caller", str(port)]) as peer:
        yield peer


@contextlib.contextmanager
def listening(port: int, within_s: float = 10.0) -> Iterator[None]:
    """Once somebody does."""
    until = time.monotonic() + within_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            break
    yield


@contextlib.contextmanager
def nats() -> Iterator[Peer]:
    """With its own server. Raises Missing."""
    binary = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        raise Missing("nats-py: install nats-server")
    port = str(free_port())
    script = "peer_nats.py"
    with (
        Child([binary, "-a", "127.0.0.1", "-p", port, "-l", "/dev/null"], "broker"),
        listening(int(port)),
        both_ends("nats-py", python(script, "responder", port), python(script, "caller", port)) as peer,
    ):
        yield peer


@contextlib.contextmanager
def grpc() -> Iterator[Peer]:
    with contextlib.ExitStack() as stack:
        port = ready(stack, Child(python("peer_grpc.py", "responder"), "responder"))["port"]
        child = Child(python("peer_grpc.py", "caller", str(port)), "caller")
        ready(stack, child)
        yield Peer("gRPC asyncio", child)


@dataclass(slots=True)
class Figures:
    """One peer's runs: calls/s and caller CPU (us/call) at 64 in flight, p50 and p99 (us) at one."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)


Measured = Mapping[str, Figures]


def measured(peers: Sequence[Peer], settings: Settings) -> Measured:
    """Every peer in turn, then all of them again, so that a drift of the machine meets all alike."""
    figures = {peer.name: Figures() for peer in peers}
    for peer in peers:
        peer.load(64, settings.seconds(0.5))
        peer.load(1, settings.seconds(0.3))
    for _ in range(settings.runs):
        for peer in peers:
            said = peer.load(64, settings.seconds(1.5))
            figures[peer.name].rate.append(said["calls_s"])
            figures[peer.name].cpu.append(said["cpu_us"])
        for peer in peers:
            said = peer.load(1, settings.seconds(1.0))
            figures[peer.name].p50.append(said["p50_us"])
            figures[peer.name].p99.append(said["p99_us"])
    return figures
