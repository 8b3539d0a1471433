"""Domains of other tools: a definition from the guest that was read makes the same domain, whatever is in it."""

import re
from typing import Any

import pytest
from foreign_domains import FOREIGN, emulated, foreign, parts
from generated_guests import MACHINE, document, guests
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.formats.domain_xml.adoption import not_adoptable
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.reader import from_xml, read
from guestwire.formats.domain_xml.writer import to_xml
from guestwire.model.guest import Guest
from guestwire.model.pinning import pinning


def definition(guest: Guest, kind: Any = "kvm") -> str:
    """As the driver makes it on some machine; the guest says itself which hypervisor runs it."""
    return to_xml(guest, choices(guest, kind, pinning(guest, MACHINE)))


def again(conn: Any, text: str, kind: str = "kvm") -> tuple[str, str]:
    """The domain as another tool defined it and as a definition from its guest makes it."""
    import libvirt

    inactive = libvirt.VIR_DOMAIN_XML_INACTIVE
    keep = 0 if conn.getType() == "TEST" else libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
    documents = []
    guest = None
    for _ in range(2):
        domain = conn.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        try:
            documents.append(domain.XMLDesc(inactive))
        finally:
            domain.undefineFlags(keep)
        assert guest is None or read(documents[-1]).guest == guest
        guest = from_xml(documents[0])
        assert not_adoptable(documents[0]) == ()
        text = definition(guest, kind)
    return documents[0], documents[1]


@pytest.mark.libvirt
@pytest.mark.parametrize("name", FOREIGN)
def test_what_another_tool_defined_is_defined_again_in_process(in_process: Any, name: str) -> None:
    before, after = again(in_process, foreign(name))
    assert parts(after) == parts(before)


@pytest.mark.libvirt
@pytest.mark.parametrize("name", FOREIGN)
def test_what_another_tool_defined_is_defined_again_by_qemu(real: Any, name: str) -> None:
    before, after = again(real, emulated(name))
    assert parts(after) == parts(before)


@pytest.mark.libvirt
@settings(max_examples=60, deadline=None)
@given(guests(port_forwards=False), st.sampled_from(("qemu", "kvm")), st.sampled_from(("qemu", "kvm")))
def test_a_domain_of_every_shape_is_defined_again(in_process: Any, guest: Guest, kind: str, setting: str) -> None:
    """Ours, as if another tool had made it: whatever this host would choose itself."""
    text = re.sub("(?s)<metadata>.*</metadata>", "", document(guest, kind))
    before, after = again(in_process, text, setting)
    assert parts(after) == parts(before)
