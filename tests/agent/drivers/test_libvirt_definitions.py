"""What a definition keeps of the domain that is there, on real libvirt: addresses, UEFI variables, other tools' parts."""

import asyncio
import re
import shutil
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, fromstring

import pytest
from guest_ids import fresh_id
from libvirt_host import unavailable

from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override, Share

pytestmark = pytest.mark.libvirt

MAC = "52:54:00:12:34:5"
VARIABLES = Path("/var/lib/libvirt/qemu/nvram")


def guest(**fields: Any) -> Guest:
    uuid = str(uuid4())
    fields = {"name": f"gwt-{uuid[:8]}", "id": fresh_id(), "uuid": uuid} | fields
    return Guest(memory_mib=192, **fields)


def inactive(conn: Any, uuid: str | None, *, secrets: bool = False) -> str:
    import libvirt

    flags = libvirt.VIR_DOMAIN_XML_SECURE if secrets else 0
    return str(conn.lookupByUUIDString(uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | flags))


def places(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """The address of each device, by what it is."""
    found = {}
    for device in fromstring(text).findall("devices/*"):
        address = device.find("address")
        if address is not None:
            found[device.tag, _name(device)] = dict(address.attrib)
    return found


def _name(device: Element) -> str:
    for path, name in (("source", "file"), ("mac", "address"), ("source/address", "bus"), ("target", "dir")):
        element = device.find(path)
        if element is not None and element.get(name):
            return str(element.get(name))
    target = device.find("target")
    numbered = f"{device.get('type')} {device.get('index', '')} {device.get('device', '')}"
    return numbered if target is None else f"{numbered} {target.get('dev', '')}{target.get('port', '')}"


async def test_what_stays_keeps_its_address(guests: Any, other_tool: Any) -> None:
    """Cards, disks, drives, devices and shares, whatever comes in front of them or goes."""
    a, b, c = (Disk(path=f"/srv/{name}.qcow2") for name in "abc")
    first, second = Disk(device="cdrom", path="/srv/1.iso"), Disk(device="cdrom", path="/srv/2.iso")
    cards = tuple(Nic(bridge="br0", mac=MAC + str(number)) for number in range(3))
    was = guest(
        disks=(a, first, b, second, c), nics=cards[:2], devices=("0000:03:00.0", "0000:04:00.0"),
        shares=(Share(path="/srv", tag="s"), Share(path="/srv", tag="t")),
    )  # fmt: skip
    await guests.define(was)
    before = places(inactive(other_tool, was.uuid))
    now = was.model_copy(
        update={
            "nics": (cards[2], *cards[:2], Nic(bridge="br0", mac=MAC + "4")),
            "disks": (second, b, c, Disk(path="/srv/d.qcow2"), Disk(device="cdrom", path="/srv/3.iso")),
            "devices": ("0000:04:00.0",),
            "shares": was.shares[1:],
            "overrides": (Override(op="add", sel="devices", xml="<watchdog model='i6300esb'/>"),),
        }
    )
    assert (await guests.define(now)).guest == now
    after = places(inactive(other_tool, was.uuid))
    gone = {("disk", "/srv/a.qcow2"), ("disk", "/srv/1.iso"), ("hostdev", "0x03"), ("filesystem", "s")}
    assert gone <= before.keys(), "what goes had an address"
    assert {key: after.get(key) for key in before.keys() - gone} == {key: before[key] for key in before.keys() - gone}
    for added in (("interface", MAC + "2"), ("disk", "/srv/d.qcow2"), ("disk", "/srv/3.iso")):
        assert after[added] not in [place for key, place in after.items() if key != added and key[0] == added[0]]
    assert (await guests.define(now)).guest == now
    assert places(inactive(other_tool, was.uuid)) == after
    assert (await guests.define(was)).guest == was
    assert before.items() >= {key: value for key, value in places(inactive(other_tool, was.uuid)).items()
                              if key not in gone and key in before}.items()  # fmt: skip


async def test_addresses_that_an_override_leaves_no_room_for_are_given_anew(guests: Any, other_tool: Any) -> None:
    was = guest(nics=(Nic(bridge="br0", mac=MAC + "0"),))
    await guests.define(was)
    bus = int(places(inactive(other_tool, was.uuid))["interface", MAC + "0"]["bus"], 0)
    other = f"<controller type='pci' index='{bus}' model='pcie-switch-upstream-port'/>"
    now = was.model_copy(update={"overrides": (Override(op="add", sel="devices", xml=other),)})
    assert (await guests.define(now)).guest == now
    assert places(inactive(other_tool, was.uuid))["interface", MAC + "0"]["bus"] != f"{bus:#04x}"


async def test_a_mac_that_libvirt_chose_and_the_machine_stay(guests: Any, other_tool: Any) -> None:
    was = guest(nics=(Nic(bridge="br0"),))
    await guests.define(was)
    before = fromstring(inactive(other_tool, was.uuid))
    now = was.model_copy(update={"memory_mib": 256, "nics": (Nic(), *was.nics)})
    assert (await guests.define(now)).guest == now
    after = fromstring(inactive(other_tool, was.uuid))
    card = after.find("devices/interface[@type='bridge']/mac")
    assert card is not None
    assert card.attrib == {"address": str(before.find("devices/interface/mac").get("address"))}  # type: ignore[union-attr]


def with_firmware() -> None:
    if not Path("/usr/share/OVMF").is_dir():
        unavailable("the UEFI firmware (ovmf) is not installed")


async def test_uefi_variables_outlive_a_definition_and_come_back_with_it(guests: Any, other_tool: Any) -> None:
    """Another guest of the same name does not get them."""
    with_firmware()
    was = guest(firmware="uefi")
    file = VARIABLES / f"{was.uuid}_VARS.fd"
    await guests.define(was)
    await guests.start(was.uuid)
    await guests.destroy(was.uuid)
    mark = b"what the guest wrote"
    with file.open("r+b") as variables:
        variables.write(mark)
    saved = await guests.definition(was.uuid)
    await guests.undefine(was.uuid)
    assert file.read_bytes().startswith(mark)
    other = guest(firmware="uefi", name=was.name)
    await guests.define(other)
    await guests.start(other.uuid)
    await guests.destroy(other.uuid)
    assert not (VARIABLES / f"{other.uuid}_VARS.fd").read_bytes().startswith(mark)
    await guests.undefine(other.uuid)
    await guests.restore(was.uuid, saved)
    await guests.forget(was.uuid)
    assert fromstring(inactive(other_tool, was.uuid)).findtext("os/nvram") == str(file)
    assert file.read_bytes().startswith(mark), "it is in use: nothing is forgotten"
    renamed = was.model_copy(update={"name": was.name + ".b"})
    await guests.define(renamed)
    await guests.start(was.uuid)
    await guests.destroy(was.uuid)
    assert file.read_bytes().startswith(mark)
    await guests.restore(was.uuid, None)
    assert file.exists(), "undoing a creation removes no file either"
    for uuid in (was.uuid, was.uuid, other.uuid):
        await guests.forget(uuid)
        assert not (VARIABLES / f"{uuid}_VARS.fd").exists()
        assert uuid not in {seen.guest.uuid for seen in await guests.list()}


async def test_a_tpm_outlives_a_definition(guests: Any, other_tool: Any) -> None:
    if shutil.which("swtpm") is None or shutil.which("swtpm_setup") is None:
        unavailable("swtpm and swtpm-tools are not installed")
    chip = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
    was = guest(overrides=(Override(op="add", sel="devices", xml=chip),))
    state = Path(f"/var/lib/libvirt/swtpm/{was.uuid}")
    await guests.define(was)
    await guests.start(was.uuid)
    await guests.destroy(was.uuid)
    inside = sorted(path.name for path in state.rglob("*"))
    assert inside
    await guests.undefine(was.uuid)
    assert sorted(path.name for path in state.rglob("*")) == inside
    await guests.forget(was.uuid)
    assert not state.exists()


async def test_the_variables_of_another_tools_domain_are_found_under_their_old_name(
    guests: Any, other_tool: Any
) -> None:
    """libvirt names them after the domain, and we give it a name that a guest may have."""
    uuid = str(uuid4())
    xml = f"""<domain type='qemu'><name>gwt {uuid[:8]}</name><uuid>{uuid}</uuid><memory>65536</memory>
    <os firmware='efi'><type machine='q35'>hvm</type></os><features><acpi/></features></domain>"""
    other_tool.defineXML(xml)
    seen = await adopted(guests, uuid)
    await guests.define(seen)
    document = fromstring(inactive(other_tool, uuid))
    assert document.findtext("name") == f"gwt_{uuid[:8]}"
    assert document.findtext("os/nvram") == str(VARIABLES / f"gwt {uuid[:8]}_VARS.fd")


async def adopted(guests: Any, uuid: str) -> Guest:
    """The guest of another tool's domain, ours from now on."""
    (seen,) = [observed.guest for observed in await guests.list() if observed.guest.uuid == uuid]
    ours: Guest = seen.model_copy(update={"id": fresh_id()})
    await guests.adopt(ours)
    return ours


def words(text: str) -> list[str]:
    """All lines without the metadata's; in order of themselves, as we sort controllers."""
    return sorted(re.sub(r"(?s)\s*<metadata.*</metadata>", "", text).splitlines())


async def test_a_domain_that_was_adopted_is_defined_again_as_it_was(guests: Any, other_tool: Any) -> None:
    """With its passwords, its addresses, and what other tools wrote into its metadata in the meantime."""
    import libvirt

    uuid = str(uuid4())
    xml = f"""<domain type='qemu'><name>gwt-{uuid[:8]}</name><uuid>{uuid}</uuid><memory>65536</memory><vcpu>2</vcpu>
    <metadata><o:other xmlns:o="urn:other">before</o:other></metadata><os><type machine='pc'>hvm</type></os>
    <cpu mode='host-model'/><devices>
    <disk type='file' device='disk'><driver name='qemu' type='vmdk'/><source file='/srv/x.vmdk'/><target dev='hda'/></disk>
    <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>
    <interface type='bridge'><source bridge='br0'/><mac address='{MAC}0'/><model type='e1000'/></interface>
    <graphics type='vnc' passwd='secret'/><sound model='ac97'/><video><model type='qxl'/></video>
    </devices></domain>"""
    domain = other_tool.defineXML(xml)
    before = inactive(other_tool, uuid, secrets=True)
    seen = await adopted(guests, uuid)
    assert "secret" not in str(seen)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, "<other>now</other>", "o", "urn:other",
                       libvirt.VIR_DOMAIN_AFFECT_CONFIG)  # fmt: skip
    assert (await guests.define(seen)).guest == seen
    after = inactive(other_tool, uuid, secrets=True)
    assert words(after) == words(before)
    assert "passwd='secret'" in after
    assert fromstring(after).findtext("metadata/{urn:other}other") == "now"
    await guests.undefine(uuid)
    assert (await guests.define(seen)).guest == seen
    again = words(inactive(other_tool, uuid, secrets=True))
    assert again == words(before.replace(" passwd='secret'", "")), "all but what nobody knows any more"
    edited = seen.model_copy(update={"memory_mib": 128, "disks": (*seen.disks, Disk(path="/srv/n.qcow2"))})
    assert (await guests.define(edited)).guest == edited
    document = fromstring(inactive(other_tool, uuid))
    assert document.findtext("memory") == str(128 << 10)
    assert document.find("devices/sound[@model='ac97']") is not None


async def test_media_are_changed_in_the_drives_of_an_adopted_domain(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    """Its drives are not where ours are."""
    uuid = str(uuid4())
    xml = f"""<domain type='qemu'><name>gwt-{uuid[:8]}</name><uuid>{uuid}</uuid><memory>65536</memory>
    <os><type machine='pc'>hvm</type></os><devices>
    <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk></devices></domain>"""
    domain = other_tool.defineXML(xml)
    seen = await adopted(guests, uuid)
    await guests.define(seen)
    await guests.start(uuid)
    await guests.pause(uuid)  # its BIOS would close the tray again
    await guests.change_media(uuid, 0, libvirt_host.initrd)
    source = fromstring(domain.XMLDesc(0)).find("devices/disk/source")
    assert source is not None
    assert source.get("file") == libvirt_host.initrd
    await guests.destroy(uuid)


async def test_a_domain_that_could_not_be_defined_again_is_not_adopted(guests: Any, other_tool: Any) -> None:
    uuid = str(uuid4())
    xml = f"""<domain type='qemu'><name>gwt-{uuid[:8]}</name><uuid>{uuid}</uuid><memory>65536</memory>
    <os><type>hvm</type></os><qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    <qemu:arg value='{"x" * 20_000}'/></qemu:commandline></domain>"""
    await asyncio.to_thread(other_tool.defineXML, xml)
    before = inactive(other_tool, uuid)
    with pytest.raises(GuestwireError) as caught:
        await adopted(guests, uuid)
    assert caught.value.code == "UNSUPPORTED"
    assert "commandline" in caught.value.message
    assert inactive(other_tool, uuid) == before


async def test_a_copy_of_a_guest_of_ours_may_be_adopted(guests: Any, other_tool: Any) -> None:
    """virt-clone copies our metadata too."""
    was = guest(nics=(Nic(bridge="br0", mac=MAC + "0"),))
    await guests.define(was)
    uuid = str(uuid4())
    copy = inactive(other_tool, was.uuid).replace(str(was.uuid), uuid).replace(was.name, was.name + "-clone")
    other_tool.defineXML(copy.replace(MAC + "0", MAC + "1"))
    seen = await adopted(guests, uuid)
    assert (await guests.define(seen)).guest == seen


async def seen(guests: Any, uuid: str | None) -> Guest:
    (found,) = [observed.guest for observed in await guests.list() if observed.guest.uuid == uuid]
    return found  # type: ignore[no-any-return]


async def test_an_edit_of_another_tool_is_an_override_until_a_definition_without_it(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    """Started and stopped, and defined again by the other tool without an edit, it is still the guest that it was."""
    was = guest(
        boot=DirectBoot(kernel=libvirt_host.kernel, initrd=libvirt_host.initrd),
        disks=(Disk(device="cdrom"),),
        nics=(Nic(),),
        overrides=(Override(op="add", sel="devices", xml="<watchdog model='i6300esb'/>"),),
    )
    assert (await guests.define(was)).guest == was
    await guests.start(was.uuid)
    await guests.change_media(was.uuid, 0, libvirt_host.initrd)
    await guests.destroy(was.uuid)
    assert await seen(guests, was.uuid) == was
    other_tool.defineXML(inactive(other_tool, was.uuid))
    assert await seen(guests, was.uuid) == was
    qemu = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
    text = inactive(other_tool, was.uuid)
    for old, new in (
        ("</devices>", "<graphics type='vnc' port='-1' autoport='yes'/></devices>"),
        ("<on_crash>destroy", "<on_crash>restart"),
        ("<clock offset='utc'", "<clock offset='localtime'"),
        ("</domain>", f"<qemu:commandline {qemu}><qemu:env name='A' value='1'/></qemu:commandline></domain>"),
        (" model='i6300esb' action='reset'", " model='i6300esb' action='pause'"),
    ):
        assert old in text
        head, _, tail = text.rpartition(old)
        text = head + new + tail
    other_tool.defineXML(text)
    now = await seen(guests, was.uuid)
    added = now.overrides[len(was.overrides) :]
    assert [(one.op, one.sel) for one in added] == [
        ("add", "./clock/@offset"),
        ("replace", "./on_crash"),
        ("add", "./devices/watchdog/@action"),
        ("add", "./."),
        ("add", "./devices"),
    ]
    assert now.model_copy(update={"overrides": was.overrides}) == was
    before = words(inactive(other_tool, was.uuid))
    assert (await guests.define(was)).guest == was, "enforced"
    for gone in ("graphics", "localtime", "restart</on_crash>", "commandline"):
        assert gone not in re.sub("(?s)<metadata.*</metadata>", "", inactive(other_tool, was.uuid))
    assert (await guests.define(now)).guest == now, "adopted"
    after = words(inactive(other_tool, was.uuid))
    assert [line for line in after if "<address" not in line] == [line for line in before if "<address" not in line]


async def test_a_guest_on_the_console_has_a_screen_without_a_port(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    """libvirt gives it a video card, and a socket to whoever may ask it for one; another screen of the user's is an edit."""
    import libvirt

    was = guest(autostart="console", boot=DirectBoot(kernel=libvirt_host.kernel, initrd=libvirt_host.initrd))
    assert (await guests.define(was)).guest == was
    await guests.start(was.uuid)
    domain = other_tool.lookupByUUIDString(was.uuid)
    live = fromstring(domain.XMLDesc(0))
    assert live.find("devices/video/model") is not None
    (screen,) = live.findall("devices/graphics")
    assert "port" not in screen.attrib
    file = domain.openGraphicsFD(0, libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH)
    try:
        with socket.socket(fileno=file) as connected:
            connected.settimeout(20)
            assert await asyncio.to_thread(connected.recv, 4) == b"RFB "
    finally:
        await guests.destroy(was.uuid)
    assert await seen(guests, was.uuid) == was
    edited = re.sub(
        "<model type='(vga|cirrus)'[^>]*>",
        "<model type='virtio' heads='1' primary='yes'/>",
        inactive(other_tool, was.uuid),
    )
    other_tool.defineXML(edited)
    (added,) = (await seen(guests, was.uuid)).overrides
    assert added.sel == "./devices"
    assert added.xml.startswith('<video><model type="virtio"')
