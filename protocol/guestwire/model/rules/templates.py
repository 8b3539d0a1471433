"""What a guest is made from: its image and its template (SM 4.10)."""

from collections.abc import Iterator, Mapping

from guestwire.model.guest import Guest
from guestwire.model.images import Image
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place

_SAME_ARCH: Mapping[str, str] = {"amd64": "x86_64", "arm64": "aarch64"}
"""What Debian calls an architecture, in the kernel's words."""


def template_type_mismatch(view: View) -> Iterator[Finding]:
    yield from _images_of_another_type(view)
    yield from _kinds_without_support(view)


def _kinds_without_support(view: View) -> Iterator[Finding]:
    """Guests whose kind no template of theirs supports (SM 4.10, HasRtSupport and HasVmfAccess)."""
    images = {image.id: image for image in view.desired.images}
    for guest in view.everyone:
        image = images.get(guest.image or "")
        mine = [
            template
            for template in view.desired.templates
            if template.os_type == guest.os_type and (image is None or template.image_type == image.os_type)
        ]
        related = tuple(f"templates.{template.id}" for template in mine)
        if mine and guest.kind == "rt" and not any(template.has_rt for template in mine):
            yield Finding(place(guest, "kind"), f"no template of {guest.os_type} has real-time support", related)
        if mine and guest.kind == "gp_comm" and guest.has_comm and not any(template.has_comm for template in mine):
            text = f"no template of {guest.os_type} takes part in the communication services"
            yield Finding(place(guest, "kind"), text, related)


def _images_of_another_type(view: View) -> Iterator[Finding]:
    known = {image.id: image for image in view.desired.images}
    templates = view.desired.templates
    for guest in view.everyone:
        if guest.image is None:
            continue
        image = known.get(guest.image)
        if image is None:
            yield Finding(place(guest, "image"), f"there is no image {guest.image!r}")
            continue
        of_guest = [template for template in templates if template.os_type == guest.os_type]
        of_image = [template for template in templates if template.image_type == image.os_type]
        fits = any(template.image_type == image.os_type for template in of_guest)
        if (of_guest or of_image) and not fits:
            yield Finding(
                place(guest, "image"),
                f"{guest.image} is an image for {image.os_type}, and no template of {guest.os_type} takes one",
                tuple(f"templates.{template.id}" for template in (*of_guest, *of_image)),
            )


def image_min_mem(view: View) -> Iterator[Finding]:
    for guest, image in _with_image(view):
        if guest.memory_mib < image.min_memory_mib:
            yield Finding(
                place(guest, "memory_mib"),
                f"{guest.memory_mib} MiB is less than {image.id} needs: {image.min_memory_mib} MiB",
                (f"images.{image.id}",),
            )


def mem_align(view: View) -> Iterator[Finding]:
    for guest, image in _with_image(view):
        if guest.memory_mib % image.align_mib:
            yield Finding(
                place(guest, "memory_mib"),
                f"{guest.memory_mib} MiB is not a multiple of {image.align_mib} MiB, as {image.id} needs",
                (f"images.{image.id}",),
            )


def arch_mismatch(view: View) -> Iterator[Finding]:
    assert view.facts.machine is not None
    machine = _arch(view.facts.machine)
    images = {image.id: image for image in view.desired.images}
    for guest in view.guests:
        image = images.get(guest.image) if guest.image is not None else None
        if guest.arch is not None and _arch(guest.arch) != machine:
            yield Finding(place(guest, "arch"), f"{guest.name} is for {guest.arch}, the host is {view.facts.machine}")
        elif image is not None and _arch(image.arch) != machine:
            yield Finding(
                place(guest, "image"),
                f"{image.id} is for {image.arch}, the host is {view.facts.machine}",
                (f"images.{image.id}.arch",),
            )


def _arch(name: str) -> str:
    return _SAME_ARCH.get(name, name)


def _with_image(view: View) -> Iterator[tuple[Guest, Image]]:
    known = {image.id: image for image in view.desired.images}
    for guest in view.everyone:
        if guest.image is not None and (image := known.get(guest.image)) is not None:
            yield guest, image


RULES: tuple[Rule, ...] = (
    Rule(
        "TEMPLATE-TYPE-MISMATCH", "E", "E",
        "A guest's image exists, is of the type that a template of its os_type takes, and the template supports its kind.",
        "Choose an image of the guest's type, or correct its os_type; a kind that the template has.", template_type_mismatch,
    ),
    Rule(
        "IMAGE-MIN-MEM", "E", "E", "A guest has at least the memory that its image needs.",
        "Give the guest more memory.", image_min_mem,
    ),
    Rule(
        "MEM-ALIGN", "E", "E", "A guest's memory is a multiple of its image's alignment.",
        "Round memory_mib up to the next multiple.", mem_align,
    ),
    Rule(
        "ARCH-MISMATCH", "E", "E", "A guest and its image are for the host's architecture (KVM-RT 2).",
        "Choose an image for this host, or another host.", arch_mismatch, ("machine",),
    ),
)  # fmt: skip
