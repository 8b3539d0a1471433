"""A change that has a step of every kind, and the document that it starts from: for trials of failures and crashes."""

from typing import Any

from guestwire.model.desired import Desired
from guestwire.model.guest import Disk, Guest
from guestwire.model.images import Image
from guestwire.model.settings import HostSettings

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

BEFORE = Desired(images=IMAGES, guests=(OLD, RT, WEB, MEDIA, OFF, STILL), settings=HostSettings(bootloader_timeout=1))


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
            "settings": HostSettings(bootloader_timeout=1, ip_forward=True, swap_mib=2048),
        }
    )


OPTIONS: dict[str, Any] = {"restart": True, "remove_disks": (GONE,)}
