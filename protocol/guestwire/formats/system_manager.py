"""The System Manager's registries, /hv/templates/os.xml and images.xml (SM 4.10), as templates and images, and back.

Their keys are public, the XML around them is not: see `xml_entries` for what is read. Written is

    <OperatingSystems><OperatingSystem Id="RtLinux" Name="..." Type="linux" .../></OperatingSystems>
    <Images><Image Id="..." Type="linux" Path="..." Arch="64" MinSize="192M" .../></Images>

A template's kind follows from its keys: HasRtSupport gives rt, else HasVmfAccess gp_comm, else gp; its images are those of
its own Type (SM 4.10.1). An image's format follows from its path (.qcow2, .raw, .img, else a kernel), auto_smp from a Type
that ends with _SMPAUTO. A path that is not absolute is one below `folder`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from xml.sax.saxutils import quoteattr

from pydantic import BaseModel

from guestwire.formats.edit_values import BOOLEANS
from guestwire.formats.strict import Mistake, did_you_mean, invalid, read
from guestwire.formats.xml_entries import SPACE, entries
from guestwire.model.guest import GuestKind
from guestwire.model.images import Image, Template

M = TypeVar("M", bound=BaseModel)

FOLDER = "/hv/templates"
_SMP = "_SMPAUTO"
_SIZE = re.compile(r"([0-9]{1,12})\s*([KMGT])B?|0x[0-9a-f]{1,16}|0", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"0x[0-9a-f]{1,16}", re.ASCII | re.IGNORECASE)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_ARCHITECTURES = {"64": "x86_64", "32": "i686"}
_SHARED_HEAP = {**BOOLEANS, "none": False, "": False, "single": True, "multiple": True}
_UNCARRIABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def load_templates(text: str) -> tuple[Template, ...]:
    """The templates of an os.xml. Raises DOCUMENT-INVALID with every mistake, by Id.Key."""
    return _load(
        text,
        _TEMPLATE_KEYS,
        lambda keys: {**keys, "kind": _kind(keys), "image_type": keys.get("os_type", "")},
        Template,
    )


def load_images(text: str, folder: str = FOLDER) -> tuple[Image, ...]:
    """The images of an images.xml. Raises DOCUMENT-INVALID with every mistake, by Id.Key."""
    return _load(text, _IMAGE_KEYS, lambda keys: _image(keys, folder), Image)


def dump_templates(templates: Sequence[Template]) -> str:
    """An os.xml. What it does not carry: `not_carried`. Raises DOCUMENT-INVALID for characters that XML has no room for."""
    return _dump("OperatingSystems", "OperatingSystem", [_template_attributes(template) for template in templates])


def dump_images(images: Sequence[Image]) -> str:
    """An images.xml. As `dump_templates`."""
    return _dump("Images", "Image", [_image_attributes(image) for image in images])


def not_carried(templates: Sequence[Template] = (), images: Sequence[Image] = ()) -> tuple[str, ...]:
    """Places that these files lose or change ("images.RtLinux.cmdline"), paths aside that are written as they are."""
    lost = []
    for template in templates:
        derived: dict[str, Any] = {"kind": _kind(dict(template)), "image_type": template.os_type}
        derived |= {"name": _trimmed(template.name), "files": _files(";".join(template.files))}
        lost += [f"templates.{template.id}.{field}" for field in _different(template, derived)]
    for image in images:
        derived = {**_derived(image.path, image.os_type), "initrd": None, "cmdline": ""}
        derived |= {"name": _trimmed(image.name), "path": _trimmed(image.path)}
        lost += [f"images.{image.id}.{field}" for field in _different(image, derived)]
    return tuple(lost)


def _different(model: BaseModel, derived: Mapping[str, Any]) -> list[str]:
    fields = {**derived, "os_type": _trimmed(getattr(model, "os_type", ""))}
    return [field for field, value in fields.items() if getattr(model, field) != value]


def _trimmed(text: str) -> str:
    return " ".join(re.split(r"[\t\n\r]", text)).strip(SPACE)


def _load(
    text: str, keys: Mapping[str, tuple[str, Callable[[str], Any]]], shape: Callable[[dict[str, Any]], dict[str, Any]],
    model: type[M],
) -> tuple[M, ...]:  # fmt: skip
    by_key = {key.lower(): key for key in keys}
    mistakes: list[Mistake] = []
    made: list[M] = []
    known: set[str] = set()
    for number, entry in enumerate(entries(text)):
        label = entry["id"] or f"entry {number + 1}"
        fields: dict[str, Any] = {}
        for lower, value in entry.items():
            if lower not in by_key:
                mistakes.append(Mistake(f"{label}.{lower}", f"there is no such key{did_you_mean(lower, by_key)}"))
                continue
            field, reader = keys[by_key[lower]]
            try:
                fields[field] = reader(value)
            except ValueError as err:
                mistakes.append(Mistake(f"{label}.{by_key[lower]}", str(err)))
        found, wrong = read(model, shape(fields))
        names = {field: key for key, (field, _) in keys.items()}
        mistakes += [Mistake(f"{label}.{names.get(path, path)}", message) for path, message in wrong]
        if entry["id"] in known:
            mistakes.append(Mistake(f"{label}.Id", "is not unique"))
        known.add(entry["id"])
        if found is not None:
            made.append(found)
    if mistakes:
        raise invalid(mistakes)
    return tuple(made)


def _kind(keys: Mapping[str, Any]) -> GuestKind:
    if keys.get("has_rt", True):
        return "rt"
    return "gp_comm" if keys.get("has_comm", True) else "gp"


def _image(keys: dict[str, Any], folder: str) -> dict[str, Any]:
    path = keys.get("path")
    if path and not path.startswith("/"):
        path = f"{folder.rstrip('/')}/{path}"
    made = {**keys, **_derived(path or "", keys.get("os_type", ""))}
    return {**made, "path": path} if path is not None else made


def _derived(path: str, os_type: str) -> dict[str, Any]:
    ending = path.lower().rpartition(".")[2]
    formats = {"qcow2": "qcow2", "raw": "raw", "img": "raw"}
    return {"format": formats.get(ending, "kernel"), "auto_smp": os_type.endswith(_SMP)}


def _bool(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError(f"must be true or false, not {text[:40]!r}")
    return BOOLEANS[text.lower()]


def _shared_heap(text: str) -> bool:
    if text.lower() not in _SHARED_HEAP:
        raise ValueError(f"must be true, false, none, single or multiple, not {text[:40]!r}")
    return _SHARED_HEAP[text.lower()]


def _mib(text: str) -> int:
    """MiB of "192M", "0x0C000000" (bytes) or 0. A number without a unit could be anything."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a size with its unit such as 192M, not {text[:40]!r}")
    size = int(match[1]) * _UNITS[match[2].upper()] if match[1] else int(text, 0)
    if size % _UNITS["M"]:
        raise ValueError(f"{text[:40]} is not a whole number of MiB")
    return size // _UNITS["M"]


def _address(text: str) -> int | None:
    if text and not _ADDRESS.fullmatch(text):
        raise ValueError(f"must be hexadecimal, such as 0x04000000, not {text[:40]!r}")
    return int(text, 16) if text else None


def _files(text: str) -> tuple[str, ...]:
    return tuple(part.strip(SPACE) for part in _trimmed(text).split(";") if part.strip(SPACE))


_TEMPLATE_KEYS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "Id": ("id", str),
    "Name": ("name", str),
    "Type": ("os_type", str),
    "SubFolders": ("files", _files),
    "HasRtSupport": ("has_rt", _bool),
    "HasVmfAccess": ("has_comm", _bool),
    "HasRtAnalyzer": ("has_analyzer", _bool),
    "HasAutoSmpSupport": ("auto_smp", _bool),
}
_IMAGE_KEYS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "Id": ("id", str),
    "Name": ("name", str),
    "Type": ("os_type", str),
    "Path": ("path", str),
    "Arch": ("arch", lambda text: _ARCHITECTURES.get(text, text)),
    "MinSize": ("min_memory_mib", _mib),
    "DefaultSize": ("default_memory_mib", _mib),
    "Align": ("align_mib", _mib),
    "ShmAsOsHeap": ("shm_as_heap", _shared_heap),
    "BaseAddr": ("base_address", _address),
}


def _template_attributes(template: Template) -> dict[str, str]:
    return {
        "Id": template.id,
        "Name": template.name,
        "Type": template.os_type,
        "SubFolders": ";".join(template.files),
        "HasRtSupport": _word(template.has_rt),
        "HasVmfAccess": _word(template.has_comm),
        "HasRtAnalyzer": _word(template.has_analyzer),
        "HasAutoSmpSupport": _word(template.auto_smp),
    }


def _image_attributes(image: Image) -> dict[str, str]:
    arch = next((number for number, name in _ARCHITECTURES.items() if name == image.arch), image.arch)
    address = {} if image.base_address is None else {"BaseAddr": f"0x{image.base_address:08X}"}
    return {
        "Id": image.id,
        "Name": image.name,
        "Type": image.os_type,
        "Path": image.path,
        "Arch": arch,
        "MinSize": f"{image.min_memory_mib}M",
        "DefaultSize": f"{image.default_memory_mib}M",
        "Align": f"{image.align_mib}M",
        "ShmAsOsHeap": _word(image.shm_as_heap),
        **address,
    }


def _word(value: bool) -> str:
    return "true" if value else "false"


def _dump(root: str, tag: str, rows: Iterable[Mapping[str, str]]) -> str:
    lines, mistakes = [], []
    for row in rows:
        mistakes += [
            Mistake(f"{row['Id']}.{key}", "has a character that XML cannot carry")
            for key, value in row.items()
            if _UNCARRIABLE.search(value)
        ]
        lines.append(f"  <{tag} {' '.join(f'{key}={quoteattr(value)}' for key, value in row.items())}/>\n")
    if mistakes:
        raise invalid(mistakes)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{"".join(lines)}</{root}>\n'
