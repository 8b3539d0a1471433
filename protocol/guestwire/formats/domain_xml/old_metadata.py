"""The metadata of Guestwire 0.1: a few fields of ours, flat, and all else only in libvirt's own places."""

from collections.abc import Mapping
from typing import Any

from guestwire.formats.domain_xml.extract import Extract

_OURS = ("id", "kind", "os_type", "ready_when", "autostart", "comments")
_THEIRS = ("name", "uuid", "vcpus", "memory_mib", "firmware", "boot")
_NOT_WRITTEN: Mapping[str, Any] = {
    "title": "",
    "description": "",
    "hugepages_mib": 0,
    "lock_memory": False,
    "topology": None,
    "numatune": "",
    "hide_kvm": False,
    "nics": [],
    "devices": [],
    "port_forwards": [],
    "shares": [],
    "persistence": "persistent",
}


def from_old(ours: Mapping[str, Any], now: Extract) -> tuple[dict[str, Any], Extract, list[str]]:
    """The guest as it was given, what the domain said then, and its disks' targets: as today's metadata has them."""
    given = {name: ours[name] for name in _OURS if name in ours}
    given |= {name: now[name] for name in _THEIRS}
    cpuset = ours.get("cpuset")
    if cpuset is not None:
        given["cpuset"] = cpuset
    disks = [disk for disk in now["disks"] if disk["path"] is not None]
    read_only = ours.get("read_only_cdroms")
    given["disks"] = [
        {**disk, "read_only": disk["read_only"] or (isinstance(read_only, list) and number in read_only)}
        for number, disk in enumerate(disks)
    ]
    as_defined: Extract = {**_NOT_WRITTEN, "disks": now["disks"], "cpuset": ours.get("cpus", "")}
    return given, as_defined, [disk["target"] for disk in disks]
