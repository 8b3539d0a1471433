"""What another tool does to a domain of ours shows as overrides, and a definition with them makes that domain."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from chosen_guests import CHOSEN
from foreign_domains import parts
from generated_guests import document, guests
from hypothesis import given, settings
from hypothesis import strategies as st
from settling import define, inactive, settled_document

from guestwire.formats.domain_xml.reader import from_xml
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override

UUID = "0f7b5a8e-1111-4222-8333-444455556666"
MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
WATCHDOG = Override(op="add", sel="devices", xml="<watchdog model='i6300esb' action='reset'/>")
GUEST = Guest(
    name="a",
    id="GUEST0001",
    uuid=UUID,
    vcpus=2,
    cpuset="c0-c1",
    disks=(Disk(device="cdrom"), Disk(path="/srv/a.qcow2", size_mib=4096)),
    nics=(Nic(bridge="br0", mac=MAC), Nic(bridge="br0")),
    overrides=(WATCHDOG, Override(op="add", xml="<memtune><hard_limit unit='KiB'>2000000</hard_limit></memtune>")),
)
Edit = Callable[[Element], Any]


def of(domain: Element, path: str) -> Element:
    found = domain.find(path)
    assert found is not None
    return found


def put(path: str, **attributes: str) -> Edit:
    return lambda domain: of(domain, path).attrib.update(attributes)


def text(path: str, words: str) -> Edit:
    return lambda domain: setattr(of(domain, path), "text", words)


def remove(path: str, child: str) -> Edit:
    return lambda domain: of(domain, path).remove(of(domain, f"{path}/{child}"))


def add(path: str, xml: str) -> Edit:
    return lambda domain: of(domain, path).append(fromstring(xml))


def change(sel: str, xml: str = "", op: Any = "add") -> Override:
    return Override(op=op, sel=f"./{sel}", xml=xml, optional=True)


def gone(sel: str) -> Override:
    return change(sel, op="remove")


def both(*edits: Edit) -> Edit:
    return lambda domain: [edit(domain) for edit in edits]


DISK = "devices/disk[@guest='/srv/a.qcow2']"
NETWORK_DISK = (
    '<disk type="network" device="disk"><driver name="qemu" type="raw" /><source protocol="nbd" name="x">'
    '<host name="h" port="1" /></source><target dev="vdz" bus="virtio" /></disk>'
)
DIRECT = (
    f'<interface type="direct"><mac address="{MAC[:-1]}9" /><source dev="eth0" mode="bridge" />'
    '<model type="virtio" /></interface>'
)
ARGUMENT = '<qemu:commandline xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><qemu:arg value="-x" /></qemu:commandline>'
SWAPPED = both(put("cputune/vcpupin[@vcpu='0']", cpuset="0"), put("cputune/vcpupin[@vcpu='1']", cpuset="0-1,32-33"))

EDITS: list[tuple[str, Edit, tuple[Override, ...]]] = [
    ("a display", add("devices", "<graphics type='vnc' port='-1'/>"), (change("devices", '<graphics type="vnc" port="-1" />'),)),
    ("a second watchdog", add("devices", '<watchdog model="diag288" />'), (change("devices", '<watchdog model="diag288" />'),)),
    ("another watchdog", put("devices/watchdog", action="poweroff"),
     (change("devices/watchdog[@action='reset']/@action", "poweroff"),)),
    ("no watchdog", remove("devices", "watchdog"), (gone("devices/watchdog"),)),
    ("a limit", add("memtune", "<soft_limit unit='KiB'>9</soft_limit>"),
     (change("memtune", '<soft_limit unit="KiB">9</soft_limit>'),)),
    ("another limit", text("memtune/hard_limit", "9"),
     (change("memtune/hard_limit", '<hard_limit unit="KiB">9</hard_limit>', "replace"),)),
    ("an emulator", add("devices", "<emulator>/opt/qemu</emulator>"), (change("devices", "<emulator>/opt/qemu</emulator>"),)),
    ("a network disk", add("devices", NETWORK_DISK), (change("devices", NETWORK_DISK),)),
    ("a card on a card of the host", add("devices", DIRECT), (change("devices", DIRECT),)),
    ("a cache", put("devices/disk[2]/driver", cache="none"), (change(f"{DISK}/driver/@cache", "none"),)),
    ("another bus", put("devices/disk[2]/target", dev="sdk", bus="scsi"),
     (change(f"{DISK}/target[@bus='virtio']/@bus", "scsi"), change(f"{DISK}/target[@dev='vda']/@dev", "sdk"))),
    ("a boot order", add("devices/disk[2]", '<boot order="1" />'), (change(DISK, '<boot order="1" />'),)),
    ("a CPU model", put("cpu", mode="host-model"), (change("cpu/@mode", "host-model"),)),
    ("a feature", add("features", "<hyperv><relaxed state='on'/></hyperv>"),
     (change("features", '<hyperv><relaxed state="on" /></hyperv>'),)),
    ("another clock", both(put("clock", offset="localtime"), add("clock", '<timer name="hpet" present="no" />')),
     (change("clock/@offset", "localtime"), change("clock", '<timer name="hpet" present="no" />'))),
    ("on_crash", text("on_crash", "restart"), (change("on_crash", "<on_crash>restart</on_crash>", "replace"),)),
    ("boot from the network", put("os/boot[1]", dev="network"),
     (gone("os/boot[@dev='hd']"), gone("os/boot[@dev='cdrom']"),
      change("os", '<boot dev="network" /><boot dev="cdrom" />'))),
    ("another machine", put("os/type", machine="pc"), (change("os/type/@machine", "pc"),)),
    ("a queue", add("devices/interface[2]", "<driver queues='2'/>"), (change("devices/interface[2]", '<driver queues="2" />'),)),
    ("a controller", add("devices", '<controller type="scsi" index="0" model="virtio-scsi" />'),
     (change("devices", '<controller type="scsi" index="0" model="virtio-scsi" />'),)),
    ("no channel", remove("devices", "channel"), (gone("devices/channel"),)),
    ("an argument", lambda domain: domain.append(fromstring(ARGUMENT)), (change(".", ARGUMENT),)),
    ("type", put(".", type="kvm"), (change("@type", "kvm"),)),
    ("room for vCPUs", both(text("vcpu", "4"), put("vcpu", current="2"), put("cpu/topology", cores="4")),
     (change("vcpu[.='2']", '<vcpu placement="static" current="2">4</vcpu>', "replace"),
      change("cpu/topology[@sockets='1'][@cores='2'][@threads='1']", '<topology sockets="1" cores="4" threads="1" />', "replace"))),
    ("less now", add(".", "<currentMemory unit='MiB'>256</currentMemory>"),
     (change("memory[.='512']/..", "<currentMemory>262144</currentMemory>"),)),
    ("memory in parts", both(text("memory", "524289"), lambda domain: of(domain, "memory").attrib.clear()),
     (change("memory[.='512']", "<memory>524289</memory>", "replace"),)),
    ("other pins", SWAPPED,
     (change("cputune[@guest='gp 2 c0-c1']", '<cputune><vcpupin vcpu="0" cpuset="0" /><vcpupin vcpu="1" cpuset="0-1,32-33" />'
             '<emulatorpin cpuset="0-1,32-33" /></cputune>', "replace"),)),
    ("shares", add("cputune", "<shares>99</shares>"), (change("cputune", "<shares>99</shares>"),)),
]  # fmt: skip


def edited(guest: Guest, edit: Edit) -> Guest:
    domain = fromstring(settled_document(document(guest)))
    edit(domain)
    return from_xml(tostring(domain, encoding="unicode"))


@pytest.mark.parametrize(("edit", "wanted"), [case[1:] for case in EDITS], ids=[case[0] for case in EDITS])
def test_an_edit_beyond_the_model_is_an_override(edit: Edit, wanted: tuple[Override, ...]) -> None:
    assert edited(GUEST, edit) == GUEST.model_copy(update={"overrides": (*GUEST.overrides, *wanted)})


AS_IT_IS = [case for case in EDITS if case[0] != "type"]
"""Another type makes other choices of ours fit."""


@pytest.mark.parametrize("edit", [case[1] for case in AS_IT_IS], ids=[case[0] for case in AS_IT_IS])
def test_a_definition_with_the_overrides_makes_the_domain_that_was_edited(edit: Edit) -> None:
    """And it is seen as that guest."""
    domain = fromstring(settled_document(document(GUEST)))
    edit(domain)
    seen = from_xml(tostring(domain, encoding="unicode"))
    made = settled_document(document(seen))
    assert from_xml(made) == seen
    if domain.find("currentMemory") is None:
        of(domain, "memory").attrib.setdefault("unit", "KiB")
    again = fromstring(made)
    for memory in again.findall("memory"):
        memory.attrib.setdefault("unit", "KiB")
    for current in (*domain.findall("currentMemory"), *again.findall("currentMemory")):
        current.attrib.clear()
        current.text = "262144"
    assert parts(tostring(again, encoding="unicode")) == parts(tostring(domain, encoding="unicode"))


@pytest.mark.parametrize(
    ("edit", "fields"),
    [
        (text("memory", "1024"), {"memory_mib": 1024}),
        (both(text("vcpu", "1"), put("cpu/topology", cores="1")), {"vcpus": 1}),
        (put("vcpu", current="1"), {"vcpus": 1}),
        (put("cputune/emulatorpin", cpuset="0-2"), {"cpuset": "0-2,32-33"}),
        (put("devices/disk[2]/source", file="/srv/b.qcow2"),
         {"disks": (GUEST.disks[0], GUEST.disks[1].model_copy(update={"path": "/srv/b.qcow2"}))}),
        (remove("devices", "disk[2]"), {"disks": GUEST.disks[:1]}),
        (put("devices/interface[1]/source", bridge="br1"), {"nics": (Nic(bridge="br1", mac=MAC), GUEST.nics[1])}),
        (add("devices/interface[2]", f"<mac address='{OTHER_MAC}'/>"), {}),
        (add("memoryBacking", "<locked/>"), {"lock_memory": True}),
        (put("os", firmware="efi"), {"firmware": "uefi"}),
        (lambda domain: [domain.find("os").remove(boot) for boot in domain.findall("os/boot")]
         + [domain.find("os").append(fromstring("<kernel>/srv/k</kernel>"))], {"boot": DirectBoot(kernel="/srv/k")}),
    ],
)  # fmt: skip
def test_what_the_model_says_is_not_said_twice(edit: Edit, fields: dict[str, Any]) -> None:
    domain = fromstring(settled_document(document(GUEST)))
    if domain.find("memoryBacking") is None:
        domain.append(Element("memoryBacking"))
    edit(domain)
    assert from_xml(tostring(domain, encoding="unicode")) == GUEST.model_copy(update=fields)


def test_what_libvirt_adds_later_by_itself_is_no_edit() -> None:
    domain = fromstring(settled_document(document(GUEST)))
    devices = of(domain, "devices")
    for device in devices:
        device.append(fromstring("<address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>"))
        device.append(fromstring("<alias name='net0'/>"))
    for more in (
        "<controller type='pci' index='0' model='pcie-root'/>",
        "<controller type='sata' index='0'/>",
        "<controller type='virtio-serial' index='0'/>",
        "<input type='mouse' bus='ps2'/>",
        "<input type='keyboard' bus='ps2'/>",
        "<audio id='1' type='none'/>",
        "<watchdog model='itco' action='reset'/>",
        "<video><model type='vga' vram='16384' heads='1' primary='yes'/></video>",
    ):
        devices.append(fromstring(more))
    domain.append(fromstring("<seclabel type='dynamic' model='dac' relabel='yes'/>"))
    domain.append(fromstring("<currentMemory unit='KiB'>524288</currentMemory>"))
    of(domain, "cpu/topology").set("dies", "1")
    of(domain, "os/type").set("machine", "pc-q35-7.2")
    of(domain, "os").append(fromstring("<nvram>/var/lib/x_VARS.fd</nvram>"))
    devices[:] = reversed(devices)
    devices[:] = [*devices.findall("disk")[::-1], *devices.findall("interface")[::-1],
                  *(device for device in devices if device.tag not in {"disk", "interface"})]  # fmt: skip
    assert from_xml(tostring(domain, encoding="unicode")) == GUEST


@pytest.mark.parametrize(
    "tree", [0, [], {}, ["domain"], ["domain", {"a": 1}, "", []], ["domain", {}, "", [[1]]], ["x"] * 4]
)
def test_an_answer_that_somebody_broke_is_none(tree: Any) -> None:
    import json

    domain = fromstring(document(GUEST))
    ours = of(domain, "metadata/{urn:guestwire:domain:1}guest")
    ours.text = json.dumps(json.loads(ours.text or "") | {"settled": tree})
    add("devices", "<graphics type='vnc'/>")(domain)
    assert from_xml(tostring(domain, encoding="unicode")) == GUEST


def test_no_password_is_kept_beside_the_domain() -> None:
    guest = GUEST.model_copy(update={"overrides": ()})
    domain = fromstring(document(guest))
    add("devices", "<graphics type='vnc' passwd='secret'/>")(domain)
    made = settled_document(tostring(domain, encoding="unicode"))
    assert made.count("secret") == 1
    assert from_xml(made) == guest


SHOWN = st.sampled_from(
    (
        "<graphics type='vnc' port='-1' autoport='yes'/>",
        "<sound model='es1370'/>",
        NETWORK_DISK,
        DIRECT.replace("<source", '<target dev="t7" /><source'),
        "<emulator>/opt/qemu</emulator>",
        "<sound model='ac97'/>",
        "<controller type='scsi' index='3' model='virtio-scsi'/>",
    )
)


@pytest.mark.libvirt
@settings(max_examples=60, deadline=None)
@given(guests(port_forwards=False), st.lists(SHOWN, min_size=1, max_size=3, unique=True))
def test_a_device_that_is_added_to_any_guest_shows_and_is_adopted(
    in_process: Any, guest: Guest, added: list[str]
) -> None:
    """By an override for each place; defined again with it, the domain is in sync."""
    domain = define(in_process, document(guest, "kvm"))
    try:
        before = inactive(domain)
        text_ = before.replace("</devices>", "".join(added) + "</devices>")
        if "<emulator>" in before:
            return
        seen = from_xml(inactive(in_process.defineXML(text_)))
        found = seen.overrides[len(guest.overrides) :]
        assert seen.model_copy(update={"overrides": guest.overrides}) == guest
        assert len(fromstring(f"<d>{''.join(one.xml for one in found)}</d>")) == len(added)
        domain = define(in_process, document(seen, "kvm"))
        assert from_xml(inactive(domain)) == seen
        domain = define(in_process, document(guest, "kvm"))
        assert from_xml(inactive(domain)) == guest, "a definition without them takes them back"
    finally:
        domain.undefine()


@pytest.mark.libvirt
@pytest.mark.parametrize("name", sorted(CHOSEN.keys() - {"forwards"}))
def test_an_edit_of_each_of_the_chosen_ones_shows(in_process: Any, name: str) -> None:
    domain = define(in_process, document(CHOSEN[name], "kvm"))
    try:
        edit = inactive(domain).replace("<on_crash>destroy", "<on_crash>restart")
        seen = from_xml(inactive(in_process.defineXML(edit)))
    finally:
        domain.undefine()
    wanted = change("on_crash", "<on_crash>restart</on_crash>", "replace")
    assert seen == CHOSEN[name].model_copy(update={"overrides": (*CHOSEN[name].overrides, wanted)})
