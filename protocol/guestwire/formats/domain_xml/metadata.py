"""Our part of a domain: one JSON text under <metadata>. JSON escapes what XML cannot carry."""

import json
from collections.abc import Sequence
from typing import Any

from guestwire.formats.domain_xml.choices import Choices
from guestwire.formats.domain_xml.communication import kept
from guestwire.formats.domain_xml.extract import Extract
from guestwire.model.guest import Guest

COMMUNICATION = "communication"


def metadata_text(
    guest: Guest, as_defined: Extract, disk_targets: Sequence[str], choices: Choices | None = None
) -> str:
    """`guest` as it was given; what `extract` finds in its domain now; the target device of each of its disks; and what of
    the choices is for communication."""
    ours: dict[str, Any] = {
        "guest": guest.model_dump(mode="json", exclude_defaults=True),
        "as_defined": as_defined,
        "disk_targets": disk_targets,
    }
    if choices is not None and (choices.comm or choices.wiring):
        ours[COMMUNICATION] = kept(choices.comm, choices.wiring)
    return json.dumps(ours, ensure_ascii=True, sort_keys=True)
