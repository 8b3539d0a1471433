"""What overrides of a domain's XML may cost. They reach everything that libvirt can be told: the rules see none of it."""

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, ParseError, fromstring

from guestwire.model.guest import Override
from guestwire.model.plan import Risk

_QEMU = "http://libvirt.org/schemas/domain/qemu/"
_PROGRAMS = ("commandline", "emulator")
"""Elements that say what is run: arguments of QEMU, and the program in QEMU's place."""
_NAMED = re.compile(rf"{'|'.join(_PROGRAMS)}|qemu:|{re.escape(_QEMU)}", re.IGNORECASE)
_ANY = re.compile(r"\*|\.\.")
"""Steps that name no element: what they find nobody can tell from the path."""
_ATTRIBUTE = re.compile(r"(?:.+/)?@[A-Za-z_][A-Za-z0-9_.-]*", re.DOTALL)


def override_risk(overrides: Iterable[Override]) -> Risk:
    """0 without any, else 2, and 3 where one may reach QEMU's own command line or the program that is run. One that cannot
    be read counts as if it did."""
    risk: Risk = 0
    for override in overrides:
        if _reaches_qemu(override):
            return 3
        risk = 2
    return risk


def _reaches_qemu(override: Override) -> bool:
    if _NAMED.search(override.sel) or _ANY.search(override.sel) or _NAMED.search(override.xml):
        return True
    if override.op == "remove" or _ATTRIBUTE.fullmatch(override.sel):
        return False  # there is no XML: nothing, or the text of an attribute
    try:
        # names may be spelled with references, which only a parser reads
        piece = fromstring(f'<piece xmlns:guestwire="guestwire">{override.xml}</piece>')  # noqa: S314 (no DTD inside)
    except (ParseError, ValueError):
        return True
    return any(_is_qemus(element) for element in piece.iter())


def _is_qemus(element: Element) -> bool:
    names = (element.tag, *element.attrib)
    return any(name.startswith(f"{{{_QEMU}") or name.rpartition("}")[2] in _PROGRAMS for name in names)
