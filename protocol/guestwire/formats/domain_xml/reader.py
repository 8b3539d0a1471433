"""A domain document as a guest. Read INACTIVE XML: the active one has run-time additions.

A guest of ours comes back as it was given, except for what libvirt says otherwise now than when we defined it: that is
an edit made behind our back, and it shows. A copy that another tool made of ours does too, without an id. A domain that we
did not make, or whose metadata somebody broke, has no id and is described as well as the model can; the rest of it is in
its overrides.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from guestwire.formats.domain_xml.communication import read_kept
from guestwire.formats.domain_xml.drift import drifted
from guestwire.formats.domain_xml.edits import edits_of
from guestwire.formats.domain_xml.extract import Extract, extract
from guestwire.formats.domain_xml.foreign import MOST, foreign_overrides
from guestwire.formats.domain_xml.metadata import COMMUNICATION, named_host, ours_of
from guestwire.formats.domain_xml.names import LIBOSINFO
from guestwire.formats.domain_xml.old_metadata import from_old
from guestwire.formats.domain_xml.settled import SETTLED
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

_FITTINGS = 8
"""How often what does not fit is left out; an item that goes may uncover another that did not."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`disk_targets` are the target devices ("vda") of the guest's disks, in their order. `foreign`: the domain is not made
    by us. `host`: the id of the host whose guest it says it is, "" where it says nothing."""

    guest: Guest
    disk_targets: tuple[str, ...] = ()
    foreign: bool = False
    host: str = ""


def from_xml(text: str) -> Guest:
    """The guest of a domain. Raises DOCUMENT-INVALID for what is no domain XML, and nothing for any that is."""
    return read(text).guest


def read(text: str) -> Reading:
    """The guest of a domain and where its disks are. Raises as `from_xml` does."""
    return read_extract(text)[0]


def read_extract(text: str) -> tuple[Reading, Extract]:
    """The same, with what the document says by itself. Raises as `from_xml` does."""
    try:
        domain = fromstring(text)  # noqa: S314 (expat limits what entities may grow to)
    except (ParseError, ValueError) as err:
        raise _invalid(f"This is not XML: {err}") from err
    if domain.tag != "domain":
        raise _invalid(f"This is no domain: its outermost element is <{domain.tag[:64]}>")
    now = extract(domain)
    ours = ours_of(domain)
    if ours is not None and (reading := _ours(ours, now, domain)) is not None:
        return reading, now
    return _foreign(domain, now), now


def _invalid(why: str) -> GuestwireError:
    return GuestwireError("DOCUMENT-INVALID", why, detail={"issues": [{"path": "", "message": why}]})


def _ours(ours: Mapping[str, Any], now: Extract, domain: Element) -> Reading | None:
    given, as_defined, targets = ours.get("guest"), ours.get("as_defined"), ours.get("disk_targets")
    old = "guest" not in ours
    if old:
        given, as_defined, targets = from_old(ours, now)
    if not isinstance(given, dict) or not isinstance(as_defined, dict) or not isinstance(targets, list):
        return None
    try:
        guest = Guest.model_validate_json(json.dumps(given))
    except ValidationError:
        return None
    if not _is_list(targets, str) or len(targets) != len(guest.disks) or (old and guest.id is None):
        return None
    if not all(_is_list(as_defined.get(name, []), kind) for name, kind in _LISTS.items()):
        return None
    comm, wiring = read_kept(ours.get(COMMUNICATION))
    values, now_targets = drifted(given, as_defined, now, targets, wiring)
    if guest.uuid is not None and values.get("uuid") != guest.uuid:
        values.pop("id", None)
    fitted = _fit(values)
    if (tree := ours.get(SETTLED)) is not None and (found := edits_of(domain, tree, guest, fitted, comm, wiring)):
        fitted = fitted.model_copy(update={"overrides": (*fitted.overrides, *found)[:MOST]})
    found_targets = tuple(now_targets) if len(fitted.disks) == len(now_targets) else ()
    return Reading(fitted, found_targets, host=named_host(ours))


_LISTS: Mapping[str, type] = {"disks": dict, "nics": dict, "port_forwards": dict, "shares": dict, "devices": str}
"""What `extract` puts into its lists."""


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _foreign(domain: Element, now: Extract) -> Reading:
    """Of a domain that another tool made."""
    values = {name: value for name, value in now.items() if name not in {"real_time", "numatune", "lock_memory"}}
    rt = now["real_time"]
    sockets, cores, threads = now["topology"] or (1, 1, 1)
    same = sockets * cores * threads == now["vcpus"] and (sockets, threads) != (1, 1)
    disks = [disk for disk in now["disks"] if disk["format"] in {"qcow2", "raw"}]
    values |= {
        "name": re.sub(r"[^A-Za-z0-9_.-]", "_", now["name"])[:63] or "unnamed",
        "kind": "rt" if rt else "gp",
        "os_type": _os_type(domain),
        "arch": None if now["arch"] == "x86_64" else now["arch"],
        "topology": now["topology"] if same else "auto",
        "cpuset": now["cpuset"] or None,
        # nobody asked for nodes where there are no pins either, which is what auto means
        "numatune": now["numatune"] if now["cpuset"] or now["numatune"] else "auto",
        "lock_memory": "auto" if now["lock_memory"] == rt else now["lock_memory"],
        "disks": disks,
        "vcpus": min(max(now["vcpus"], 1), 1024),
        "memory_mib": min(max(now["memory_mib"], 16), 1 << 24),
        "persistence": "ephemeral" if _forgets(domain) else "persistent",
    }
    guest = _fit(values)
    guest = guest.model_copy(update={"overrides": foreign_overrides(domain, guest)})
    targets = tuple(disk["target"] for disk in disks)
    return Reading(guest, targets if len(targets) == len(guest.disks) else (), foreign=True)


def _os_type(domain: Element) -> str:
    """By what virt-install says in the metadata: windows10, windows2k19; else linux."""
    says = domain.find(f"metadata/{{{LIBOSINFO}}}libosinfo/{{{LIBOSINFO}}}os")
    windows = re.search(r"microsoft\.com/win/([a-z0-9]{1,16})$", "" if says is None else says.get("id", ""))
    return f"windows{windows[1]}" if windows else "linux"


def _forgets(domain: Element) -> bool:
    """Whether all that it writes to its disks is forgotten."""
    disks = [disk for disk in domain.findall("devices/disk") if disk.get("device", "disk") == "disk"]
    written = [disk for disk in disks if disk.find("readonly") is None]
    return bool(written) and all(disk.find("transient") is not None for disk in written)


def _fit(values: Mapping[str, Any]) -> Guest:
    """The guest of these values, without those that the model has no room for."""
    left: dict[str, Any] = dict(values)
    for _ in range(_FITTINGS):
        try:
            return Guest.model_validate_json(json.dumps(left))
        except ValidationError as err:
            _leave_out(left, err.errors(include_url=False))
    return Guest(name=str(left.get("name", ""))[:63])


def _leave_out(values: dict[str, Any], errors: Sequence[ErrorDetails]) -> None:
    """Take out the items and fields that did not validate, and of what is too long its end."""
    items: dict[str, set[int]] = {}
    for error in errors:
        field, rest = str(error["loc"][0]), error["loc"][1:]
        if isinstance(values.get(field), list) and rest and isinstance(rest[0], int):
            items.setdefault(field, set()).add(rest[0])
        elif error["type"] in {"too_long", "string_too_long"} and not rest:
            values[field] = values[field][: error["ctx"]["max_length"]]
        else:
            values.pop(field, None)
            values.setdefault("name", "unnamed")
    for field, numbers in items.items():
        values[field] = [item for number, item in enumerate(values[field]) if number not in numbers]
