"""What only real libvirt shows: other tools at work, guests that act by themselves, QEMU that dies."""

import asyncio
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import fromstring

import pytest
from guest_ids import fresh_id

from guestwire.agent.drivers.linux.threads import find_process
from guestwire.agent.services.ports import Changed, Gone, GuestEvent, Observed, Resynced
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override, PortForward, Share

pytestmark = pytest.mark.libvirt


def definition(libvirt_host: Any, *words: str) -> Guest:
    uuid = str(uuid4())
    name = f"gwt-{uuid[:8]}"
    boot = DirectBoot(
        kernel=libvirt_host.kernel, initrd=libvirt_host.initrd, cmdline=libvirt_host.cmdline(name, *words)
    )
    return Guest(name=name, id=fresh_id(), uuid=uuid, memory_mib=192, boot=boot)


async def observed_until(events: AsyncIterator[GuestEvent], uuid: str | None, **wanted: Any) -> Observed:
    async for event in events:
        if not isinstance(event, Changed) or event.observed.guest.uuid != uuid:
            continue
        if all(getattr(event.observed, name) == value for name, value in wanted.items()):
            return event.observed
    raise AssertionError("the events ended")


async def until_text(console: AsyncIterator[bytes], text: str) -> None:
    seen = b""
    while text.encode() not in seen:
        seen += await anext(console)


async def test_domains_of_other_tools_are_listed_without_an_id(guests: Any, other_tool: Any) -> None:
    uuid = str(uuid4())
    xml = f"<domain type='qemu'><name>other tool's ü {uuid[:4]}</name><uuid>{uuid}</uuid><memory>65536</memory>"
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        domain = await asyncio.to_thread(other_tool.defineXML, f"{xml}<os><type>hvm</type></os></domain>")
        seen = await observed_until(events, uuid)
        assert (seen.guest.id, seen.guest.name, seen.state) == (None, f"other_tool_s___{uuid[:4]}", "stopped")
        assert seen in await guests.list()
        await guests.start(uuid)
        await observed_until(events, uuid, state="running")
        await guests.destroy(uuid)
        await asyncio.to_thread(domain.undefine)
        async for event in events:
            if isinstance(event, Gone):
                break
        assert event.uuid == uuid


async def test_an_edit_and_a_power_change_of_another_tool_are_seen(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    import libvirt

    guest = definition(libvirt_host)
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        await guests.define(guest)
        domain = other_tool.lookupByUUIDString(guest.uuid)
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE).replace(">196608<", ">262144<")
        await asyncio.to_thread(other_tool.defineXML, xml)
        edited = guest.model_copy(update={"memory_mib": 256})
        await observed_until(events, guest.uuid, guest=edited)
        await asyncio.to_thread(domain.create)
        await observed_until(events, guest.uuid, state="running")
        await asyncio.to_thread(domain.suspend)
        await observed_until(events, guest.uuid, state="paused")
        await asyncio.to_thread(domain.destroy)
        await observed_until(events, guest.uuid, state="stopped", reason="destroyed")


async def test_a_guest_that_reboots_by_itself_is_seen_rebooting(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    guest = definition(libvirt_host, "guestwire.then=reboot")
    await guests.define(guest)
    async with asyncio.timeout(90), guests.events() as events:
        assert isinstance(await anext(events), Resynced)
        await guests.start(guest.uuid)
        async for event in events:
            if isinstance(event, Changed) and event.rebooted:
                break
        assert (event.observed.guest, event.observed.state) == (guest, "running")
        await guests.destroy(guest.uuid)


async def test_what_comes_before_a_guest_runs_loses_nothing_of_its_console(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    """Nobody else hears that it is paused meanwhile; without anything to come before, it never is."""
    import libvirt

    guest = definition(libvirt_host)
    await guests.define(guest)
    domain = other_tool.lookupByUUIDString(guest.uuid)
    async with AsyncExitStack() as stack:
        consoles = []

        async def open_console() -> None:
            assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED
            consoles.append(await stack.enter_async_context(guests.console(guest.uuid)))

        await stack.enter_async_context(asyncio.timeout(90))
        events = await stack.enter_async_context(guests.events())
        await anext(events)
        await guests.start(guest.uuid, open_console)
        changed = await anext(events)
        assert (changed.observed.guest.uuid, changed.observed.state) == (guest.uuid, "running")
        await guests.start(guest.uuid, open_console)
        assert len(consoles) == 1, "it is on already"
        await until_text(consoles[0], f"guestwire-guest: up {guest.name}")
        await guests.destroy(guest.uuid)


async def test_a_guest_that_powers_off_by_itself_is_stopped(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    guest = definition(libvirt_host, "guestwire.then=poweroff")
    await guests.define(guest)
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        await guests.start(guest.uuid)
        await observed_until(events, guest.uuid, state="stopped", reason="shutdown")


async def test_a_guest_that_ignores_its_power_button_runs_on(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    guest = definition(libvirt_host, "guestwire.then=deaf")
    await guests.define(guest)
    await guests.start(guest.uuid)
    async with asyncio.timeout(90), guests.console(guest.uuid) as console:
        await until_text(console, f"guestwire-guest: up {guest.name}")
        await guests.shutdown(guest.uuid)
        await guests.shutdown(guest.uuid, "acpi")
    (seen,) = [observed for observed in await guests.list() if observed.guest == guest]
    assert seen.state == "running"
    await guests.destroy(guest.uuid)


async def test_a_qemu_that_dies_is_a_crash(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    guest = definition(libvirt_host)
    await guests.define(guest)
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        await guests.start(guest.uuid)
        pid = find_process(guest.uuid or "")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await observed_until(events, guest.uuid, state="crashed")
        await guests.start(guest.uuid)
        await observed_until(events, guest.uuid, state="running")
        await guests.destroy(guest.uuid)


async def test_a_console_that_a_person_has_open_is_left_to_them(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    import libvirt

    guest = definition(libvirt_host)
    await guests.define(guest)
    await guests.start(guest.uuid)
    stream = other_tool.newStream(libvirt.VIR_STREAM_NONBLOCK)
    other_tool.lookupByUUIDString(guest.uuid).openConsole(None, stream, 0)
    with pytest.raises(GuestwireError) as caught:
        async with guests.console(guest.uuid):
            pass
    assert (caught.value.code, caught.value.detail["console"]) == ("UNSUPPORTED", "busy")
    stream.abort()
    await guests.destroy(guest.uuid)


async def test_two_guests_run_side_by_side(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    pair = [definition(libvirt_host), definition(libvirt_host)]

    async def life(guest: Guest) -> None:
        await guests.define(guest)
        await guests.start(guest.uuid)
        async with guests.console(guest.uuid) as console:
            await until_text(console, f"guestwire-guest: up {guest.name}")
        async with guests.events() as events:
            await anext(events)
            await guests.shutdown(guest.uuid)
            await observed_until(events, guest.uuid, state="stopped", reason="shutdown")

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for guest in pair:
            group.create_task(life(guest))


async def test_it_says_what_it_is(guests: Any) -> None:
    assert (await guests.version()).startswith("libvirt ")


async def test_a_restored_definition_is_libvirts_own_again(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    """Byte for byte, whatever was defined in between; and its passwords are in what is kept, not in what is shown."""
    import libvirt

    graphics = "<graphics type='vnc' passwd='secret'/>"
    guest = definition(libvirt_host).model_copy(
        update={
            "autostart": "headless",
            "disks": (Disk(device="cdrom"), Disk(path="/srv/a.qcow2"), Disk(path="/srv/b.qcow2")),
            "nics": (Nic(mac="52:54:00:12:34:56"),),
            "overrides": (Override(op="add", sel="devices", xml=graphics),),
        }
    )

    def inactive() -> str:
        return str(other_tool.lookupByUUIDString(guest.uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    await guests.define(guest)
    assert not other_tool.lookupByUUIDString(guest.uuid).autostart(), "the agent starts guests, in their order"
    other_tool.lookupByUUIDString(guest.uuid).setAutostart(1)
    before, saved = inactive(), await guests.definition(guest.uuid)
    assert await guests.xml(guest.uuid) == before
    assert "passwd='secret'" not in re.sub("(?s)<metadata.*</metadata>", "", before)
    await guests.define(guest.model_copy(update={"name": guest.name + ".b", "disks": (), "overrides": ()}))
    assert inactive() != before
    await guests.restore(guest.uuid, saved)
    assert inactive() == before
    secure = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    shown = other_tool.lookupByUUIDString(guest.uuid).XMLDesc(secure)
    assert "passwd='secret'" in re.sub("(?s)<metadata.*</metadata>", "", shown)
    assert other_tool.lookupByUUIDString(guest.uuid).autostart()
    await guests.undefine(guest.uuid)
    await guests.restore(guest.uuid, saved)
    assert inactive() == before
    with pytest.raises(GuestwireError) as caught:
        await guests.restore(str(uuid4()), saved)
    assert caught.value.code == "DOCUMENT-INVALID"
    with pytest.raises(GuestwireError) as caught:
        await guests.restore(guest.uuid, "{}")
    assert caught.value.code == "DOCUMENT-INVALID"
    await guests.undefine(guest.uuid)


async def test_a_guest_that_runs_loses_its_definition_and_not_its_process(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    guest = definition(libvirt_host)
    await guests.define(guest)
    await guests.start(guest.uuid)
    await guests.restore(guest.uuid, None)
    await guests.restore(guest.uuid, None)
    (seen,) = [observed for observed in await guests.list() if observed.guest.uuid == guest.uuid]
    assert (seen.guest, seen.state) == (guest, "running")
    assert await guests.definition(guest.uuid) is None
    await guests.destroy(guest.uuid)
    assert all(observed.guest.uuid != guest.uuid for observed in await guests.list())


async def test_a_domain_of_another_tool_is_adopted_as_it_is(guests: Any, other_tool: Any) -> None:
    uuid = str(uuid4())
    xml = f"""<domain type='qemu'><name>gwt {uuid[:8]}</name><uuid>{uuid}</uuid><memory>65536</memory><vcpu>2</vcpu>
    <metadata><other xmlns="urn:other">kept</other></metadata><os><type>hvm</type></os><devices>
    <disk type='file' device='cdrom'><target dev='sda'/></disk>
    <disk type='file' device='disk'><driver type='vmdk'/><source file='/srv/x.vmdk'/><target dev='vda'/></disk>
    <disk type='file' device='disk'><driver type='qcow2'/><source file='/srv/x.qcow2'/><target dev='vdb'/></disk>
    </devices></domain>"""
    domain = await asyncio.to_thread(other_tool.defineXML, xml)
    await asyncio.to_thread(domain.setAutostart, 1)
    (seen,) = [observed for observed in await guests.list() if observed.guest.uuid == uuid]
    assert (seen.guest.id, seen.guest.autostart) == (None, "headless")
    assert seen.guest.disks == (Disk(device="cdrom", format="raw"), Disk(path="/srv/x.qcow2"))
    before = await guests.xml(uuid)
    adopted = seen.guest.model_copy(
        update={
            "id": fresh_id(),
            "comments": "ours now",
            "disks": (seen.guest.disks[0], Disk(path="/srv/x.qcow2", size_mib=64)),
        }
    )
    await guests.adopt(adopted)
    (seen,) = [observed for observed in await guests.list() if observed.guest.uuid == uuid]
    assert seen.guest == adopted

    def without_ours(text: str) -> str:
        return re.sub(r"(?s)\s*<guestwire:guest.*</guestwire:guest>", "", text)

    after = await guests.xml(uuid)
    assert "kept</other>" in after
    assert without_ours(after) == before
    edit = after.replace("/srv/x.qcow2' />", "/srv/y.qcow2'/>").replace("/srv/x.qcow2'/>", "/srv/y.qcow2'/>")
    await asyncio.to_thread(other_tool.defineXML, edit)
    (seen,) = [observed for observed in await guests.list() if observed.guest.uuid == uuid]
    assert seen.guest.disks == (adopted.disks[0], Disk(path="/srv/y.qcow2", size_mib=64))
    await asyncio.to_thread(other_tool.lookupByUUIDString(uuid).undefine)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that QEMU's user may read."""
    path = Path(tempfile.mkdtemp(prefix="gwt-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def image(path: Path, size: str) -> str:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), size], check=True, timeout=60)
    return str(path)


async def test_media_and_disks_change_under_a_running_guest(
    guests: Any, other_tool: Any, libvirt_host: Any, folder: Path
) -> None:
    """The drive is disk 1 of the guest and not of libvirt's document, which sorts disks by bus."""
    disks = (
        Disk(path=image(folder / "a.qcow2", "8M")),
        Disk(device="cdrom"),
        Disk(path=image(folder / "b.qcow2", "8M")),
    )
    guest = definition(libvirt_host).model_copy(update={"disks": disks})
    (folder / "a.iso").write_bytes(bytes(4096))
    await guests.define(guest)
    await guests.start(guest.uuid)
    domain = other_tool.lookupByUUIDString(guest.uuid)

    def medium() -> str | None:
        source = fromstring(domain.XMLDesc(0)).find("devices/disk[@device='cdrom']/source")
        return None if source is None else source.get("file")

    assert medium() is None
    await guests.change_media(guest.uuid, 1, str(folder / "a.iso"))
    assert medium() == str(folder / "a.iso")
    await guests.change_media(guest.uuid, 1, None)
    assert medium() is None
    with pytest.raises(GuestwireError) as caught:
        await guests.change_media(guest.uuid, 0, None)
    assert (caught.value.code, caught.value.detail["state"]) == ("WRONG-STATE", "running")
    with pytest.raises(GuestwireError) as caught:
        await guests.change_media(guest.uuid, 1, "/nonexistent.iso")
    assert caught.value.code == "DRIVER-ERROR"
    await guests.grow_disk(guest.uuid, 2, 16)
    await guests.grow_disk(guest.uuid, 2, 12)
    assert (domain.blockInfo("vda")[0], domain.blockInfo("vdb")[0]) == (8 << 20, 16 << 20)
    for number in (1, 3):
        with pytest.raises(GuestwireError) as caught:
            await guests.grow_disk(guest.uuid, number, 64)
        assert caught.value.code == "WRONG-STATE"
    await guests.destroy(guest.uuid)


def bootable_iso(path: Path, words: str) -> str:
    """A medium that says `words` on the serial port when it is booted, at every tick of the clock: whoever opens the console
    late hears them too (El Torito 1.0, no emulation)."""
    code = b"\xba\xf8\x03" + b"".join(b"\xb0%c\xee" % char for char in words.encode()) + b"\xfb\xf4"
    code += b"\xe9" + struct.pack("<h", -len(code) - 3)
    descriptor = b"\1CD001\1".ljust(80, b"\0") + struct.pack("<I", 21) + struct.pack(">I", 21)
    descriptor = descriptor.ljust(128, b"\0") + struct.pack("<H", 2048) + struct.pack(">H", 2048)
    record = b"\0CD001\1" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", 19)
    catalogue = struct.pack("<28sHH", b"\1", 0x55AA, 0xAA55) + struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, 20)
    sectors = (descriptor, record, b"\xffCD001\1", catalogue, code)
    path.write_bytes(bytes(16 * 2048) + b"".join(sector.ljust(2048, b"\0") for sector in sectors))
    return str(path)


@pytest.mark.parametrize("os_type", ["linux", "windows11"])
async def test_a_new_guest_boots_its_cdrom_while_its_disk_is_empty(
    guests: Any, other_tool: Any, libvirt_host: Any, folder: Path, os_type: str
) -> None:
    disks = (
        Disk(path=image(folder / "a.qcow2", "8M")),
        Disk(device="cdrom", path=bootable_iso(folder / "a.iso", "installer")),
    )
    guest = definition(libvirt_host).model_copy(update={"boot": None, "disks": disks, "os_type": os_type})
    await guests.define(guest)
    await guests.start(guest.uuid)
    async with asyncio.timeout(90), guests.console(guest.uuid) as console:
        await until_text(console, "installer")
    await guests.destroy(guest.uuid)


async def test_what_an_ephemeral_guest_writes_is_forgotten(
    guests: Any, other_tool: Any, libvirt_host: Any, folder: Path
) -> None:
    path = image(folder / "a.qcow2", "8M")
    guest = definition(libvirt_host).model_copy(update={"disks": (Disk(path=path),), "persistence": "ephemeral"})
    assert (await guests.define(guest)).guest == guest
    await guests.start(guest.uuid)
    live = fromstring(other_tool.lookupByUUIDString(guest.uuid).XMLDesc(0))
    source = live.find("devices/disk/source")
    assert source is not None
    assert source.get("file") != path, "it writes into an overlay"
    await guests.destroy(guest.uuid)
    assert [file.name for file in folder.iterdir()] == ["a.qcow2"]


async def test_a_guest_with_shares_starts(guests: Any, other_tool: Any, libvirt_host: Any, folder: Path) -> None:
    shares = (Share(path=str(folder), tag="ro"), Share(path=str(folder), tag="rw", read_only=False))
    guest = definition(libvirt_host).model_copy(update={"shares": shares})
    assert (await guests.define(guest)).guest == guest
    await guests.start(guest.uuid)
    await guests.destroy(guest.uuid)


def may_lock_memory() -> bool:
    """Whether libvirtd, as whom we run, may lift the limit on locked memory (CAP_SYS_RESOURCE)."""
    lift = "import resource as r; r.setrlimit(r.RLIMIT_MEMLOCK, (r.RLIM_INFINITY, r.RLIM_INFINITY))"
    return subprocess.run([sys.executable, "-c", lift], capture_output=True, timeout=60).returncode == 0


async def test_a_guests_memory_is_locked(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    """In a container that may not lift the limit, the start says so and nothing runs."""
    guest = definition(libvirt_host).model_copy(update={"lock_memory": True})
    await guests.define(guest)
    if not may_lock_memory():
        with pytest.raises(GuestwireError) as caught:
            await guests.start(guest.uuid)
        assert caught.value.code == "DRIVER-ERROR"
        assert "locked memory" in caught.value.message
        (seen,) = [observed for observed in await guests.list() if observed.guest.uuid == guest.uuid]
        assert seen.state == "stopped"
        return
    await guests.start(guest.uuid)
    status = Path(f"/proc/{find_process(guest.uuid or '')}/status").read_text()
    locked = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck:"))
    assert locked > guest.memory_mib << 10
    await guests.destroy(guest.uuid)


async def test_port_forwards_are_made_or_refused_in_words(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    """libvirt makes them with passt, which 9.0 of Debian 12 does not know."""
    forwards = (PortForward(host_port=20022, guest_port=22),)
    guest = definition(libvirt_host).model_copy(
        update={"nics": (Nic(mac="52:54:00:12:34:57"),), "port_forwards": forwards}
    )
    error: GuestwireError | None = None
    try:
        await guests.define(guest)
    except GuestwireError as err:
        error = err
    found = [observed.guest for observed in await guests.list() if observed.guest.uuid == guest.uuid]
    assert found == ([] if error else [guest])
    if error is not None:
        assert error.code == "UNSUPPORTED"
        assert "passt" in error.message


async def test_a_definition_that_is_refused_changes_nothing(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    guest = definition(libvirt_host)
    await guests.define(guest)
    renamed = guest.model_copy(update={"name": guest.name + ".b"})
    for override, code in (
        (Override(op="remove", sel="nowhere"), "DOCUMENT-INVALID"),
        (Override(op="add", xml="<nonsense/>"), "DRIVER-ERROR"),
    ):
        with pytest.raises(GuestwireError) as caught:
            await guests.define(renamed.model_copy(update={"overrides": (override,)}))
        assert caught.value.code == code
        (seen,) = [observed for observed in await guests.list() if observed.guest.uuid == guest.uuid]
        assert seen.guest == guest
