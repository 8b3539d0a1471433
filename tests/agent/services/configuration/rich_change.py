"""A change that has a step of every kind, the host it is for, and all that can be seen of that host."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guestwire.model.desired import Desired
from guestwire.model.guest import Disk, Guest
from guestwire.model.images import Image
from guestwire.model.plan import Plan
from guestwire.model.settings import HostSettings
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig

MACHINE = "16-core-pe"
"""CPUs 16 to 23 are cores of one CPU each."""
DISKS = "/simulated/images"
GONE = f"{DISKS}/old.qcow2"
MEDIUM, OTHER_MEDIUM = f"{DISKS}/a.iso", f"{DISKS}/b.iso"

OLD = Guest(name="old", disks=(Disk(path=GONE, size_mib=64),))
RT = Guest(name="rt1", kind="rt", cpuset="22-23", memory_mib=256)
WEB = Guest(name="web", memory_mib=512, image="linux")
MEDIA = Guest(name="media", disks=(Disk(path=MEDIUM, device="cdrom"),))
OFF = Guest(name="off", disks=(Disk(path=f"{DISKS}/off.qcow2", size_mib=64),))
STILL = Guest(name="still", memory_mib=128)
NEW = Guest(
    name="new",
    disks=(
        Disk(path=f"{DISKS}/new.raw", format="raw", size_mib=32),
        Disk(path=f"{DISKS}/copy.qcow2", clone_of=f"{DISKS}/off.qcow2", size_mib=256),
    ),
)
RUNNING = ("old", "rt1", "web", "media", "still")
IMAGES = (Image(id="linux", os_type="linux", path="/simulated/vmlinuz"),)

BEFORE = Desired(images=IMAGES, guests=(OLD, RT, WEB, MEDIA, OFF, STILL))


def after(now: Desired) -> Desired:
    """The document that makes a step of every kind out of what is active."""
    known = {guest.name: guest for guest in now.guests}

    def edited(guest: Guest, **changes: Any) -> Guest:
        return known[guest.name].model_copy(update=changes)

    return now.model_copy(
        update={
            "guests": (
                edited(RT, cpuset="20-21"),
                edited(WEB, memory_mib=1024),
                edited(MEDIA, disks=(MEDIA.disks[0].model_copy(update={"path": OTHER_MEDIUM}),)),
                edited(OFF, name="off2", disks=(OFF.disks[0].model_copy(update={"size_mib": 128}),)),
                known["still"],
                NEW,
            ),
            "settings": HostSettings(ip_forward=True, swap_mib=2048),
        }
    )


OPTIONS: dict[str, Any] = {"restart": True, "remove_disks": (GONE,)}


@dataclass(frozen=True)
class Seen:
    """All that a host shows: definitions, power, processes, images, settings, files."""

    definitions: dict[str, str | None]
    running: frozenset[str]
    processes: dict[str, Any]
    images: dict[str, Any]
    settings: HostSettings
    files: dict[str, bytes]


async def look(rig: Rig, folder: Path) -> Seen:
    uuids = [observed.guest.uuid or "" for observed in await rig.host.list()]
    paths = sorted({*_paths(BEFORE), *_paths(Desired(guests=(NEW,))), *_asides()})
    probed = await rig.host.images.probe(paths)
    guests = folder / "guests"
    return Seen(
        {uuid: await rig.host.definition(uuid) for uuid in uuids},
        frozenset(o.guest.name for o in await rig.host.list() if o.state == "running"),
        {process.guest.name: process for process in rig.host._guests.processes()},
        {path: (fact, rig.host.images.content(path)) for path, fact in probed.items() if fact.exists},
        await rig.host.control.settings(),
        {str(path.relative_to(guests)): path.read_bytes() for path in guests.rglob("*") if path.is_file()},
    )


def _paths(desired: Desired) -> set[str]:
    return {disk.path for guest in desired.guests for disk in guest.disks if disk.path is not None}


def _asides() -> set[str]:
    return {f"{DISKS}/.{path.rsplit('/', 1)[1]}.guestwire-aside-{n}" for path in _paths(BEFORE) for n in (1, 2)}


async def furnish(rig: Rig, hosts: Hosts) -> Seen:
    """Make the host what `BEFORE` says, with guests that run and files of their users."""
    for medium in (MEDIUM, OTHER_MEDIUM):
        await rig.host.images.create(medium, "raw", 8)
    await rig.apply(BEFORE)
    for name in RUNNING:
        await rig.start(name)
    old = rig.guests.table.by_name("old")
    assert old is not None
    note = hosts.folder / "guests" / (old.guest.id or "").lower() / "note.txt"
    note.write_text("mine")
    return await look(rig, hosts.folder)


async def up(rig: Rig) -> None:
    """Wait until the guests that run hear their power button."""
    async with asyncio.timeout(10):
        while not all(runtime.up for runtime in rig.host._guests if runtime.process is not None):
            await asyncio.sleep(0.001)


async def request(rig: Rig) -> c.ConfigApply:
    await up(rig)
    wanted = after(await rig.active())
    plan: Plan = await rig.plan(wanted, **OPTIONS)
    assert not [issue for issue in plan.issues if issue.severity == "E"], plan.issues
    return rig.apply_request(wanted, plan, destroy=(GONE,), **OPTIONS)
