"""Where the devices of memory areas can be plugged into a domain that has a process, and room for more of them.

libvirt does not know of these devices. It gives places to its own from the lowest number up, so ours come from the highest
down.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from guestwire.formats.domain_xml.communication import RESERVE
from guestwire.formats.domain_xml.names import QEMU_NAMESPACE

_BRIDGE, _PORT = "pcie-to-pci-bridge", "pcie-root-port"
_SLOTS = range(31, 0, -1)
_BRIDGE_WINDOW = 1 << 20
_PORT_WINDOW = 2 << 20  # of a root port that keeps none
_MOST_BUSES = 200


@dataclass(frozen=True, slots=True)
class PlugPlace:
    """A slot of a PCI bus. `window`: the largest memory of a device that comes while the guest runs, in bytes; what is there
    when the guest starts may be of any size, as the firmware makes room for it."""

    bus: int
    slot: int
    window: int


def plug_places(domain: Element, taken: Set[tuple[int, int]], *, starting: bool) -> list[PlugPlace]:
    """The free places, best first. `domain` is libvirt's live document, `taken` the places that it does not know of, as bus
    and slot. When the guest is `starting`, bridges come first; while it runs, root ports."""
    used = taken | set(_used(domain))
    buses = sorted(_buses(domain), reverse=True)
    window = _window(domain)
    bridges = [PlugPlace(bus, slot, _BRIDGE_WINDOW) for bus, model in buses if model == _BRIDGE for slot in _SLOTS]
    ports = [PlugPlace(bus, 0, window) for bus, model in buses if model == _PORT]
    places = bridges + ports if starting else ports + bridges
    return [place for place in places if (place.bus, place.slot) not in used]


def add_bridges(domain: Element, devices: int) -> bool:
    """Put bridges into an inactive document until so many devices have a place when the guest starts, as far as buses have
    numbers. Whether any was missing."""
    have = len(plug_places(domain, frozenset(), starting=True))
    parent = domain.find("devices")
    number = 1 + max((bus for bus, _ in _buses(domain)), default=0)
    added = False
    while have < devices and parent is not None and number < _MOST_BUSES:
        for index, model in ((number, _PORT), (number + 1, _BRIDGE)):
            SubElement(parent, "controller", type="pci", index=str(index), model=model)
        have, number, added = have + len(_SLOTS), number + 2, True
    return added


def _buses(domain: Element) -> Iterator[tuple[int, str | None]]:
    for controller in domain.findall("devices/controller[@type='pci']"):
        yield _number(controller.get("index")), controller.get("model")


def _used(domain: Element) -> Iterator[tuple[int, int]]:
    for address in domain.findall("devices/*/address[@type='pci']"):
        yield _number(address.get("bus")), _number(address.get("slot"))


def _number(text: str | None) -> int:
    try:
        return int(text or "0", 0)
    except ValueError:
        return -1


def _window(domain: Element) -> int:
    for argument in domain.findall(f"{{{QEMU_NAMESPACE}}}commandline/{{{QEMU_NAMESPACE}}}arg"):
        name, _, value = argument.get("value", "").partition("=")
        if name == RESERVE and value.isdecimal():
            return int(value)
    return _PORT_WINDOW
