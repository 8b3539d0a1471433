"""A guest as domain XML and back: exactly, with every edit of another tool visible, and foreign domains as they are."""

import json
from xml.etree.ElementTree import fromstring, tostring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.agent.drivers.libvirt.domain_xml import NAMESPACE, Choices, from_xml, to_xml
from guestwire.agent.drivers.libvirt.policy import choices, hypervisor
from guestwire.agent.drivers.simulated.machines import MACHINES
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Disk, Guest, ReadyWhen

MACHINE = MACHINES["64-thread-4-node"].topology
UUID = "0f7b5a8e-1111-4222-8333-444455556666"

printable = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"), max_size=20)
anything = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
paths = printable.map(lambda text: f"/{text}")
ready = st.one_of(
    st.builds(ReadyWhen, by=st.sampled_from(("guest_agent", "never")), within_s=st.integers(1, 3600)),
    st.builds(ReadyWhen, by=st.just("console_text"), text=anything.filter(bool)),
)
guests = st.builds(
    Guest,
    name=st.from_regex(r"[A-Za-z0-9_.-]{1,63}", fullmatch=True),
    id=st.from_regex(r"GUEST[0-9]{4}", fullmatch=True),
    uuid=st.uuids().map(str),
    kind=st.sampled_from(("rt", "gp_comm", "gp")),
    os_type=printable,
    vcpus=st.integers(1, 1024),
    memory_mib=st.integers(16, 1 << 24),
    cpuset=st.sampled_from((None, "0-3", "~n0", "c1-c3,40", "0", "d0", "p0", "~0-63")),
    firmware=st.sampled_from(("bios", "uefi")),
    disks=st.lists(
        st.builds(
            Disk,
            path=paths,
            format=st.sampled_from(("qcow2", "raw")),
            device=st.sampled_from(("disk", "cdrom")),
            read_only=st.booleans(),
        ),
        max_size=32,
    ).map(tuple),
    boot=st.one_of(
        st.none(), st.builds(DirectBoot, kernel=paths, initrd=st.one_of(st.none(), paths), cmdline=printable)
    ),
    ready_when=ready,
    autostart=st.sampled_from(("off", "headless", "console")),
    comments=anything,
)


@settings(max_examples=200, deadline=None)
@given(guests, st.sampled_from(("qemu", "kvm")))
def test_a_guest_comes_back_exactly(guest: Guest, kind: str) -> None:
    assert from_xml(to_xml(guest, choices(guest, kind, MACHINE))) == guest  # type: ignore[arg-type]


def test_the_document() -> None:
    guest = Guest(
        name="plc",
        id="GUEST0001",
        uuid=UUID,
        kind="rt",
        vcpus=2,
        cpuset="c8-c9",
        memory_mib=1024,
        disks=(Disk(path="/srv/plc.qcow2"),),
        boot=DirectBoot(kernel="/srv/vmlinuz", cmdline="a=1 <b>"),
    )
    domain = fromstring(to_xml(guest, choices(guest, "kvm", MACHINE)))
    assert domain.get("type") == "kvm"
    assert domain.findtext("vcpu") == "2"
    assert [tostring(child, encoding="unicode") for child in domain.findall("cputune/*")] == [
        '<vcpupin vcpu="0" cpuset="8" />',
        '<vcpupin vcpu="1" cpuset="9" />',
        '<emulatorpin cpuset="40-41" />',
        '<vcpusched vcpus="0-1" scheduler="fifo" priority="1" />',
    ]
    assert domain.findtext("os/cmdline") == "a=1 <b>"
    assert domain.find("os/initrd") is None
    assert [element.get("dev") for element in domain.findall("devices/disk/target")] == ["vda"]
    assert domain.find("devices/serial/target") is not None
    assert [element.get("name") for element in domain.findall("devices/channel/target")] == ["org.qemu.guest_agent.0"]
    ours = json.loads(domain.findtext(f"metadata/{{{NAMESPACE}}}guest") or "")
    assert ours == {"id": "GUEST0001", "kind": "rt", "cpuset": "c8-c9", "cpus": "8-9,40-41"}


def test_emulation_keeps_room_for_a_second_vcpu_and_leaves_the_scheduler_alone() -> None:
    guest = Guest(name="a", kind="rt", vcpus=1, cpuset="1-2")
    domain = fromstring(to_xml(guest, choices(guest, "qemu", MACHINE)))
    vcpu = domain.find("vcpu")
    assert vcpu is not None
    assert (domain.get("type"), vcpu.text, vcpu.get("current")) == ("qemu", "2", "1")
    assert domain.find("cputune/vcpusched") is None
    assert domain.find("cpu") is None
    more = fromstring(to_xml(Guest(name="a", vcpus=3), choices(Guest(name="a", vcpus=3), "qemu", MACHINE)))
    assert (more.findtext("vcpu"), more.find("cputune")) == ("3", None)


@pytest.mark.parametrize(
    ("setting", "offered", "proven", "kind"),
    [
        ("auto", True, True, "kvm"),
        ("auto", True, False, "qemu"),
        ("auto", False, True, "qemu"),
        ("qemu", True, True, "qemu"),
        ("kvm", False, False, "kvm"),
    ],
)
def test_kvm_only_where_it_is_offered_and_proven(setting: str, offered: bool, proven: bool, kind: str) -> None:
    assert hypervisor(setting, kvm_offered=offered, kvm_proven=proven) == kind  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ('<memory unit="MiB">512</memory>', '<memory unit="KiB">1048576</memory>', {"memory_mib": 1024}),
        ('current="1"', 'current="2"', {"vcpus": 2}),
        ("<name>a</name>", "<name>b</name>", {"name": "b"}),
        ("/srv/a.qcow2", "/srv/b.qcow2", {"disks": (Disk(path="/srv/b.qcow2"),)}),
        ('<emulatorpin cpuset="0-1,32-33" />', '<emulatorpin cpuset="0-2" />', {"cpuset": "0-2,32-33"}),
        ('<vcpupin vcpu="0" cpuset="0-1,32-33" /><emulatorpin cpuset="0-1,32-33" />', "", {"cpuset": None}),
    ],
    ids=["memory", "vcpus", "name", "disk", "pins", "no pins"],
)
def test_an_edit_made_behind_our_back_shows(before: str, after: str, change: dict[str, object]) -> None:
    guest = Guest(name="a", id="GUEST0001", uuid=UUID, cpuset="c0-c1", disks=(Disk(path="/srv/a.qcow2"),))
    xml = to_xml(guest, choices(guest, "qemu", MACHINE))
    assert before in xml
    assert from_xml(xml.replace(before, after)) == guest.model_copy(update=change)


FOREIGN = f"""<domain type='kvm'>
  <name>win 10/ü</name><uuid>{UUID}</uuid>
  <metadata><other xmlns="urn:other">x</other></metadata>
  <memory unit='GiB'>4</memory><vcpu placement='static' cpuset='0-3,^2'>4</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><loader readonly='yes' type='pflash'>/usr/share/OVMF/x.fd</loader></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='vmdk'/><source file='/a.vmdk'/><target dev='vda'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/b.img'/><target dev='vdb'/></disk>
    <disk type='network' device='disk'><source protocol='rbd' name='c'/><target dev='vdc'/></disk>
    <disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>
  </devices>
</domain>"""


def test_a_domain_of_another_tool_has_no_id_and_is_described_as_well_as_it_can_be() -> None:
    assert from_xml(FOREIGN) == Guest(
        name="win_10__",
        uuid=UUID,
        vcpus=4,
        memory_mib=4096,
        cpuset="0-1,3",
        firmware="uefi",
        disks=(Disk(path="/b.img", format="raw"),),
    )


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"id": "nonsense"}', '{"kind": 7}'])
def test_metadata_that_somebody_broke_makes_it_foreign(text: str) -> None:
    guest = Guest(name="a", id="GUEST0001", uuid=UUID, kind="rt")
    domain = fromstring(to_xml(guest, Choices("qemu")))
    element = domain.find(f"metadata/{{{NAMESPACE}}}guest")
    assert element is not None
    element.text = text
    assert from_xml(tostring(domain, encoding="unicode")) == Guest(name="a", uuid=UUID)


def test_what_is_no_xml_is_an_error() -> None:
    with pytest.raises(GuestwireError) as caught:
        from_xml("<domain>")
    assert caught.value.code == "DRIVER-ERROR"
