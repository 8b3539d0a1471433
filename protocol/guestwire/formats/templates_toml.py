"""Registry files, templates/*.toml: the templates and images of a site, for people to edit.

    [[template]]                  [[image]]
    id = "RtLinux"                id = "RtLinux"
    os_type = "linux"             os_type = "linux"
    image_type = "linux"          path = "/var/lib/libvirt/images/rtlinux/vmlinuz"

Every key is a field of the model; what is left out has its default.
"""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from guestwire.formats import toml_text
from guestwire.formats.strict import Labels, Mistake, invalid, read
from guestwire.model.base import Model
from guestwire.model.images import Image, Template


class _Document(Model):
    template: Annotated[tuple[Template, ...], Field(max_length=256)] = ()
    image: Annotated[tuple[Image, ...], Field(max_length=256)] = ()


class Registry(NamedTuple):
    """Templates and images, identifiers unique within each."""

    templates: tuple[Template, ...] = ()
    images: tuple[Image, ...] = ()


def load(text: str) -> Registry:
    """The registry of a file. Raises DOCUMENT-INVALID with every mistake, by "image.ID.field"."""
    table = toml_text.read(text)
    names = {kind: _names(table.get(kind)) for kind in ("template", "image")}
    labels: Labels = {(kind,): found for kind, found in names.items() if found}
    made, mistakes = read(_Document, table, labels)
    for kind, found in names.items():
        twice = sorted({name for name in found if found.count(name) > 1})
        mistakes += [Mistake(toml_text.path_text((kind, name, "id")), "is not unique") for name in twice]
    if mistakes or made is None:
        raise invalid(mistakes)
    return Registry(made.template, made.image)


def dump(registry: Registry) -> str:
    """The file of a registry: `load(dump(r)) == r`."""
    document = _Document(template=registry.templates, image=registry.images)
    return toml_text.write(document.model_dump(exclude_defaults=True))


def _names(entries: Any) -> Sequence[str]:
    """What the entries of a list are called: by their id, where they have one."""
    if not isinstance(entries, list):
        return ()
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
    return tuple(name if isinstance(name, str) else str(index) for index, name in enumerate(ids))
