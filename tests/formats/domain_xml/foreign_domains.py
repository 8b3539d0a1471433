"""Domains as other tools make them (foreign/*.xml), and what it means that two documents define the same."""

from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import fromstring

from guestwire.formats.domain_xml.differences import canonical
from guestwire.formats.domain_xml.names import METADATA_TAG

FOREIGN = {path.stem: path for path in sorted((Path(__file__).parent / "foreign").iterdir())}
_PASSTHROUGH = 'mode="host-passthrough"'


def foreign(name: str) -> str:
    return FOREIGN[name].read_text(encoding="utf-8")


def emulated(name: str) -> str:
    """As a machine without KVM defines it, under a name and a uuid of its own: several tests use one libvirtd."""
    text = foreign(name).replace('type="kvm"', 'type="qemu"', 1).replace(_PASSTHROUGH, 'mode="host-model"')
    text = text.replace(' check="none" migratable="on"', "")
    document = fromstring(text)
    uuid = str(uuid4())
    return text.replace(document.findtext("uuid", ""), uuid).replace(
        f"<name>{document.findtext('name')}", f"<name>{document.findtext('name')} {uuid[:8]}"
    )


def parts(text: str) -> list[Any]:
    """All that a document says, in no order, without our metadata and without the name: a guest's name holds less."""
    domain = fromstring(text)
    for metadata in domain.findall("metadata"):
        for ours in metadata.findall(METADATA_TAG):
            metadata.remove(ours)
        if not len(metadata):
            domain.remove(metadata)
    for name in domain.findall("name"):
        domain.remove(name)
    return _lines(canonical(domain), "")


def _lines(element: Any, above: str) -> list[str]:
    tag, attributes, text, children = element
    lines = [f"{above}{tag} {attributes} {text}"]
    for child in children:
        lines += _lines(child, f"{above}{tag}/")
    return lines
