"""The memory of guests that a project document gives none: their image's `default_memory_mib` (SM 4.10, DefaultSize).

A document is where "not given" can be told: in the model, and so on hosts, each guest has its number. Pure, over the tables of
one host.
"""

from collections.abc import Mapping
from typing import Any

from guestwire.model.desired import Desired

SMALLEST_MIB = 16
"""What a guest has at least (`Guest.memory_mib`); an image that says less says nothing."""


def with_memory(guest: Mapping[str, Any], images: Any) -> dict[str, Any]:
    """A guest's table with the memory of its image, where it has none of its own."""
    name = guest.get("image")
    image = images.get(name) if isinstance(images, Mapping) and isinstance(name, str) else None
    size = image.get("default_memory_mib") if isinstance(image, Mapping) else None
    if "memory_mib" in guest or type(size) is not int or size < SMALLEST_MIB:
        return dict(guest)
    return {**guest, "memory_mib": size}


def says_memory(desired: Desired) -> bool:
    """Whether the document of a configuration has the memory of every guest: an image has another default than guests."""
    return any(image.default_memory_mib >= SMALLEST_MIB for image in desired.images)
