"""From a guest as a document has it to the guest a hypervisor is given, and back: what images stand for is filled in."""

from collections.abc import Sequence

from guestwire.model.desired import Desired
from guestwire.model.guest import DirectBoot, Guest, Override
from guestwire.model.images import Image


def resolve(guest: Guest, images: Sequence[Image], overrides: Sequence[Override] = ()) -> Guest:
    """The guest with its image's kernel (where it boots none of its own), and with `overrides` of its folder after those
    of the document."""
    given: dict[str, object] = {}
    image = next((image for image in images if image.id == guest.image), None)
    if image is not None and image.format == "kernel" and guest.boot is None:
        given["boot"] = DirectBoot(kernel=image.path, initrd=image.initrd, cmdline=image.cmdline)
    if overrides:
        given["overrides"] = (*guest.overrides, *overrides)
    return guest.model_copy(update=given) if given else guest


def observed(active: Desired, found: dict[str, Guest], resolved: dict[str, Guest]) -> Desired:
    """The active document as the host has it now: guests with what was changed behind our back, without those that are
    gone. `found`: what the hypervisor has, `resolved`: what it was given, both by uuid."""
    guests = []
    for guest in active.guests:
        uuid = guest.uuid or ""
        now = found.get(uuid)
        if now is None:
            continue
        given = resolved[uuid]
        if now == given:
            guests.append(guest)
            continue
        drifted = {
            name: getattr(now, name) for name in Guest.model_fields if getattr(now, name) != getattr(given, name)
        }
        guests.append(guest.model_copy(update=drifted))
    return active if tuple(guests) == active.guests else active.model_copy(update={"guests": tuple(guests)})
