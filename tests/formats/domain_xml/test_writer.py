"""The documents themselves: golden files, and what each field and choice puts where."""

from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from chosen_guests import CHOSEN, FILES, GOLDEN, file_text
from generated_guests import document

from guestwire.formats.domain_xml.reader import from_xml
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest, Nic, Override, PortForward, Share


@pytest.mark.parametrize("file", FILES)
def test_the_golden_files(file: str) -> None:
    """`python tests/formats/domain_xml/chosen_guests.py` writes them anew; then look at the difference."""
    text = (GOLDEN / f"{file}.xml").read_text(encoding="utf-8")
    assert file_text(file) == text
    assert from_xml(text) == CHOSEN[FILES[file][0]]


def test_every_golden_file_has_its_guest() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(FILES)


def domain(hypervisor: str = "qemu", /, **fields: Any) -> Element:
    return fromstring(document(Guest(**{"name": "a", **fields}), hypervisor))


def lines(found: list[Element]) -> list[str]:
    for element in found:
        element.tail = None
    return [tostring(element, encoding="unicode") for element in found]


def test_an_rt_guest_under_kvm_gets_the_real_time_recipe() -> None:
    made = domain("kvm", kind="rt", vcpus=2, cpuset="c8-c9")
    assert lines(made.findall("cputune/*")) == [
        '<vcpupin vcpu="0" cpuset="8" />',
        '<vcpupin vcpu="1" cpuset="9" />',
        '<emulatorpin cpuset="40-41" />',
        '<vcpusched vcpus="0-1" scheduler="fifo" priority="1" />',
    ]
    assert lines(made.findall("numatune/*")) == ['<memory mode="strict" nodeset="1" />']
    assert lines(made.findall("memoryBacking/*")) == ["<nosharepages />", "<locked />"]
    assert lines(made.findall("features/pmu")) == ['<pmu state="off" />']
    assert lines(made.findall("cpu/feature")) == ['<feature policy="require" name="tsc-deadline" />']
    assert made.find("cpu[@mode='host-passthrough']") is not None
    assert made.find("devices/memballoon[@model='none']") is not None
    assert made.find("devices/controller[@type='usb'][@model='none']") is not None


def test_a_general_guest_under_kvm_does_not() -> None:
    made = domain("kvm", cpuset="0")
    for path in ("cputune/vcpusched", "features/pmu", "cpu/feature", "memoryBacking"):
        assert made.find(path) is None
    assert made.find("cpu[@mode='host-passthrough']") is not None


def test_emulation_keeps_room_for_a_second_vcpu_and_leaves_the_scheduler_alone() -> None:
    made = domain(kind="rt", cpuset="1-2")
    assert lines(made.findall("vcpu")) == ['<vcpu placement="static" current="1">2</vcpu>']
    assert lines(made.findall("cpu/topology")) == ['<topology sockets="1" cores="2" threads="1" />']
    assert made.find("cputune/vcpupin") is not None
    assert made.find("cputune/vcpusched") is None
    assert lines(domain(kind="gp_comm", vcpus=3).findall("vcpu")) == ['<vcpu placement="static">3</vcpu>']
    assert lines(domain().findall("vcpu")) == ['<vcpu placement="static">1</vcpu>'], "it shares no memory"


@pytest.mark.parametrize(
    ("vcpus", "topology", "kind", "wanted"),
    [
        (4, "auto", "kvm", ("1", "4", "1")),
        (4, (2, 1, 2), "kvm", ("2", "1", "2")),
        (4, (2, 1, 2), "qemu", ("2", "1", "2")),
        (1, (1, 1, 1), "kvm", ("1", "1", "1")),
        (1, (1, 1, 1), "qemu", ("1", "1", "1")),
    ],
)
def test_the_topology_makes_as_many_vcpus_as_there_may_be(
    vcpus: int, topology: Any, kind: str, wanted: tuple[str, str, str]
) -> None:
    (found,) = domain(kind, vcpus=vcpus, topology=topology).findall("cpu/topology")
    assert tuple(found.attrib.values()) == wanted


def test_a_cpuset_without_cpus_pins_nothing() -> None:
    assert domain(cpuset="~0-63").find("cputune") is None


def test_nodes_without_cpus_are_written() -> None:
    made = domain(numatune="0,2")
    assert lines(made.findall("numatune/*")) == ['<memory mode="strict" nodeset="0,2" />']


@pytest.mark.parametrize(
    ("disk", "format_", "bus", "type_"),
    [
        (Disk(path="/a.qcow2"), "qcow2", "virtio", "file"),
        (Disk(path="/dev/vg/a", format="raw"), "raw", "virtio", "block"),
        (Disk(path="/a.iso", device="cdrom"), "raw", "sata", "file"),
        (Disk(path="/a.qcow2", device="cdrom"), "qcow2", "sata", "file"),
        (Disk(device="cdrom"), "raw", "sata", "file"),
    ],
)
def test_disks(disk: Disk, format_: str, bus: str, type_: str) -> None:
    (found,) = domain(disks=(disk,)).findall("devices/disk")
    assert found.get("type") == type_
    assert [element.get("type") for element in found.findall("driver")] == [format_]
    assert [element.get("bus") for element in found.findall("target")] == [bus]
    assert [next(iter(element.attrib.values())) for element in found.findall("source")] == [disk.path] * bool(disk.path)


def test_windows_installs_from_sata_and_reads_only_from_virtio() -> None:
    disks = (Disk(path="/a.qcow2"), Disk(path="/b.qcow2", read_only=True), Disk(device="cdrom"))
    made = domain(os_type="Windows10", disks=disks)
    targets = [(target.get("dev"), target.get("bus")) for target in made.findall("devices/disk/target")]
    assert targets == [("sda", "sata"), ("vda", "virtio"), ("sdb", "sata")]


def test_what_an_ephemeral_guest_may_write_is_transient() -> None:
    disks = (Disk(path="/a"), Disk(path="/b", read_only=True), Disk(device="cdrom"))
    made = domain(disks=disks, persistence="ephemeral")
    assert [disk.find("transient") is not None for disk in made.findall("devices/disk")] == [True, False, False]


def test_a_usb_device_brings_its_controller() -> None:
    (found,) = domain(kind="rt", devices=("usb:1234:abcd",)).findall("devices/controller[@type='usb']")
    assert found.get("model") == "qemu-xhci"


def test_what_is_shared_read_only_needs_no_shared_memory() -> None:
    share = Share(path="/srv", tag="srv")
    made = domain(shares=(share,))
    assert made.find("memoryBacking") is None
    assert made.find("devices/filesystem/driver") is None
    assert made.find("devices/filesystem/readonly") is not None
    made = domain(shares=(share.model_copy(update={"read_only": False}),))
    assert lines(made.findall("memoryBacking/*")) == ['<source type="memfd" />', '<access mode="shared" />']
    assert made.find("devices/filesystem/driver[@type='virtiofs']") is not None


def test_forwards_go_onto_the_first_card_of_the_user_network() -> None:
    made = domain(nics=(Nic(bridge="b"), Nic(), Nic()), port_forwards=(PortForward(host_port=1, guest_port=2),))
    cards = made.findall("devices/interface")
    assert [len(card.findall("portForward")) for card in cards] == [0, 1, 0]
    assert [card.find("backend[@type='passt']") is not None for card in cards] == [False, True, False]


def test_the_heap_is_not_the_guests_own_memory() -> None:
    assert domain(memory_mib=64, heap_mib=32).findtext("memory") == "64"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"disks": (Disk(device="cdrom"), Disk())}, "guests.a.disks[1].path"),
        ({"disks": (Disk(path="/dev/sdx"),), "persistence": "ephemeral"}, "guests.a.disks[0].path"),
        ({"port_forwards": (PortForward(host_port=1, guest_port=1),)}, "guests.a.port_forwards"),
        (
            {"port_forwards": (PortForward(host_port=1, guest_port=1),), "nics": (Nic(bridge="b"),)},
            "guests.a.port_forwards",
        ),
    ],
)
def test_what_libvirt_could_not_do_is_refused_with_its_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        domain(**fields)
    assert (caught.value.code, caught.value.field) == ("DOCUMENT-INVALID", place)


def test_a_guest_on_the_console_has_a_screen_that_nobody_can_connect_to() -> None:
    made = domain(autostart="console")
    assert lines(made.findall("devices/graphics[@type='vnc']/*")) == ['<listen type="none" />']
    for mode in ("off", "headless"):
        assert domain(autostart=mode).find("devices/graphics") is None
    own = Override(op="add", sel="devices", xml="<graphics type='spice'/>")
    assert lines(domain(autostart="console", overrides=(own,)).findall("devices/graphics")) == [
        '<graphics type="spice" />'
    ]
