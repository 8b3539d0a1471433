"""A guest's overrides: RFC 5261's add, replace and remove on the document that we made.

`sel` is a path as ElementTree has it, from the domain element; a last step of `@name` means an attribute. It must find
exactly one element, or none where the override is optional. It may use the handles of `names.HANDLE`. The prefix `qemu:`
may be used in `sel` and `xml`. What a domain is known by stays: an override that touches its name or uuid is refused, since
it would define another domain.
"""

import re
from xml.etree.ElementTree import Element, ParseError, fromstring

from guestwire.formats.domain_xml.names import NAMESPACE, QEMU_NAMESPACE, xml_text
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, Override
from guestwire.model.resolving import is_edit

_PREFIXES = {"qemu": QEMU_NAMESPACE, "guestwire": NAMESPACE}
_WRAP = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in _PREFIXES.items())
_DEEPEST = 64
"""Levels of elements: more than libvirt has, less than recursion bears."""
_MOST_SEARCHES = 2
"""Of `//` in a path: each multiplies the time it takes."""
_ATTRIBUTE = re.compile(r"(?:(?P<path>.+)/)?@(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)", re.DOTALL)


def apply_overrides(domain: Element, guest: Guest, *, edits: bool | None = None) -> None:
    """Change the document in place. `edits`: only with what other tools edited, or only without; None: with all. Raises
    DOCUMENT-INVALID with the override in `field`."""
    for number, override in enumerate(guest.overrides):
        if edits not in {None, is_edit(override)}:
            continue
        try:
            _apply(domain, override)
            _check_depth(domain)
            _keep_identity(domain, guest)
        except _Unfit as err:
            raise GuestwireError(
                "DOCUMENT-INVALID", f"An override does not fit: {err}", field=f"guests.{guest.name}.overrides[{number}]"
            ) from err


class _Unfit(Exception):
    """Why an override cannot be applied."""


def _apply(domain: Element, override: Override) -> None:
    attribute = _ATTRIBUTE.fullmatch(override.sel)
    found = _one(domain, override.sel if attribute is None else attribute["path"] or ".", override)
    if found is None:
        return
    if attribute is not None:
        _on_attribute(found, attribute["name"], override)
        return
    if override.op == "add":
        found.extend(_elements(override.xml))
        return
    if found is domain:
        raise _Unfit("the domain itself can be neither replaced nor removed")
    parent = next(parent for parent in domain.iter() if any(child is found for child in parent))
    place = next(number for number, child in enumerate(parent) if child is found)
    if override.op == "remove":
        del parent[place]
        return
    new = _elements(override.xml)
    if len(new) != 1:
        raise _Unfit("one element is replaced by one element")
    parent[place] = new[0]


def _on_attribute(found: Element, name: str, override: Override) -> None:
    if override.optional and override.op != "add" and name not in found.attrib:
        return
    if override.op == "remove":
        if name not in found.attrib:
            raise _Unfit(f"<{found.tag}> has no attribute {name}")
        del found.attrib[name]
    elif override.op == "replace" and name not in found.attrib:
        raise _Unfit(f"<{found.tag}> has no attribute {name}: add it")
    else:
        if xml_text(override.xml) != override.xml:
            raise _Unfit("the text of an attribute holds a character that XML cannot carry")
        found.set(name, override.xml)


def _one(domain: Element, path: str, override: Override) -> Element | None:
    if path.count("//") > _MOST_SEARCHES:
        raise _Unfit(f"sel has more than {_MOST_SEARCHES} of //: {path!r}")
    try:
        found = domain.findall(path, _PREFIXES)
    except (SyntaxError, KeyError, ValueError, IndexError, TypeError, StopIteration, RuntimeError) as err:
        raise _Unfit(f"sel is no path: {path!r}") from err
    if not found and override.optional:
        return None
    if len(found) != 1:
        raise _Unfit(f"sel finds {len(found)} elements, not one: {path!r}")
    return found[0]


def _elements(text: str) -> list[Element]:
    """The elements of a piece of XML, at least one."""
    try:
        piece = fromstring(f"<piece{_WRAP}>{text}</piece>")  # noqa: S314 (a DTD cannot stand inside an element)
    except (ParseError, ValueError) as err:
        raise _Unfit(f"xml cannot be read: {err}") from err
    if not len(piece):
        raise _Unfit("xml has no element")
    if (piece.text or "").strip() or any((child.tail or "").strip() for child in piece):
        raise _Unfit("xml has text outside its elements")
    return list(piece)


def _check_depth(domain: Element) -> None:
    level, depth = [domain], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise _Unfit(f"the domain would be nested deeper than {_DEEPEST} levels")
        level = [child for parent in level for child in parent]


def _keep_identity(domain: Element, guest: Guest) -> None:
    known = {"name": xml_text(guest.name), "uuid": guest.uuid}
    for tag, text in known.items():
        found = domain.findall(tag)
        if [(element.text, len(element)) for element in found] != ([] if text is None else [(text, 0)]):
            raise _Unfit(f"the {tag} stays as it is")
