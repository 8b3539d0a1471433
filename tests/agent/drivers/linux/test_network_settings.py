"""Adapters, the air gap and forwarding in a real network namespace that the test makes: its link `up0` has its other end,
`far0`, in another namespace. Which of its links is a physical adapter is on a recorded tree, as a namespace has none.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guestwire.agent.drivers.linux.command import Ended, run_command
from guestwire.agent.drivers.linux.control import LinuxControl
from guestwire.agent.drivers.linux.settings import adapters, airgap
from guestwire.broker_test.fixtures import require
from guestwire.model.errors import GuestwireError
from guestwire.model.networks import Adapter
from guestwire.model.settings import HostSettings

GAP, NO_GAP = HostSettings(airgap=True), HostSettings(airgap=False)


@dataclass
class Namespace:
    """The host's namespace `near` and its neighbour `far`; `root` stands for the host's files."""

    near: str
    far: str
    root: Path

    async def run(self, *arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> Ended:
        return await run_command("ip", "netns", "exec", self.near, *arguments, stdin=stdin, deadline_s=deadline_s)

    async def addresses(self) -> set[str]:
        shown = json.loads((await self.run("ip", "-json", "address", "show", "dev", "up0")).out)
        return {f"{a['local']}/{a['prefixlen']}" for a in shown[0]["addr_info"] if a["scope"] == "global"}

    async def link_local(self) -> set[str]:
        shown = json.loads((await self.run("ip", "-json", "-6", "address", "show", "dev", "up0")).out)
        return {a["local"] for a in shown[0]["addr_info"] if a["scope"] == "link"}

    async def gateways(self) -> list[tuple[str, int | None]]:
        shown = json.loads((await self.run("ip", "-json", "route", "show", "default")).out or "[]")
        return [(route["gateway"], route.get("metric")) for route in shown]

    async def reaches(self, address: str) -> bool:
        """Whether a datagram gets from the far namespace into a socket of the host, by its IPv4 address."""
        code = "import socket,sys; s=socket.socket(type=socket.SOCK_DGRAM); s.settimeout(0.3); s.connect((sys.argv[1], 9))\n"
        code += (
            "s.send(b'x')\ntry: s.recv(1)\nexcept ConnectionRefusedError: sys.exit(0)\nexcept OSError: sys.exit(1)\n"
        )
        ended = await run_command("ip", "netns", "exec", self.far, sys.executable, "-c", code, address)
        return ended.code == 0  # the closed port answered


@pytest.fixture
async def namespace(tmp_path: Path) -> AsyncIterator[Namespace]:
    near, far = f"gwt-{os.getpid()}-a", f"gwt-{os.getpid()}-b"
    made = subprocess.run(["ip", "netns", "add", near], capture_output=True, text=True, check=False)
    require("netns", made.returncode == 0, f"may not make a network namespace: {made.stderr.strip()}")
    try:
        for line in (
            f"ip netns add {far}",
            f"ip -n {near} link add up0 type veth peer name far0 netns {far}",
            f"ip -n {near} link set lo up",
            f"ip -n {near} link set up0 addrgenmode none",  # else an address comes when the kernel likes
            f"ip -n {near} link set up0 up",
            f"ip -n {far} link set far0 up",
            f"ip -n {near} address add 10.99.0.2/24 dev up0",
            f"ip -n {near} route add default via 10.99.0.1 dev up0 metric 100",
            f"ip -n {far} address add 10.99.0.1/24 dev far0",
            f"ip -n {far} route add 10.77.0.0/24 dev far0",
        ):
            subprocess.run(line.split(), check=True)
        (tmp_path / "sys/class/net/up0/device").mkdir(parents=True)
        (tmp_path / "sys/class/net/lo").mkdir()
        yield Namespace(near, far, tmp_path)
    finally:
        for name in (near, far):
            subprocess.run(["ip", "netns", "del", name], check=False)


def require_nft() -> None:
    require("nft", shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin") is not None, "no nft on this machine")


async def refused(call: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


STATIC = HostSettings(
    adapters=(
        Adapter(name="up0", dhcp=False, addresses=("10.77.0.5/24",), gateway="10.77.0.1", dns=("10.77.0.1", "9.9.9.9")),
    )
)


async def test_an_adapter_gets_its_addresses_at_once_and_goes_back(namespace: Namespace) -> None:
    control = LinuxControl(namespace.root, namespace.run)
    before = files(namespace.root)
    captured = await control.capture("adapters")
    for _ in range(2):
        await control.set("adapters", STATIC)
        assert await namespace.addresses() == {"10.77.0.5/24"}
        assert ("10.77.0.1", None) in await namespace.gateways()
        assert (await control.settings()).adapters == STATIC.adapters
    file = namespace.root / adapters.file_of("up0")[1:]
    assert "[Match]\nName=up0\n\n[Network]\nDHCP=no\nAddress=10.77.0.5/24\n" in file.read_text()
    for _ in range(2):
        await control.restore("adapters", captured)
        assert await namespace.addresses() == {"10.99.0.2/24"}
        assert await namespace.gateways() == [("10.99.0.1", 100)]
        assert files(namespace.root) == before
        assert await control.capture("adapters") == captured


async def test_link_local_addresses_come_when_they_like(namespace: Namespace) -> None:
    """While the kernel asks whether another has one, and after: neither makes it another state of the host."""
    control = LinuxControl(namespace.root, namespace.run)

    async def link_local(suffix: str) -> None:
        assert (await namespace.run("ip", "address", "add", f"fe80::{suffix}/64", "dev", "up0")).code == 0
        shown = (await namespace.run("ip", "address", "show", "dev", "up0", "tentative")).out
        assert f"fe80::{suffix}/64" in shown, "the kernel takes its time to ask"

    await link_local("77")
    captured = await control.capture("adapters")
    assert "fe80::77" in captured
    assert "tentative" not in captured
    await link_local("88")
    await control.restore("adapters", captured)
    assert {"fe80::77", "fe80::88"} <= await namespace.link_local()


async def test_an_adapter_that_is_no_longer_ours_keeps_its_addresses(namespace: Namespace) -> None:
    control = LinuxControl(namespace.root, namespace.run)
    await control.set("adapters", STATIC)
    await control.set("adapters", HostSettings())
    assert (await control.settings()).adapters == ()
    assert await namespace.addresses() == {"10.77.0.5/24"}


async def test_dhcp_needs_networkd(namespace: Namespace) -> None:
    control = LinuxControl(namespace.root, namespace.run)
    wanted = HostSettings(adapters=(Adapter(name="up0"),))
    assert await refused(control.set("adapters", wanted)) == "UNSUPPORTED"
    assert await namespace.addresses() == {"10.99.0.2/24"}


async def test_a_host_behind_the_air_gap_has_no_address_and_answers_nobody(namespace: Namespace) -> None:
    require_nft()
    control = LinuxControl(namespace.root, namespace.run)
    assert (await control.settings()).airgap is False
    assert await namespace.reaches("10.99.0.2")
    before, captured = files(namespace.root), await control.capture("airgap")
    for _ in range(2):
        await control.set("airgap", GAP)
        assert (await control.settings()).airgap is True
        assert await namespace.addresses() == set()
        assert await namespace.gateways() == []
        assert not await namespace.reaches("10.99.0.2")
    # an address that somebody gives it again does not help: the table drops what it sends and gets
    await namespace.run("ip", "address", "add", "10.99.0.2/24", "dev", "up0")
    assert not await namespace.reaches("10.99.0.2")
    assert (namespace.root / airgap.UNIT[1:]).exists()
    for _ in range(2):
        await control.restore("airgap", captured)
        assert await namespace.addresses() == {"10.99.0.2/24"}
        assert await namespace.gateways() == [("10.99.0.1", 100)]
        assert await namespace.reaches("10.99.0.2")
        assert files(namespace.root) == before
        assert await control.capture("airgap") == captured


async def test_closing_the_gap_later_brings_back_what_was_taken_away(namespace: Namespace) -> None:
    require_nft()
    control = LinuxControl(namespace.root, namespace.run)
    before = files(namespace.root)
    for wanted in (GAP, GAP, NO_GAP, NO_GAP):
        await control.set("airgap", wanted)
    assert (await control.settings()).airgap is False
    assert await namespace.addresses() == {"10.99.0.2/24"}
    assert await namespace.gateways() == [("10.99.0.1", 100)]
    assert files(namespace.root) == before


async def test_the_gap_comes_back_when_its_closing_is_undone(namespace: Namespace) -> None:
    require_nft()
    control = LinuxControl(namespace.root, namespace.run)
    await control.set("airgap", GAP)
    before, captured = files(namespace.root), await control.capture("airgap")
    await control.set("airgap", NO_GAP)
    await control.restore("airgap", captured)
    assert (await control.settings()).airgap is True
    assert await namespace.addresses() == set()
    assert files(namespace.root) == before


async def test_a_bridge_over_an_adapter_is_behind_the_gap_too_and_its_port_stays_its_port(namespace: Namespace) -> None:
    """On a recorded tree: which link stands on which."""
    require_nft()
    await namespace.run("ip", "link", "add", "br0", "type", "bridge")
    base = namespace.root / "sys/class/net"
    (base / "br0").mkdir()
    (base / "up0/upper_br0").symlink_to("../br0")
    (base / "up0/master").symlink_to("../br0")
    await LinuxControl(namespace.root, namespace.run).set("airgap", GAP)
    assert 'iifname { "br0", "up0" } drop' in (namespace.root / airgap.RULES[1:]).read_text()
    assert "Name=br0\n" in (namespace.root / airgap.NETWORK[1:]).read_text()


async def test_a_host_without_adapters_has_no_gap(tmp_path: Path) -> None:
    assert await refused(LinuxControl(tmp_path).set("airgap", GAP)) == "UNSUPPORTED"


async def test_the_kernel_of_the_namespace_routes(namespace: Namespace) -> None:
    """A child in the namespace sets it, as /proc/sys/net shows the namespace of who looks."""
    (namespace.root / "proc").symlink_to("/proc")
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from guestwire.agent.drivers.linux.control import LinuxControl\n"
        "from guestwire.model.settings import HostSettings\n"
        "async def main():\n"
        "    control = LinuxControl(Path(sys.argv[1]))\n"
        "    seen = [(await control.settings()).ip_forward]\n"
        "    state = await control.capture('ip_forward')\n"
        "    await control.set('ip_forward', HostSettings(ip_forward=True))\n"
        "    seen.append((await control.settings()).ip_forward)\n"
        "    await control.restore('ip_forward', state)\n"
        "    print(*seen, (await control.settings()).ip_forward)\n"
        "asyncio.run(main())\n"
    )
    here = await asyncio.to_thread(Path("/proc/sys/net/ipv4/ip_forward").read_text)
    await namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    ended = await namespace.run(sys.executable, "-c", code, str(namespace.root))
    assert ended.out.split() == ["False", "True", "False"], ended.err
    assert await asyncio.to_thread(Path("/proc/sys/net/ipv4/ip_forward").read_text) == here
    assert not (namespace.root / "etc/sysctl.d/90-guestwire.conf").exists()
