"""From a guest as a document has it to the guest a hypervisor is given, and back: what images stand for is filled in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guestwire.model.desired import Desired
from guestwire.model.guest import DirectBoot, Guest, Override
from guestwire.model.images import Image
from guestwire.model.pinning import Pinning


@dataclass(frozen=True, slots=True)
class Place:
    """What a hypervisor is given for a guest: the guest with its image and its folder's overrides filled in, and its pins."""

    guest: Guest
    pins: Pinning | None = None


def resolve(guest: Guest, images: Sequence[Image], overrides: Sequence[Override] = ()) -> Guest:
    """The guest with its image's kernel (where it boots none of its own), and with `overrides` of its folder after those
    of the document, unless those end with the same."""
    given: dict[str, object] = {}
    image = next((image for image in images if image.id == guest.image), None)
    if image is not None and image.format == "kernel" and guest.boot is None:
        given["boot"] = DirectBoot(kernel=image.path, initrd=image.initrd, cmdline=image.cmdline)
    if overrides and guest.overrides[-len(overrides) :] != tuple(overrides):
        given["overrides"] = (*guest.overrides, *overrides)
    return guest.model_copy(update=given) if given else guest


def of_folder(guest: Guest, found: Guest) -> tuple[Override, ...]:
    """The overrides that a hypervisor was given from a guest's folder: what it has after those of the document."""
    own = len(guest.overrides)
    return found.overrides[own:] if found.overrides[:own] == guest.overrides else ()


def observed(active: Desired, found: Mapping[str, Guest]) -> Desired:
    """The active document as the host has it now: guests with what was changed behind our back, without those that are
    gone. `found`: what the hypervisor has, by uuid. What came from images and folders is not in it."""
    guests = []
    for guest in active.guests:
        now = found.get(guest.uuid or "")
        if now is None:
            continue
        given = resolve(guest, active.images)
        if folder := of_folder(guest, now):
            given = given.model_copy(update={"overrides": (*guest.overrides, *folder)})
        if now == given:
            guests.append(guest)
            continue
        drifted = {
            name: getattr(now, name) for name in Guest.model_fields if getattr(now, name) != getattr(given, name)
        }
        guests.append(guest.model_copy(update=drifted))
    return active if tuple(guests) == active.guests else active.model_copy(update={"guests": tuple(guests)})
