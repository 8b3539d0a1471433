"""The process of a simulated guest: what it was started with, which a later definition does not change."""

from dataclasses import dataclass, replace

from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning


@dataclass(frozen=True, slots=True)
class Process:
    """The definition and the pins a guest was started with. `retuned` and media come later."""

    guest: Guest
    pins: Pinning | None = None

    def with_pins(self, pins: Pinning | None) -> "Process":
        return replace(self, pins=pins)

    def with_media(self, disk: int, path: str | None) -> "Process":
        """With another medium in the drive that is the definition's disk number `disk`."""
        disks = list(self.guest.disks)
        disks[disk] = disks[disk].model_copy(update={"path": path})
        return replace(self, guest=self.guest.model_copy(update={"disks": tuple(disks)}))

    def writes_to(self, path: str) -> bool:
        """Whether the guest may change the image."""
        return any(d.path == path and d.device == "disk" and not d.read_only for d in self.guest.disks)

    def has_open(self, path: str) -> bool:
        return any(disk.path == path for disk in self.guest.disks)
