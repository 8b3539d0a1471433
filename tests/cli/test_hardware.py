"""`guestwire hardware`: the machine, and a draft on another one."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.cli.hardware_views import machine_lines
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.topology import Cpu, NetAdapter, PciDevice, Topology, UsbDevice
from guestwire.protocol.config_models import TuningRow

RT = Guest(name="rt", kind="rt", cpuset="6,7", memory_mib=256)


def test_the_tree_of_a_large_machine() -> None:
    lines = machine_lines(MACHINES["64-thread-4-node"].topology, devices=True)
    assert lines[:5] == [
        "Package 0", "  Die 0", "    Node 0 32768 MiB", "      L3 16 MiB", "        Core 0: CPU 0, CPU 32"
    ]  # fmt: skip
    assert sum("Core" in line for line in lines) == 32
    assert "0000:01:00.0 network 8086:1533, driver igb, IOMMU group 2" in lines


def test_devices_with_links_and_addresses() -> None:
    adapters = (
        NetAdapter(
            ifname="eth0", mac="02:47:0a", link="up", speed_mbit=1000, addresses=("10.0.0.2/24",), management=True
        ),
        NetAdapter(ifname="eth1", link="down"),
    )
    card = PciDevice(
        address="0000:01:00.0", pci_class=0x020000, vendor=0x8086, device=0x1521, vendor_name="Intel Corporation",
        device_name="I350", net=adapters,
    )  # fmt: skip
    stick = UsbDevice(port="1-2", bus=1, number=3, vendor=0x46D, product=0xC31C, name="Keyboard", speed_mbit=1.5)
    lines = machine_lines(Topology(fingerprint="f", cpus=(), devices=(card,), usb=(stick,)), devices=True)
    assert lines == [
        "0000:01:00.0 network 8086:1521, Intel Corporation I350, driver none",
        "  eth0: link up 1000 Mbit/s, 02:47:0a, 10.0.0.2/24, the host is managed over it",
        "  eth1: link down",
        "usb:046d:c31c Keyboard, port 1-2, 1.5 Mbit/s",
    ]


def test_kinds_of_cores_and_odd_cpus() -> None:
    lines = machine_lines(MACHINES["16-core-pe"].topology, devices=False)
    assert any(line.strip() == "Core 0 (P): CPU 0, CPU 1" for line in lines)
    assert any(line.strip() == "Core 8 (E): CPU 16" for line in lines)
    odd = Topology(fingerprint="f", cpus=(Cpu(id=0, core=0, isolated=True), Cpu(id=1, core=1, online=False), Cpu(id=2)))
    assert [line.strip() for line in machine_lines(odd, devices=False)][-3:] == [
        "Core 0: CPU 0 (isolated)",
        "Core 1: CPU 1 (offline)",
        "CPUs of unknown place: 2",
    ]


def test_show(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    config = fleet.hosts["h1"].config
    assert "Core 3: CPU 3" in run("hardware", "show", "h1").stdout
    assert "0000:01:00.0" not in run("hardware", "show", "h1").stdout
    assert "0000:01:00.0" in run("hardware", "show", "h1", "--io").stdout
    assert Topology.model_validate_json(run("hardware", "show", "h1", "-o", "json").stdout) == config.topology
    assert run("hardware", "show", "h1", "-o", "name").stdout.strip() == config.topology.fingerprint
    config.topology = None
    assert run("hardware", "show", "h1").exit_code == 1


@pytest.fixture
def moved(run, fleet: FakeFleet) -> FakeFleet:  # type: ignore[no-untyped-def]
    """A draft made for 8 CPUs, of a host that has 4 now."""
    config = fleet.hosts["h1"].config
    config.topology = MACHINES["bios-8-cpu"].topology
    config.add(Desired(guests=(RT,)))
    assert run("project", "pull", "h1").exit_code == 0
    config.topology = MACHINES["bios-4-cpu"].topology
    return fleet


def test_tuning(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert "no real-time guest runs" in run("hardware", "tuning", "h1").output
    path = "/proc/irq/24/smp_affinity_list"
    row = TuningRow(path=path, why="kept off", wanted="0-1", now="0-3", original="0-3", state="refused", reason="EIO")
    fleet.hosts["h1"].config.tuned = (row,)
    said = run("hardware", "tuning", "h1", "-o", "wide")
    assert all(text in said.stdout for text in (path, "0-1", "refused", "EIO"))
    assert "siblings: cgroup v1" in said.output
    assert json.loads(run("hardware", "tuning", "h1", "-o", "json").stdout)[0]["reason"] == "EIO"


def test_pull_shows_and_changes_nothing(run, moved: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    before = run("project", "show", "h1").stdout
    said = run("hardware", "pull", "h1", "-o", "json")
    assert said.exit_code == 0, said.stderr
    (remapped,) = [one for one in json.loads(said.stdout) if one["code"] == "CPU-REMAPPED"]
    assert remapped["path"] == "guests.rt.cpuset"
    assert "--save" in said.stderr
    assert run("project", "show", "h1").stdout == before


def test_pull_saves_and_applies_nothing(run, moved: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("hardware", "pull", "h1", "--save").exit_code == 0
    document = json.loads(run("project", "show", "h1", "-o", "json").stdout)
    assert document["guests"][0]["cpuset"] != "6,7"
    assert document["base_topology"] == MACHINES["bios-4-cpu"].topology.fingerprint
    assert "config-apply" not in moved.hosts["h1"].calls
    assert run("project", "validate", "h1").exit_code == 0
    again = run("hardware", "pull", "h1", "--save")
    assert "the machine that the draft was made for" in again.stderr


def test_the_same_machine(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "pull", "h1").exit_code == 0
    assert "the machine that the draft was made for" in run("hardware", "pull", "h1").stderr
