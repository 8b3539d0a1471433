"""What a new definition takes over from the domain that is there, because a guest does not say it and nobody may lose it:
addresses, the exact machine, MACs that libvirt chose, where the UEFI variables are, passwords of displays, and what other
tools keep in the metadata.
"""

from copy import deepcopy
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from guestwire.formats.domain_xml.addresses import carry_addresses
from guestwire.formats.domain_xml.names import METADATA_TAG, xml_text

_ALIASES = {"q35": "pc-q35-", "pc": "pc-i440fx-"}
"""libvirt puts the machine of the QEMU that it sees at the time in the place of these."""
_SECRETS = ("passwd", "passwdValidTo", "connected")


def carried(made: str, known: str, *, variables: str | None, addresses: bool = True) -> str:
    """`made` with what it leaves open as in `known`, libvirt's inactive document of the domain with its secrets. `variables`
    is the folder where this libvirt keeps UEFI variables, None where that is not known."""
    domain, before = fromstring(made), fromstring(known)  # noqa: S314 (our own, and libvirt's)
    _machine(domain, before)
    _macs(domain, before)
    _variables(domain, _variables_of(before, variables))
    _passwords(domain, before)
    _metadata(domain, before)
    if addresses:
        carry_addresses(domain, before)
    return tostring(domain, encoding="unicode")


def first(made: str, *, variables: str | None) -> str:
    """`made` for a domain that is not there yet: its UEFI variables get a file that is named after its uuid. libvirt names
    it after the guest: another guest of that name would boot with the variables of this one."""
    domain = fromstring(made)  # noqa: S314 (our own)
    _variables(domain, None if variables is None else f"{variables}/{domain.findtext('uuid')}_VARS.fd")
    return tostring(domain, encoding="unicode")


def _machine(domain: Element, before: Element) -> None:
    ours, theirs = domain.find("os/type"), before.find("os/type")
    if ours is None or theirs is None or ours.get("arch", theirs.get("arch")) != theirs.get("arch"):
        return
    start = _ALIASES.get(ours.get("machine", ""))
    if start is not None and theirs.get("machine", "").startswith(start):
        ours.set("machine", theirs.get("machine", ""))


def _macs(domain: Element, before: Element) -> None:
    """The cards without a MAC are those that libvirt gave one: in their order."""
    cards = domain.findall("devices/interface")
    own = {mac.get("address", "").lower() for card in cards for mac in card.findall("mac")}
    left = [
        card
        for card in before.findall("devices/interface")
        if (mac := card.find("mac")) is not None and mac.get("address", "").lower() not in own
    ]
    for card in cards:
        old = next((other for other in left if _connection(other) == _connection(card)), None)
        if card.find("mac") is None and old is not None:
            left.remove(old)
            card.extend(deepcopy(old.findall("mac")))


def _connection(card: Element) -> tuple[str | None, ...]:
    source = card.find("source")
    names = ("network", "bridge", "dev", "portgroup")
    return card.get("type"), *(None if source is None else source.get(name) for name in names)


def _boots_uefi(domain: Element) -> bool:
    os = domain.find("os")
    return os is not None and os.get("firmware") == "efi"


def _variables_of(before: Element, folder: str | None) -> str | None:
    """Where the variables of a domain are. libvirt before 9.1 does not write it down and names them after the domain."""
    if (path := before.findtext("os/nvram")) is not None:
        return path
    if folder is None:
        return None
    name = before.findtext("name" if _boots_uefi(before) else "uuid")
    return None if not name or "/" in name else f"{folder}/{name}_VARS.fd"


def _variables(domain: Element, path: str | None) -> None:
    if path and _boots_uefi(domain) and domain.find("os/nvram") is None:
        os = domain.find("os")
        assert os is not None
        SubElement(os, "nvram").text = xml_text(path)


def _passwords(domain: Element, before: Element) -> None:
    left = before.findall("devices/graphics")
    for graphics in domain.findall("devices/graphics"):
        old = next((other for other in left if other.get("type") == graphics.get("type")), None)
        if old is None:
            continue
        left.remove(old)
        if "passwd" not in graphics.attrib and "passwd" in old.attrib:
            graphics.attrib.update({name: old.attrib[name] for name in _SECRETS if name in old.attrib})


def _metadata(domain: Element, before: Element) -> None:
    theirs = [child for child in before.findall("metadata/*") if child.tag != METADATA_TAG]
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = SubElement(domain, "metadata")
    for child in theirs:
        for old in metadata.findall(child.tag):
            metadata.remove(old)
        metadata.append(deepcopy(child))
