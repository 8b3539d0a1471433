"""From a guest as a document has it to the guest a hypervisor is given, and back: what images stand for is filled in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guestwire.model.desired import Desired
from guestwire.model.guest import DirectBoot, Guest, Override
from guestwire.model.images import Image
from guestwire.model.pinning import Pinning


@dataclass(frozen=True, slots=True)
class Place:
    """What a hypervisor is given for a guest: the guest with its image and its folder's overrides filled in, its pins, and the
    networks of the project that its cards are on, each with its bridge."""

    guest: Guest
    pins: Pinning | None = None
    bridges: tuple[tuple[str, str], ...] = ()


def resolve(guest: Guest, images: Sequence[Image], overrides: Sequence[Override] = ()) -> Guest:
    """The guest with its image's kernel (where it boots none of its own), and with `overrides` of its folder after those
    of the document, unless those end with the same; edits that were taken into the document stay last."""
    given: dict[str, object] = {}
    image = next((image for image in images if image.id == guest.image), None)
    if image is not None and image.format == "kernel" and guest.boot is None:
        given["boot"] = DirectBoot(kernel=image.path, initrd=image.initrd, cmdline=image.cmdline)
    head, edits = _own(guest)
    if overrides and tuple(overrides) not in (guest.overrides[-len(overrides) :], head[-len(overrides) :]):
        given["overrides"] = (*head, *overrides, *edits)
    return guest.model_copy(update=given) if given else guest


EDITED = "./"
"""What begins the path of an override that was not given: it says what another tool did to the domain. The path finds the same
without it."""


def is_edit(override: Override) -> bool:
    return override.optional and override.sel.startswith(EDITED)


def of_folder(guest: Guest, found: Guest) -> tuple[Override, ...]:
    """The overrides that a hypervisor was given from a guest's folder: what it has after those of the document, without what
    another tool did to the domain."""
    head, _ = _own(guest)
    rest = found.overrides[len(head) :] if found.overrides[: len(head)] == head else ()
    return tuple(override for override in rest if not is_edit(override))


def _own(guest: Guest) -> tuple[tuple[Override, ...], tuple[Override, ...]]:
    """The overrides of a document, and the edits that were taken into it at their end: the folder's came before those."""
    overrides = guest.overrides
    edits = next((n for n, override in enumerate(reversed(overrides)) if not is_edit(override)), len(overrides))
    return overrides[: len(overrides) - edits], overrides[len(overrides) - edits :]


def _as_given(guest: Guest, now: Guest) -> Guest:
    """The guest as it is now, without the overrides that its folder has given."""
    head, taken = _own(guest)
    if now.overrides[: len(head)] != head:
        return now
    edits = tuple(override for override in now.overrides[len(head) :] if is_edit(override))
    return now.model_copy(update={"overrides": guest.overrides if edits == taken else head + edits})


def observed(active: Desired, found: Mapping[str, Guest]) -> Desired:
    """The active document as the host has it now: guests with what was changed behind our back, without those that are
    gone. `found`: what the hypervisor has, by uuid. What came from images and folders is not in it."""
    guests = []
    for guest in active.guests:
        now = found.get(guest.uuid or "")
        if now is None:
            continue
        given, now = resolve(guest, active.images), _as_given(guest, now)
        if now == given:
            guests.append(guest)
            continue
        drifted = {
            name: getattr(now, name) for name in Guest.model_fields if getattr(now, name) != getattr(given, name)
        }
        guests.append(guest.model_copy(update=drifted))
    return active if tuple(guests) == active.guests else active.model_copy(update={"guests": tuple(guests)})
