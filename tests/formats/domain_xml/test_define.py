"""What libvirt makes of our documents: a guest that was defined, validated against libvirt's schema, comes back the same.

libvirt's test driver, in this process, for many; QEMU's for some.
"""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from chosen_guests import CHOSEN
from generated_guests import document, guests
from hypothesis import given, settings
from hypothesis import strategies as st
from settling import define, inactive

from guestwire.formats.domain_xml.reader import read
from guestwire.model.guest import Guest

pytestmark = pytest.mark.libvirt


def there_and_back(conn: Any, guest: Guest, kind: str, *, comm: bool = False) -> None:
    """Through a define, through a start and a stop where it can start, and through a define of what libvirt made of it: as
    every earlier version defined it, and with libvirt's answer kept, as the driver defines."""
    import libvirt

    def validated(text: str) -> Any:
        return conn.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    for defined in (validated, lambda text: define(conn, text)):
        text = document(guest, kind, comm=comm)
        for first in (True, False):
            domain = defined(text)
            try:
                if first:
                    with suppress(libvirt.libvirtError):  # what it needs may not be here
                        domain.create()
                        domain.destroy()
                text = inactive(domain)
                domain = conn.defineXML(text)
                for seen in (text, inactive(domain)):
                    reading = read(seen)
                    assert reading.guest == guest
                    assert len(reading.disk_targets) == len(guest.disks)
            finally:
                domain.undefineFlags(0 if conn.getType() == "TEST" else libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)


@settings(max_examples=100, deadline=None)
@given(guests(port_forwards=False), st.sampled_from(("qemu", "kvm")), st.booleans())
def test_a_guest_comes_back_through_a_define(in_process: Any, guest: Guest, kind: str, comm: bool) -> None:
    there_and_back(in_process, guest, kind, comm=comm)


CASES = sorted(CHOSEN.keys() - {"forwards"})  # Debian 12's libvirt has no passt


@pytest.mark.parametrize("kind", ["qemu", "kvm"])
@pytest.mark.parametrize("name", CASES)
def test_the_chosen_ones_come_back_in_process(in_process: Any, name: str, kind: str) -> None:
    for comm in (False, True):
        there_and_back(in_process, CHOSEN[name], kind, comm=comm)


@pytest.mark.parametrize("name", CASES)
def test_the_chosen_ones_come_back_from_qemu(real: Any, name: str) -> None:
    mark = uuid4()
    own = {"name": f"gwt-{mark.hex[:8]}", "uuid": str(mark)}  # several tests use one libvirtd
    guest = CHOSEN[name].model_copy(update=own)
    there_and_back(real, guest, "qemu")
    if guest.has_comm or guest.nics:
        there_and_back(real, guest, "qemu", comm=True)
