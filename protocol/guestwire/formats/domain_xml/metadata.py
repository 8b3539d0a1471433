"""Our part of a domain: one JSON text under <metadata>. JSON escapes what XML cannot carry."""

import json
from collections.abc import Sequence

from guestwire.formats.domain_xml.extract import Extract
from guestwire.formats.domain_xml.reader import read_extract
from guestwire.model.guest import Guest


def metadata_text(guest: Guest, as_defined: Extract, disk_targets: Sequence[str]) -> str:
    """`guest` as it was given; what `extract` finds in its domain now; the target device of each of its disks."""
    ours = {
        "guest": guest.model_dump(mode="json", exclude_defaults=True),
        "as_defined": as_defined,
        "disk_targets": disk_targets,
    }
    return json.dumps(ours, ensure_ascii=True, sort_keys=True)


def adoption(xml: str, guest: Guest) -> str:
    """The text that makes a domain, as it is, be seen as `guest`. Raises DOCUMENT-INVALID for what is no domain.

    A disk of the guest is the one with its path; one that the domain does not have stays the guest's own affair.
    """
    reading, now = read_extract(xml)
    by_path: dict[str | None, list[str]] = {}
    for disk, target in zip(reading.guest.disks, reading.disk_targets, strict=False):
        by_path.setdefault(disk.path, []).append(target)
    targets = [found.pop(0) if (found := by_path.get(disk.path)) else "" for disk in guest.disks]
    return metadata_text(guest, now, targets)
