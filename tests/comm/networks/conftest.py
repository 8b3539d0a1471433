"""A host of its own for every test: a network namespace that the test's thread enters and leaves, with guests that are
further namespaces at the other ends of veths. Nothing of the machine's own network is touched, and all of it is gone when
the descriptors are closed. The hosts' ends look as libvirt's taps do: the guest's MAC, with fe in front."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from pyroute2 import IPRoute

from guestwire.comm.networks.network_threads import _LIBC, in_new_namespace

T = TypeVar("T")
NEWNET = 0x40000000
HERE = "/proc/thread-self/ns/net"


def entered(namespace: int | None, call: Callable[[], T]) -> T:
    """The result of a call in a namespace (None: the caller's own), in a thread that ends with it: sockets stay where they
    were made, and pyroute2's blocking calls do not run where an event loop does."""

    def run() -> T:
        assert namespace is None or _LIBC.setns(namespace, NEWNET) == 0
        return call()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(run).result()


def routed(call: Callable[[IPRoute], T], namespace: int | None = None) -> T:
    """What a call finds or does with rtnetlink in a namespace."""

    def run() -> T:
        with IPRoute() as route:
            return call(route)

    return entered(namespace, run)


class LabGuest:
    """A guest: a namespace with one card."""

    def __init__(self, name: str, mac: str, tap: str) -> None:
        self.name, self.mac, self.tap = name, mac, tap
        self.namespace = in_new_namespace(lambda _own: os.open(HERE, os.O_RDONLY))

    def plug(self, bridge: str) -> None:
        """What libvirt does when the guest starts: a tap with its MAC, into the bridge, up."""

        def tap(route: IPRoute) -> None:
            peer = {"ifname": "eth0", "address": self.mac, "net_ns_fd": self.namespace}
            route.link("add", ifname=self.tap, kind="veth", address="fe" + self.mac[2:], peer=peer)
            route.link("set", ifname=self.tap, master=route.link_lookup(ifname=bridge)[0], state="up")

        routed(tap)
        self.up()

    def unplug(self) -> None:
        routed(lambda route: route.link("del", ifname=self.tap))

    def address(self, text: str, gateway: str | None = None) -> None:
        def give(route: IPRoute) -> None:
            address, length = text.split("/")
            index = route.link_lookup(ifname="eth0")[0]
            nodad = {"flags": 2} if ":" in address else {}
            route.addr("add", index=index, address=address, prefixlen=int(length), **nodad)
            if gateway is not None:
                route.route("add", dst="default", gateway=gateway)

        routed(give, self.namespace)

    def mac_is(self, mac: str) -> None:
        """What a hostile guest may do."""
        routed(lambda route: route.link("set", ifname="eth0", address=mac), self.namespace)

    def up(self) -> None:
        def rise(route: IPRoute) -> None:
            for name in ("lo", "eth0"):
                route.link("set", ifname=name, state="up")

        routed(rise, self.namespace)

    def run(self, *command: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        where = f"--net=/proc/{os.getpid()}/fd/{self.namespace}"
        return subprocess.run(
            ["nsenter", where, *command], capture_output=True, text=True, timeout=timeout, check=False
        )

    def pings(self, address: str, wait_s: int = 1) -> bool:
        return self.run("busybox", "ping", "-c", "1", "-W", str(wait_s), address).returncode == 0

    def reaches(self, address: str) -> bool:
        """Pings until an answer comes: a machine under load may answer the first too late."""
        return any(self.pings(address) for _ in range(8))

    def lease(self) -> dict[str, str]:
        """What a DHCP client is told; empty: nobody answered."""
        script = self.script
        done = self.run(
            "busybox", "udhcpc", "-f", "-q", "-n", "-t", "4", "-T", "1", "-i", "eth0", "-s", str(script), timeout=30
        )
        rows = (line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("got_"))
        return {key.removeprefix("got_"): value for key, value in rows}

    script: Path

    def listen(self, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        def make() -> socket.socket:
            server = socket.socket(socket.AF_INET, kind)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("", port))
            if kind == socket.SOCK_STREAM:
                server.listen()
            return server

        return entered(self.namespace, make)

    def connects(self, address: str, port: int, wait_s: float = 0.5) -> bool:
        """Whether TCP connects and carries data both ways... as far as the connection goes."""

        def attempt() -> bool:
            try:
                with socket.create_connection((address, port), timeout=wait_s):
                    return True
            except OSError:
                return False

        return entered(self.namespace, attempt)

    def sends(self, data: bytes, address: str, port: int) -> None:
        def send() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                client.sendto(data, (address, port))

        entered(self.namespace, send)

    def close(self) -> None:
        os.close(self.namespace)


class Lab:
    """The host's namespace, which the test's thread is in."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._guests = 0
        self._script = folder / "lease.sh"
        self._script.write_text('#!/bin/sh\n[ "$1" = bound ] && env | sed "s/^/got_/"\nexit 0\n')
        self._script.chmod(0o755)

    def guest(self, name: str) -> LabGuest:
        self._guests += 1
        made = LabGuest(name, f"02:00:00:00:01:{self._guests:02x}", f"vnet{self._guests}")
        made.script = self._script
        self._stack.callback(made.close)
        return made

    def adapter(self, name: str, address: str) -> LabGuest:
        """An adapter of the host, and what is at the other end of its cable."""
        far = LabGuest(name, "02:00:00:00:02:01", name)
        self._stack.callback(far.close)

        def cable(route: IPRoute) -> None:
            peer = {"ifname": "eth0", "address": far.mac, "net_ns_fd": far.namespace}
            route.link("add", ifname=name, kind="veth", peer=peer)
            route.link("set", ifname=name, state="up")

        routed(cable)
        far.up()
        far.address(address)
        return far

    def ruleset(self) -> str:
        return subprocess.run(["nft", "-s", "list", "ruleset"], capture_output=True, text=True, check=True).stdout

    def links(self) -> dict[str, tuple[int, int | None, str | None]]:
        """Name -> index, master, alias."""
        rows = routed(lambda route: list(route.get_links()))
        wanted = ("IFLA_MASTER", "IFLA_IFALIAS")
        return {row.get_attr("IFLA_IFNAME"): (row["index"], *map(row.get_attr, wanted)) for row in rows}

    def addresses(self, name: str) -> set[str]:
        index = self.links()[name][0]
        return {row.get_attr("IFA_ADDRESS") for row in routed(lambda route: list(route.get_addr(index=index)))}

    def give(self, name: str, address: str) -> None:
        index = self.links()[name][0]
        length = 64 if ":" in address else 24
        routed(lambda route: route.addr("add", index=index, address=address, prefixlen=length))

    def foreign_bridge(self, name: str, port: str) -> None:
        def make(route: IPRoute) -> None:
            route.link("add", ifname=name, kind="bridge")
            route.link("add", ifname=port, kind="veth", peer={"ifname": f"{port}-p"})
            route.link("set", ifname=port, master=route.link_lookup(ifname=name)[0])

        routed(make)


@contextmanager
def own_namespace() -> Iterator[None]:
    """This thread in a namespace of its own, and back."""
    before = os.open(HERE, os.O_RDONLY)
    try:
        assert _LIBC.unshare(NEWNET) == 0, "the tests of networks need to be root"
        yield
    finally:
        assert _LIBC.setns(before, NEWNET) == 0
        os.close(before)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with own_namespace(), ExitStack() as stack:
        routed(lambda route: route.link("set", ifname="lo", state="up"))
        yield Lab(tmp_path, stack)
