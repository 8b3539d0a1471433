"""Domains as libvirt keeps them: define, undefine, save and restore a definition. Blocking calls, for a thread."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import libvirt
from pydantic import ValidationError

from guestwire.agent.drivers.duplicates import refuse_duplicates
from guestwire.agent.drivers.libvirt.errors import NO_DOMAIN, XML_ERROR, translate
from guestwire.agent.drivers.libvirt.observe import observe, observe_all
from guestwire.agent.drivers.libvirt.states import power
from guestwire.agent.services.ports import Observed
from guestwire.formats.domain_xml.adoption import adoption, not_adoptable
from guestwire.formats.domain_xml.carried import carried, first
from guestwire.formats.domain_xml.metadata import named_host, ours_of
from guestwire.formats.domain_xml.names import METADATA_TAG, NAMESPACE
from guestwire.formats.domain_xml.plug_places import add_bridges
from guestwire.formats.domain_xml.settled import resettled
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

_UNDEFINE_FLAGS = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
)
_KEEP_TPM, _TPM = 64, 32
"""VIR_DOMAIN_UNDEFINE_KEEP_TPM and _TPM, of libvirt 8.9; before, a TPM was forgotten with its domain."""
_TPM_SINCE = 8_009_000
_SETTLINGS = 3
"""Definitions of what libvirt answered, at most, until it answers the same; one is enough for all that is known."""
_VARIABLES: Mapping[str, str] = {"qemu:///system": "/var/lib/libvirt/qemu/nvram"}
"""Where a libvirt keeps UEFI variables, by its URI."""


class _Saved(Model):
    """A definition with what libvirt keeps beside the XML."""

    xml: str
    autostart: bool


def wrong_state(domain: Any, why: str, **detail: str) -> GuestwireError:
    return GuestwireError("WRONG-STATE", why, detail={"state": power(*domain.state())[0], **detail})


def find(conn: Any, uuid: str) -> Any | None:
    """The domain; None when there is none."""
    try:
        return conn.lookupByUUIDString(uuid)
    except libvirt.libvirtError as err:
        if err.get_error_code() == NO_DOMAIN:
            return None
        raise


def refuse_of_others(domain: Any, host: str) -> None:
    """Raise UNSUPPORTED for a guest of a host with another id than `host`; "" asks for no host."""
    other = _host_of(inactive_xml(domain)) if host else ""
    if other not in ("", host):
        why = f"This is a guest of the host {other}: ask that host, or adopt the domain first"
        raise GuestwireError("UNSUPPORTED", why, detail={"host": other})


def _host_of(xml: str) -> str:
    return named_host(ours_of(fromstring(xml)))  # noqa: S314 (from libvirt)


def define(conn: Any, guest: Guest, xml: str, host: str) -> Observed:
    """Make or replace the guest's definition, which is `xml`; what that leaves open stays as it is. Raises NAME-DUP,
    GUEST-ID-DUP, WRONG-STATE for a running guest that is to be renamed, UNSUPPORTED for port forwards that this libvirt
    cannot make, and for a guest of another host."""
    refuse_duplicates(guest, (observed.guest for observed in observe_all(conn, host)))
    known = find(conn, guest.uuid or "")
    if known is not None:
        refuse_of_others(known, host)
    before = None if known is None else str(known.name())
    documents = _documents(conn, known, xml)
    _rename(known, guest.name)
    try:
        domain = _define_first(conn, documents)
    except libvirt.libvirtError as err:
        if before is not None:
            with suppress(libvirt.libvirtError):
                _rename(known, before)
        if guest.port_forwards and err.get_error_code() == XML_ERROR:
            lost = translate(err, effect=False)
            why = "Port forwards need a libvirt with the passt backend (and passt on the host): remove them, or use a bridge"
            raise GuestwireError("UNSUPPORTED", f"{why}. {lost.message}", detail=lost.detail) from err
        raise
    domain = _settle(conn, domain)
    domain.setAutostart(0)  # the agent starts guests, in their order; libvirt would before it
    return observe(domain, host)


def _settle(conn: Any, domain: Any) -> Any:
    """Keep what libvirt made of our definition."""
    for _ in range(_SETTLINGS):
        text = resettled(inactive_xml(domain))
        domain = conn.defineXML(_settled_xml(domain, text))
        if resettled(inactive_xml(domain)) == text:
            break
    return domain


def make_room(domain: Any, devices: int) -> None:
    """Let the definition of a domain of ours have places for so many memory areas when it starts."""
    document = fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))  # noqa: S314
    if add_bridges(document, devices):
        conn = domain.connect()
        _settle(conn, conn.defineXML(tostring(document, encoding="unicode")))


def _documents(conn: Any, known: Any | None, xml: str) -> tuple[str, ...]:
    """What may be defined, best first."""
    variables = _VARIABLES.get(conn.getURI())
    if known is None:
        return (first(xml, variables=variables),)
    there = known.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
    # an override may bring buses that the old addresses do not fit: better new addresses than no definition
    return tuple(carried(xml, there, variables=variables, addresses=addresses) for addresses in (True, False))


def _define_first(conn: Any, documents: tuple[str, ...]) -> Any:
    """The first document that libvirt takes; of several refusals the last."""
    *others, last = documents
    for xml in others:
        with suppress(libvirt.libvirtError):
            return conn.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    return conn.defineXMLFlags(last, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def undefine(domain: Any) -> None:
    """Forget the definition. Its UEFI variables and its TPM stay, as its disks do: `restore` finds them again. `forget`
    removes them."""
    keeps_tpm = domain.connect().getLibVersion() >= _TPM_SINCE
    domain.undefineFlags(_UNDEFINE_FLAGS | (_KEEP_TPM if keeps_tpm else 0))


def forget(conn: Any, uuid: str) -> None:
    """Remove the UEFI variables and the TPM that `undefine` left of a guest of ours. Does nothing while it is defined.

    Only libvirt may write where they are: it removes those of a domain that it undefines, so one is defined for that.
    """
    folder = _VARIABLES.get(conn.getURI())
    if folder is None or find(conn, uuid) is not None:
        return
    nvram, tpm = libvirt.VIR_DOMAIN_UNDEFINE_NVRAM, _TPM if conn.getLibVersion() >= _TPM_SINCE else 0
    try:
        domain = conn.defineXML(_remains(uuid, folder, tpm=bool(tpm)))
    except libvirt.libvirtError:  # no swtpm here: no TPM either
        domain, tpm = conn.defineXML(_remains(uuid, folder, tpm=False)), 0
    domain.undefineFlags(nvram | tpm)


def _remains(uuid: str, folder: str, *, tpm: bool) -> str:
    chip = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>" if tpm else ""
    return (
        f"<domain type='qemu'><name>guestwire-{uuid}</name><uuid>{uuid}</uuid><memory>65536</memory>"
        "<os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'>/dev/null</loader>"
        f"<nvram>{folder}/{uuid}_VARS.fd</nvram></os><features><acpi/></features><devices>{chip}</devices></domain>"
    )


def inactive_xml(domain: Any) -> str:
    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))


def save(domain: Any) -> str | None:
    """All that `restore` needs, passwords included; None for a domain that has no definition (a transient one)."""
    if not domain.isPersistent():
        return None
    return _Saved(xml=_settled_xml(domain), autostart=bool(domain.autostart())).model_dump_json()


def _settled_xml(domain: Any, ours: str | None = None) -> str:
    """The definition, secrets included, so that libvirt gives it back as it is. libvirt adds controllers where they are first
    needed, and sorts them when it reads its own words again. `ours`: what our part of the metadata is to be instead."""
    document = fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))  # noqa: S314
    metadata = document.find(f"metadata/{METADATA_TAG}")
    if ours is not None and metadata is not None:
        metadata.text = ours
    devices = document.find("devices")
    if devices is not None:
        controllers = devices.findall("controller")
        places = [number for number, child in enumerate(devices) if child.tag == "controller"]
        controllers.sort(key=lambda controller: (controller.get("type", ""), int(controller.get("index", "0"))))
        for place, controller in zip(places, controllers, strict=True):
            devices[place] = controller
    return tostring(document, encoding="unicode")


def restore(conn: Any, uuid: str, saved: str | None, host: str) -> Observed | None:
    """Make the definition what `save` gave; None undefines. A running domain runs on, then without a definition. None when
    there is no domain any more. Raises DOCUMENT-INVALID for what `save` did not give of this domain, UNSUPPORTED where it
    became a guest of another host since."""
    domain = find(conn, uuid)
    if saved is None:
        if domain is not None:
            refuse_of_others(domain, host)
        if domain is not None and domain.isPersistent():
            undefine(domain)
        left = find(conn, uuid)
        return None if left is None else observe(left, host)
    try:
        wanted = _Saved.model_validate_json(saved)
    except ValidationError as err:
        raise GuestwireError("DOCUMENT-INVALID", "This is no saved definition of a domain.") from err
    document = fromstring(wanted.xml)  # noqa: S314 (from libvirt)
    if document.findtext("uuid") != uuid:
        raise GuestwireError("DOCUMENT-INVALID", "This is the saved definition of another domain.")
    if domain is not None and _host_of(wanted.xml) != _host_of(inactive_xml(domain)):
        refuse_of_others(domain, host)
    _rename(domain, document.findtext("name", ""))
    domain = conn.defineXML(wanted.xml)  # libvirt wrote it: its own schema may be stricter than it is
    domain.setAutostart(int(wanted.autostart))
    return observe(domain, host)


def adopt(conn: Any, guest: Guest, host: str) -> Observed:
    """Put the guest into its domain's metadata, and change nothing else. Another host's guest becomes ours. Raises NOT-FOUND,
    NAME-DUP, GUEST-ID-DUP, and UNSUPPORTED with the parts that a later definition would lose."""
    domain = conn.lookupByUUIDString(guest.uuid)
    refuse_duplicates(guest, (observed.guest for observed in observe_all(conn, host)))
    xml = inactive_xml(domain)
    if lost := not_adoptable(xml):
        why = f"Guestwire cannot define {', '.join(lost)} of this domain again: take that out of it first"
        raise GuestwireError("UNSUPPORTED", why, detail={"parts": list(lost)})
    element = Element("guest")
    element.text = adoption(xml, guest, host)
    kind, config = libvirt.VIR_DOMAIN_METADATA_ELEMENT, libvirt.VIR_DOMAIN_AFFECT_CONFIG
    domain.setMetadata(kind, tostring(element, encoding="unicode"), "guestwire", NAMESPACE, config)
    return observe(domain, host)


def _rename(domain: Any | None, name: str) -> None:
    """libvirt refuses a definition with a known uuid and a new name, and renames only what does not run."""
    if domain is None or domain.name() == name:
        return
    if domain.isActive():
        raise wrong_state(domain, "a running guest keeps its name")
    domain.rename(name)
