"""A domain as it is after a definition: with what libvirt made of it in our metadata."""

from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

from guestwire.formats.domain_xml.names import METADATA_TAG, NAMESPACE
from guestwire.formats.domain_xml.settled import resettled


def settled_document(xml: str) -> str:
    """As if libvirt had answered just that."""
    domain = fromstring(xml)
    element = domain.find(f"metadata/{METADATA_TAG}")
    assert element is not None
    element.text = resettled(xml)
    return tostring(domain, encoding="unicode")


def define(conn: Any, xml: str) -> Any:
    """As the driver defines: validated, and what libvirt answers is kept."""
    import libvirt

    domain = conn.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    domain = conn.defineXML(inactive(domain))
    element = Element("guest")
    element.text = resettled(inactive(domain))
    text = tostring(element, encoding="unicode")
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, "guestwire", NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
    )
    return domain


def inactive(domain: Any) -> str:
    import libvirt

    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
