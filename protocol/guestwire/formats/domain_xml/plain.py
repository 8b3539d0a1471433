"""A document in which equal things look equal."""

from copy import deepcopy
from xml.etree.ElementTree import Element, SubElement

from guestwire.formats.domain_xml.extract import size_bytes


def plain(domain: Element) -> Element:
    """A copy: one unit for sizes, no default that libvirt writes and we do not, no password, no space between elements; what
    the writer keeps for the overrides is there, empty."""
    copy = deepcopy(domain)
    copy.attrib.pop("id", None)
    for element in copy.iter():
        element.tail = None
        if len(element) or not (element.text or "").strip():
            element.text = None
    _in_kib(copy)
    for topology in copy.findall("cpu/topology[@dies='1']"):
        del topology.attrib["dies"]
    for graphics in copy.findall("devices/graphics"):
        graphics.attrib.pop("passwd", None)
    for path in ("memoryBacking", "numatune", "features", "features/kvm", "features/pmu", "vcpu"):
        above, _, tag = path.rpartition("/")
        parent = copy.find(above or ".")
        if parent is not None and parent.find(tag) is None:
            SubElement(parent, tag)
    for vcpu in copy.findall("vcpu"):
        vcpu.text = vcpu.text or "1"
        vcpu.attrib.setdefault("placement", "static")
    return copy


def _in_kib(domain: Element) -> None:
    """Sizes of memory and pages; the current memory only where it is another."""
    for memory in (*domain.findall("memory"), *domain.findall("currentMemory")):
        memory.text = str(size_bytes(memory.text, memory.attrib.pop("unit", None)) >> 10)
    for page in domain.findall("memoryBacking/hugepages/page"):
        page.set("size", str(size_bytes(page.get("size"), page.attrib.pop("unit", None)) >> 10))
    current = domain.find("currentMemory")
    if current is not None and current.text == domain.findtext("memory"):
        domain.remove(current)
