"""Our part of a domain: one JSON text under <metadata>. JSON escapes what XML cannot carry."""

import json
from collections.abc import Sequence

from guestwire.formats.domain_xml.extract import Extract
from guestwire.model.guest import Guest


def metadata_text(guest: Guest, as_defined: Extract, disk_targets: Sequence[str]) -> str:
    """`guest` as it was given; what `extract` finds in its domain now; the target device of each of its disks."""
    ours = {
        "guest": guest.model_dump(mode="json", exclude_defaults=True),
        "as_defined": as_defined,
        "disk_targets": disk_targets,
    }
    return json.dumps(ours, ensure_ascii=True, sort_keys=True)
