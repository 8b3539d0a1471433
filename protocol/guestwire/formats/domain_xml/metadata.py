"""Our part of a domain: one JSON text under <metadata>. JSON escapes what XML cannot carry."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from guestwire.formats.domain_xml.choices import Choices
from guestwire.formats.domain_xml.communication import kept
from guestwire.formats.domain_xml.extract import Extract
from guestwire.formats.domain_xml.names import METADATA_TAG
from guestwire.model.guest import Guest

COMMUNICATION = "communication"
_HOST = "host"


def metadata_text(
    guest: Guest, as_defined: Extract, disk_targets: Sequence[str], choices: Choices | None = None, host: str = ""
) -> str:
    """`guest` as it was given; what `extract` finds in its domain now; the target device of each of its disks; what of
    the choices is for communication; and the id of the host that it is a guest of."""
    ours: dict[str, Any] = {
        "guest": guest.model_dump(mode="json", exclude_defaults=True),
        "as_defined": as_defined,
        "disk_targets": disk_targets,
    }
    if choices is not None and (choices.comm or choices.wiring):
        ours[COMMUNICATION] = kept(choices.comm, choices.wiring)
    if host:
        ours[_HOST] = host
    return json.dumps(ours, ensure_ascii=True, sort_keys=True)


def ours_of(domain: Element) -> Mapping[str, Any] | None:
    """Our part of a domain; None where the domain is not ours or somebody broke it."""
    text = domain.findtext(f"metadata/{METADATA_TAG}")
    try:
        ours = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return ours if isinstance(ours, dict) else None


def named_host(ours: Mapping[str, Any] | None) -> str:
    """The id of the host whose guest a domain says it is: several agents may have one libvirt. "" where it says nothing, as
    domains that were defined before that was written down: those are everybody's."""
    host = None if ours is None else ours.get(_HOST)
    return host if isinstance(host, str) else ""
