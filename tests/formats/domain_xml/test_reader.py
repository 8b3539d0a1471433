"""A guest as domain XML and back: exactly, with every edit of another tool visible, and foreign domains as they are."""

import json
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import pytest
from generated_guests import document, guests
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.formats.domain_xml.adoption import adoption, not_adoptable
from guestwire.formats.domain_xml.names import METADATA_TAG, NAMESPACE
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.reader import from_xml, read
from guestwire.formats.domain_xml.writer import to_xml
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, PortForward, ReadyWhen, Share

UUID = "0f7b5a8e-1111-4222-8333-444455556666"
MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"


@settings(max_examples=100, deadline=None)
@given(guests(), st.sampled_from(("qemu", "kvm")))
def test_a_guest_comes_back_exactly(guest: Guest, kind: str) -> None:
    reading = read(document(guest, kind))
    assert reading.guest == guest
    assert len(reading.disk_targets) == len(guest.disks)


GUEST = Guest(
    name="a",
    id="GUEST0001",
    uuid=UUID,
    cpuset="c0-c1",
    numatune="",
    title="A title",
    disks=(
        Disk(device="cdrom"),
        Disk(path="/srv/a.qcow2", size_mib=4096, clone_of="/srv/base.qcow2"),
        Disk(path="/srv/b.qcow2", size_mib=8192),
    ),
    nics=(Nic(bridge="br0", mac=MAC), Nic(mac=OTHER_MAC)),
    port_forwards=(PortForward(host_port=2222, guest_port=22),),
    devices=("0000:03:00.0",),
    shares=(Share(path="/srv/data", tag="data"),),
    boot=DirectBoot(kernel="/srv/vmlinuz", cmdline="quiet"),
)


def edited(guest: Guest, edit: Any) -> Guest:
    """The guest after another tool did `edit` to its domain."""
    domain = fromstring(document(guest))
    edit(domain)
    return from_xml(tostring(domain, encoding="unicode"))


def of(domain: Element, path: str) -> Element:
    found = domain.find(path)
    assert found is not None
    return found


def put(path: str, **attributes: str) -> Any:
    return lambda domain: of(domain, path).attrib.update(attributes)


def text(path: str, words: str) -> Any:
    return lambda domain: setattr(of(domain, path), "text", words)


def remove(path: str, child: str) -> Any:
    return lambda domain: of(domain, path).remove(of(domain, f"{path}/{child}"))


def add(path: str, xml: str) -> Any:
    return lambda domain: of(domain, path).append(fromstring(xml))


def disks(*changes: dict[str, Any] | None) -> dict[str, Any]:
    return {"disks": tuple(d.model_copy(update=c) for d, c in zip(GUEST.disks, changes, strict=True) if c is not None)}


EDITS: list[tuple[str, Any, dict[str, Any]]] = [
    ("memory", text("memory", "1024"), {"memory_mib": 1024}),
    ("name", text("name", "b"), {"name": "b"}),
    ("title", text("title", "Another"), {"title": "Another"}),
    ("description", add(".", "<description>new</description>"), {"description": "new"}),
    ("vcpus", put("vcpu", current="2"), {"vcpus": 2}),
    ("topology", put("cpu/topology", sockets="2", cores="1"), {"topology": (2, 1, 1)}),
    ("pins", put("cputune/emulatorpin", cpuset="0-2"), {"cpuset": "0-2,32-33"}),
    ("no pins", lambda domain: domain.remove(of(domain, "cputune")), {"cpuset": None}),
    ("nodes", add(".", "<numatune><memory mode='strict' nodeset='0-1'/></numatune>"), {"numatune": "0-1"}),
    ("locked", add(".", "<memoryBacking><locked/></memoryBacking>"), {"lock_memory": True}),
    ("pages", add(".", "<memoryBacking><hugepages><page size='1' unit='G'/></hugepages></memoryBacking>"),
     {"hugepages_mib": 1024}),
    ("hidden", add("features", "<kvm><hidden state='on'/></kvm>"), {"hide_kvm": True}),
    ("firmware", put("os", firmware="efi"), {"firmware": "uefi"}),
    ("cmdline", text("os/cmdline", "debug"), {"boot": DirectBoot(kernel="/srv/vmlinuz", cmdline="debug")}),
    ("no boot", remove("os", "kernel"), {"boot": None}),
    ("disk moved", put("devices/disk[3]/source", file="/srv/c.qcow2"), disks({}, {}, {"path": "/srv/c.qcow2"})),
    ("disk read-only", add("devices/disk[2]", "<readonly/>"), disks({}, {"read_only": True}, {})),
    ("disk gone", remove("devices", "disk[2]"), disks({}, None, {})),
    ("medium put in", add("devices/disk[1]", "<source file='/iso/a.iso'/>"), disks({"path": "/iso/a.iso"}, {}, {})),
    ("drive added", add("devices", "<disk type='file' device='cdrom'><target dev='sdb'/></disk>"),
     {"disks": (*GUEST.disks, Disk(device="cdrom", format="raw"))}),
    ("card moved", put("devices/interface[1]/source", bridge="br1"),
     {"nics": (Nic(bridge="br1", mac=MAC), GUEST.nics[1])}),
    ("card gone", remove("devices", "interface[1]"), {"nics": GUEST.nics[1:]}),
    ("card added", add("devices", f"<interface type='network'><source network='n'/><mac address='{MAC[:-1]}A'/></interface>"),
     {"nics": (*GUEST.nics, Nic(network="n", mac=MAC[:-1] + "a"))}),
    ("forward gone", remove("devices/interface[2]", "portForward"), {"port_forwards": ()}),
    ("device gone", remove("devices", "hostdev"), {"devices": ()}),
    ("share gone", remove("devices", "filesystem"), {"shares": ()}),
    ("real time", add("cputune", "<vcpusched vcpus='0' scheduler='fifo' priority='9'/>"), {}),
    ("ephemeral", add("devices/disk[2]", "<transient/>"), {"persistence": "ephemeral"}),
    ("too little memory", text("memory", "8"), {"memory_mib": 512}),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "change"), [case[1:] for case in EDITS], ids=[case[0] for case in EDITS])
def test_an_edit_made_behind_our_back_shows_and_nothing_else_does(edit: Any, change: dict[str, Any]) -> None:
    assert edited(GUEST, edit) == GUEST.model_copy(update=change)


def test_what_libvirt_does_to_a_document_is_no_edit() -> None:
    """Disks sorted by bus, memory in KiB, vCPUs scheduled one by one, a MAC of its own, addresses and defaults."""
    guest = GUEST.model_copy(
        update={"kind": "rt", "vcpus": 2, "cpuset": "8-9,40", "nics": (Nic(),), "port_forwards": ()}
    )
    domain = fromstring(document(guest, "kvm"))
    of(domain, "memory").attrib.clear()
    of(domain, "memory").text = str(512 << 10)
    devices = of(domain, "devices")
    for disk in domain.findall("devices/disk")[:0:-1]:
        devices.remove(disk)
        devices.insert(0, disk)
    for element in devices:
        element.append(fromstring("<address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>"))
    of(domain, "devices/interface").append(fromstring("<mac address='52:54:00:ab:cd:ef'/>"))
    tune = of(domain, "cputune")
    tune.remove(of(domain, "cputune/vcpusched"))
    for vcpu in "10":
        tune.append(fromstring(f"<vcpusched vcpus='{vcpu}' scheduler='fifo' priority='1'/>"))
    domain.append(fromstring("<seclabel type='dynamic'/>"))
    of(domain, "cpu").attrib["check"] = "none"
    of(domain, "cpu/topology").attrib["dies"] = "1"
    assert from_xml(tostring(domain, encoding="unicode")) == guest


def test_a_scheduler_taken_away_makes_an_rt_guest_general_purpose() -> None:
    guest = Guest(name="a", id="GUEST0001", uuid=UUID, kind="rt", cpuset="1-2")
    domain = fromstring(document(guest, "kvm"))
    of(domain, "cputune").remove(of(domain, "cputune/vcpusched"))
    assert from_xml(tostring(domain, encoding="unicode")) == guest.model_copy(update={"kind": "gp"})


def test_a_copy_that_another_tool_made_is_not_ours() -> None:
    other = "0f7b5a8e-1111-4222-8333-000000000000"
    assert edited(GUEST, text("uuid", other)) == GUEST.model_copy(update={"id": None, "uuid": other})


def test_a_field_that_was_not_looked_at_when_it_was_defined_is_as_given() -> None:
    domain = fromstring(document(GUEST))
    element = of(domain, f"metadata/{METADATA_TAG}")
    ours = json.loads(element.text or "")
    for name in ("lock_memory", "disks", "nics"):
        del ours["as_defined"][name]
    element.text = json.dumps(ours)
    assert from_xml(tostring(domain, encoding="unicode")) == GUEST


def test_targets_follow_the_guests_order_not_the_documents() -> None:
    domain = fromstring(document(GUEST))
    assert read(tostring(domain, encoding="unicode")).disk_targets == ("sda", "vda", "vdb")
    of(domain, "devices").remove(of(domain, "devices/disk[2]"))
    add("devices", "<disk type='file'><source file='/x'/><target dev='vdc'/></disk>")(domain)
    assert read(tostring(domain, encoding="unicode")).disk_targets == ("sda", "vdb", "vdc")


FOREIGN = f"""<?xml version="1.0" encoding="utf-8"?>
<domain type='kvm'>
  <name>win 10/ü</name><uuid>{UUID.upper()}</uuid><title>Office</title>
  <metadata><other xmlns="urn:other">x</other></metadata>
  <memory unit='GiB'>4</memory><vcpu placement='static' cpuset='0-3,^2'>4</vcpu>
  <memoryBacking><hugepages/><locked/></memoryBacking>
  <cpu mode='host-model'><topology sockets='1' dies='1' cores='2' threads='2'/></cpu>
  <features><kvm><hidden state='on'/></kvm></features>
  <os><type arch='x86_64' machine='pc'>hvm</type><loader readonly='yes' type='pflash'>/usr/share/OVMF/x.fd</loader></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='vmdk'/><source file='/a.vmdk'/><target dev='vda'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/b.img'/><target dev='vdb'/></disk>
    <disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/c'/><target dev='vdc'/></disk>
    <disk type='network' device='disk'><source protocol='rbd' name='c'/><target dev='vdd'/></disk>
    <disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>
    <disk type='file' device='floppy'><source file='/f.img'/><target dev='fda'/></disk>
    <interface type='bridge'><source bridge='br0'/><mac address='52:54:00:00:00:0A'/><model type='e1000'/></interface>
    <interface type='direct'><source dev='eth0'/></interface>
    <interface type='hostdev'><source><address type='pci' domain='0' bus='3' slot='010' function='0x1'/></source></interface>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0x0951'/><product id='0x1666'/></source></hostdev>
    <hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/></source></hostdev>
    <filesystem type='mount'><source dir='/srv/'/><target dir='srv'/></filesystem>
    <filesystem type='mount'><source dir='/srv'/><target dir='no tag of ours'/></filesystem>
  </devices>
</domain>"""


def without_overrides(guest: Guest) -> Guest:
    """What the model itself says of a domain; test_foreign.py is about the rest."""
    return guest.model_copy(update={"overrides": ()})


def test_a_domain_of_another_tool_has_no_id_and_is_described_as_well_as_it_can_be() -> None:
    reading = read(FOREIGN)
    assert not_adoptable(FOREIGN) == ()
    assert without_overrides(reading.guest) == Guest(
        name="win_10__",
        uuid=UUID,
        title="Office",
        vcpus=4,
        topology=(1, 2, 2),
        memory_mib=4096,
        hugepages_mib=2,
        lock_memory=True,
        cpuset="0-1,3",
        numatune="",
        hide_kvm=True,
        firmware="uefi",
        disks=(
            Disk(path="/b.img", format="raw"),
            Disk(path="/dev/vg/c", format="raw"),
            Disk(device="cdrom", format="raw"),
        ),
        nics=(Nic(bridge="br0", mac="52:54:00:00:00:0a", model="e1000e"),),
        devices=("0000:03:08.1", "usb:0951:1666"),
        shares=(Share(path="/srv", tag="srv", read_only=False),),
    )
    assert reading.disk_targets == ("vdb", "vdc", "sda")


def test_a_foreign_domain_with_real_time_vcpus_is_an_rt_guest() -> None:
    xml = f"""<domain><name>r</name><uuid>{UUID}</uuid><vcpu>2</vcpu><memory>65536</memory>
    <memoryBacking><locked/></memoryBacking><numatune><memory mode='strict' nodeset='1'/></numatune><cputune>
    <vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='3'/><emulatorpin cpuset='4'/>
    <vcpusched vcpus='0-1' scheduler='rr' priority='5'/></cputune></domain>"""
    wanted = Guest(name="r", uuid=UUID, kind="rt", vcpus=2, memory_mib=64, cpuset="2-4", numatune="1")
    assert without_overrides(from_xml(xml)) == wanted
    assert from_xml(xml.replace("cpuset='3'", "cpuset='3-4'")).kind == "gp"


def test_an_adopted_domain_is_seen_as_the_guest_it_was_given() -> None:
    """By what is put into its metadata, and nothing else; later edits show."""
    found = from_xml(FOREIGN)
    adopted = found.model_copy(
        update={
            "id": "GUEST0007",
            "name": "office",
            "lock_memory": "auto",
            "comments": "ours",
            "disks": (
                Disk(path="/dev/vg/c", format="raw", size_mib=7),
                Disk(path="/new.qcow2"),
                *found.disks[:1],
                *found.disks[2:],
            ),
        }
    )
    domain = fromstring(FOREIGN)
    SubElement(of(domain, "metadata"), METADATA_TAG).text = adoption(FOREIGN, adopted)
    reading = read(tostring(domain, encoding="unicode"))
    assert reading.guest == adopted
    assert reading.disk_targets == ("vdc", "", "vdb", "sda")
    of(domain, "devices/disk[3]/source").set("dev", "/dev/vg/d")
    again = from_xml(tostring(domain, encoding="unicode"))
    assert again.disks[0] == Disk(path="/dev/vg/d", format="raw", size_mib=7)
    assert again.disks[1:] == adopted.disks[1:]


OLD = """<domain type='qemu'><name>plc</name><uuid>{uuid}</uuid><metadata>
<g:guest xmlns:g="{namespace}">{ours}</g:guest></metadata><memory unit='KiB'>1048576</memory>
<vcpu placement='static' current='1'>2</vcpu><cputune><vcpupin vcpu='0' cpuset='8'/><emulatorpin cpuset='9'/></cputune>
<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><kernel>/srv/vmlinuz</kernel><cmdline>quiet</cmdline></os>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/a.qcow2'/>
<target dev='vda' bus='virtio'/></disk><disk type='file' device='cdrom'><driver name='qemu' type='raw'/>
<source file='/srv/a.iso'/><target dev='sda' bus='sata'/><readonly/></disk></devices></domain>"""


def test_the_metadata_of_the_first_version_is_still_read() -> None:
    ours = {"id": "GUEST0001", "kind": "rt", "os_type": "zephyr", "autostart": "headless", "comments": "c",
            "ready_when": {"by": "console_text", "text": "up", "within_s": 7}, "cpuset": "c8,9", "cpus": "8-9",
            "read_only_cdroms": [1]}  # fmt: skip
    guest = Guest(
        name="plc",
        id="GUEST0001",
        uuid=UUID,
        kind="rt",
        os_type="zephyr",
        memory_mib=1024,
        cpuset="c8,9",
        disks=(
            Disk(path="/srv/a.qcow2"),
            Disk(path="/srv/a.iso", format="raw", device="cdrom", read_only=True),
        ),
        boot=DirectBoot(kernel="/srv/vmlinuz", cmdline="quiet"),
        ready_when=ReadyWhen(by="console_text", text="up", within_s=7),
        autostart="headless",
        comments="c",
    )
    xml = OLD.format(uuid=UUID, namespace=NAMESPACE, ours=json.dumps(ours))
    assert from_xml(xml) == guest
    assert read(xml).disk_targets == ("vda", "sda")
    pinned = xml.replace("cpuset='9'", "cpuset='9-10'").replace("1048576", "2097152")
    assert from_xml(pinned) == guest.model_copy(update={"cpuset": "8-10", "memory_mib": 2048})


@pytest.mark.parametrize(
    "broken",
    ["", "no json", "[1]", "{}", '{"id": "nonsense"}', '{"kind": 7}', '{"guest": 1}', '{"guest": {"name": 1}}',
     '{"guest": {"name": "a"}, "as_defined": {}}', '{"guest": {"name": "a"}, "as_defined": 1, "disk_targets": []}',
     '{"guest": {"name": "a"}, "as_defined": {"disks": [1]}, "disk_targets": []}',
     '{"guest": {"name": "a", "id": "GUEST0001"}, "as_defined": {}, "disk_targets": [1]}', "[" * 100_000],
)  # fmt: skip
def test_metadata_that_somebody_broke_makes_it_foreign(broken: str) -> None:
    guest = Guest(name="a", id="GUEST0001", uuid=UUID, kind="rt")
    domain = fromstring(document(guest))
    of(domain, f"metadata/{METADATA_TAG}").text = broken
    found = from_xml(tostring(domain, encoding="unicode"))
    assert without_overrides(found) == Guest(name="a", uuid=UUID, lock_memory=True)


@pytest.mark.parametrize("wrong", ["", "<domain>", "<network/>", "\x00", "\ud800"])
def test_what_is_no_domain_is_an_error(wrong: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        from_xml(wrong)
    assert caught.value.code == "DOCUMENT-INVALID"


leaves = st.sampled_from(
    ("", "0", "-1", "x", "9" * 30, "9" * 5000, "0-99999", "^", "0x", "08", "\n", "ü" * 300, "/", "on")
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_domain_makes_the_reader_raise(data: Any) -> None:
    """Texts, attributes and elements of real documents, put wrong."""
    domain = fromstring(data.draw(st.sampled_from((FOREIGN, document(GUEST, "kvm")))))
    elements = list(domain.iter())[1:]
    for element in data.draw(st.lists(st.sampled_from(elements), min_size=1, max_size=8)):
        name = data.draw(st.sampled_from(("", *element.attrib)))
        if name and element.tag != METADATA_TAG:
            element.set(name, data.draw(leaves))
        elif element.tag != METADATA_TAG:
            element.text = data.draw(leaves)
    for element in data.draw(st.lists(st.sampled_from(elements), max_size=3)):
        for parent in domain.iter():
            if any(child is element for child in parent):
                parent.remove(element)
    text = tostring(domain, encoding="unicode")
    assert isinstance(from_xml(text), Guest)
    assert isinstance(not_adoptable(text), tuple)


@pytest.mark.parametrize(("host", "read_as"), [("h2", "h2"), ("", ""), (None, ""), (7, ""), ([], "")])
def test_a_domain_names_the_host_whose_guest_it_is(host: Any, read_as: str) -> None:
    """Whatever it says of that, the guest is the same."""
    text = document(GUEST) if host is None else to_xml(GUEST, choices(GUEST, "qemu"), host)
    domain = fromstring(text)
    ours = of(domain, f"metadata/{METADATA_TAG}")
    if not isinstance(host, str) and host is not None:
        ours.text = json.dumps(json.loads(ours.text or "") | {"host": host})
    reading = read(tostring(domain, encoding="unicode"))
    assert (reading.host, reading.guest) == (read_as, GUEST)
    ours.text = adoption(text, GUEST, "h3")
    assert read(tostring(domain, encoding="unicode")).host == "h3"
