"""Whether a guest's overrides fit the document that we would write of it, before anything is written."""

from guestwire.formats.domain_xml.choices import HypervisorKind
from guestwire.formats.domain_xml.patch import apply_overrides
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.writer import draft
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.issues import Issue
from guestwire.model.pinning import Pinning


def unfit(guest: Guest, pins: Pinning | None = None) -> GuestwireError | None:
    """The DOCUMENT-INVALID of the first override that does not fit, `field` says which; None where all do, under some
    hypervisor, and where the document cannot be written for another reason. Disks may be without a path yet."""
    if not guest.overrides:
        return None
    disks = tuple(
        disk.model_copy(update={"path": f"/{number}"}) if disk.path is None and disk.device == "disk" else disk
        for number, disk in enumerate(guest.disks)
    )
    placed = guest.model_copy(update={"disks": disks})
    found: list[GuestwireError] = []
    kinds: tuple[HypervisorKind, ...] = ("kvm", "qemu")
    for kind in kinds:
        try:
            made = draft(placed, choices(placed, kind, pins))
        except GuestwireError:
            return None
        try:
            apply_overrides(made, guest)
        except GuestwireError as err:
            found.append(err)
        else:
            return None
    return max(found, key=_number)


def misfit(guest: Guest, given: Guest, pins: Pinning | None) -> Issue | None:
    """The issue of a guest's overrides. `given`: what the hypervisor is to be given, where those of the guest's folder come
    after the document's own."""
    if (err := unfit(given, pins)) is None:
        return None
    number = _number(err)
    own = given.overrides[number : number + 1] == guest.overrides[number : number + 1]
    return Issue(
        code="OVERRIDES-INVALID", severity="E", related=(guest.name,),
        path=f"guests.{guest.name}.overrides" + (f".{number}" if own else ""), message=err.message,
        hint="Correct the override, or remove it." if own else "Correct overrides.toml in the guest's folder, or remove it.",
    )  # fmt: skip


def _number(err: GuestwireError) -> int:
    """Which of the guest's overrides an error of `unfit` is about, from 0."""
    return int((err.field or "").rpartition("[")[2].rstrip("]"))
