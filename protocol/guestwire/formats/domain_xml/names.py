"""The names that writer and reader share, and the characters that XML can carry."""

import re
from xml.etree.ElementTree import Element, SubElement, register_namespace

NAMESPACE = "urn:guestwire:domain:1"
QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
METADATA_TAG = f"{{{NAMESPACE}}}guest"
AGENT_CHANNEL = "org.qemu.guest_agent.0"
COMM_CHANNEL = "org.guestwire.guest.0"
DOORBELL = "gw-doorbell"
LIBOSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
"""Where virt-install and others say which operating system is inside."""
HANDLE = "guest"
"""The attribute by which `sel` of an override finds what the guest itself names: a disk's path ("cdrom 1" for the first
drive), a card's MAC, a device's address, a share's tag, and for <cputune> "KIND VCPUS CPUSET". It is gone when the
overrides are applied. What it names may be edited: then an override of it no longer fits, which an optional one survives."""

register_namespace("guestwire", NAMESPACE)
register_namespace("qemu", QEMU_NAMESPACE)
register_namespace("libosinfo", LIBOSINFO)

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text without what XML 1.0 has no way to write."""
    return _NOT_XML.sub("", text)


def element(parent: Element, tag: str, text: str, **attributes: str) -> Element:
    """Append <tag>text</tag>."""
    made = SubElement(parent, tag, {name: xml_text(value) for name, value in attributes.items()})
    made.text = xml_text(text)
    return made
