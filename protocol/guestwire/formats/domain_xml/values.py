"""Values of a domain document that libvirt itself would refuse. `reader` reads any document, as a domain that is there must be
read; a document from a file may be refused, and is before anything is made of it.
"""

import re
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element, ParseError, fromstring

from guestwire.formats.domain_xml.extract import UNITS
from guestwire.model.cpuset import from_libvirt
from guestwire.model.errors import GuestwireError

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_MAC = re.compile(r"[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_SHOWN = 64


def check_values(text: str) -> None:
    """Raises DOCUMENT-INVALID with every place whose value is none; nothing for what is no XML, which the reader says."""
    try:
        domain = fromstring(text)  # noqa: S314 (expat limits what entities may grow to)
    except (ParseError, ValueError):
        return
    issues = list(_mistakes(domain))
    if issues:
        places = ", ".join(str(issue["path"]) for issue in issues[:8])
        raise GuestwireError("DOCUMENT-INVALID", f"This domain has values that are none: {places}.",
                             detail={"issues": issues[:64]})  # fmt: skip


def _mistakes(domain: Element) -> Iterator[dict[str, str]]:
    if not (domain.findtext("name") or "").strip():
        yield {"path": "name", "message": "a domain needs a name"}
    for path, attribute, fits, wanted in _TABLE:
        for element in domain.findall(path):
            value = element.text or "" if attribute is None else element.get(attribute)
            if value is not None and not fits(value.strip()):
                place = path if attribute is None else f"{path}/@{attribute}"
                yield {"path": place, "message": f"{value.strip()[:_SHOWN]!r} is no {wanted}"}


def _positive(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None and int(value) > 0


def _cpus(value: str) -> bool:
    try:
        return bool(from_libvirt(value))
    except GuestwireError:
        return False


def _unit(value: str) -> bool:
    return value.lower() in UNITS


_TABLE: tuple[tuple[str, str | None, Callable[[str], bool], str], ...] = (
    ("uuid", None, lambda value: _UUID.fullmatch(value) is not None, "UUID"),
    ("memory", None, _positive, "size"),
    ("memory", "unit", _unit, "unit of memory"),
    ("currentMemory", None, _positive, "size"),
    ("currentMemory", "unit", _unit, "unit of memory"),
    ("memoryBacking/hugepages/page", "size", _positive, "size"),
    ("memoryBacking/hugepages/page", "unit", _unit, "unit of memory"),
    ("vcpu", None, _positive, "number of vCPUs"),
    ("vcpu", "current", _positive, "number of vCPUs"),
    ("vcpu", "cpuset", _cpus, "list of CPUs"),
    ("cpu/topology", "sockets", _positive, "number"),
    ("cpu/topology", "cores", _positive, "number"),
    ("cpu/topology", "threads", _positive, "number"),
    ("cputune/vcpupin", "vcpu", lambda value: _NUMBER.fullmatch(value) is not None, "number of a vCPU"),
    ("cputune/vcpupin", "cpuset", _cpus, "list of CPUs"),
    ("cputune/emulatorpin", "cpuset", _cpus, "list of CPUs"),
    ("numatune/memory", "nodeset", _cpus, "list of nodes"),
    ("devices/interface/mac", "address", lambda value: _MAC.fullmatch(value) is not None, "MAC address"),
    ("devices/interface/portForward/range", "start", _positive, "port"),
)
