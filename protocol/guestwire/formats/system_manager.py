"""The System Manager's registries, /hv/templates/os.xml and images.xml (SM 4.10), as templates and images.

Their keys are public, the XML around them is not: see `xml_entries` for what is read.

A template's kind follows from its keys: HasRtSupport gives rt, else HasVmfAccess gp_comm, else gp; its images are those of
its own Type (SM 4.10.1). An image's format follows from its path (.qcow2, .raw, .img, else a kernel), auto_smp from a Type
that ends with _SMPAUTO. A path that is not absolute is one below `folder`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

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


def _load(
    text: str, keys: Mapping[str, tuple[str, Callable[[str], Any]]], shape: Callable[[dict[str, Any]], dict[str, Any]],
    model: type[M],
) -> tuple[M, ...]:  # fmt: skip
    by_key = {key.lower(): key for key in keys}
    mistakes: list[Mistake] = []
    made: list[M] = []
    known: set[str] = set()
    found_entries = entries(text)
    if not found_entries:
        raise invalid([Mistake("", _expected())])
    for number, entry in enumerate(found_entries):
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


def _expected() -> str:
    """What a file is to have that has no entry. Whoever reads it may have meant either registry."""
    told = [
        f'{file}: elements such as <{element} Id="..." Type="..."/>, with the keys {", ".join(keys)}'
        for file, element, keys in (("os.xml", "OperatingSystem", _TEMPLATE_KEYS), ("images.xml", "Image", _IMAGE_KEYS))
    ]
    return f"no element has the key Id; expected are in an {'; in an '.join(told)}"


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
    parts = re.sub(r"[\t\n\r]", " ", text).split(";")
    return tuple(part.strip(SPACE) for part in parts if part.strip(SPACE))


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
