"""The registries of a configuration, images and templates: from files of their own, and to one. Pure."""

import re
from collections.abc import Sequence
from typing import TypeVar

from guestwire.formats import system_manager, templates_toml
from guestwire.formats.templates_toml import Registry
from guestwire.model.desired import Desired
from guestwire.model.images import Image, Template

T = TypeVar("T", Image, Template)

_OF_IMAGES = re.compile(r"\b(MinSize|DefaultSize|Align|BaseAddr|ShmAsOsHeap)\b")
"""Keys that images.xml has and os.xml has not (SM 4.10)."""


def taken(text: str, into: Desired) -> Desired:
    """The configuration with the images and templates of a file: TOML, os.xml or images.xml, which the text itself tells.
    One of an id that is there already takes its place. Raises DOCUMENT-INVALID."""
    found = _read(text)
    return into.model_copy(
        update={"images": _merged(into.images, found.images), "templates": _merged(into.templates, found.templates)}
    )


def dump(desired: Desired) -> str:
    """The TOML file of a configuration's registries."""
    return templates_toml.dump(Registry(desired.templates, desired.images))


def _read(text: str) -> Registry:
    if not text.lstrip().startswith("<"):
        return templates_toml.load(text)
    if _OF_IMAGES.search(text):
        return Registry(images=system_manager.load_images(text))
    return Registry(templates=system_manager.load_templates(text))


def _merged(before: Sequence[T], new: Sequence[T]) -> tuple[T, ...]:
    by_id = {one.id: one for one in before} | {one.id: one for one in new}
    return tuple(by_id.values())
