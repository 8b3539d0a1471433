"""What makes one element of another: the overrides that lead from the element that we write to the one that is wanted.

Every override is optional: it concerns a part that may go later. The order of children counts only where libvirt reads
one (children that several of a tag make).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, tostring

from guestwire.formats.domain_xml.names import HANDLE
from guestwire.model.guest import Override

XML_AT_MOST = 16_384
"""Characters of an override."""
_KEYS: Mapping[str, str] = {"feature": "name", "timer": "name"}
"""Children of which there are several, and the attribute that tells them apart."""


def differences(made: Element, wanted: Element, sel: str, *, releases: bool = False) -> Iterator[Override]:
    """`sel` finds `made`. With `releases` an attribute is replaced only while it has the value that `made` gives it: once
    it is edited in the guest, the guest's value holds."""
    if _text(made) != _text(wanted):
        yield replace(sel, wanted)
        return
    for name, value in wanted.attrib.items():
        was = made.get(name)
        if was is not None and was != value and releases and (held := equals(name, was)):
            yield Override(op="add", sel=f"{sel}{held}/@{name}", xml=value, optional=True)
        elif was != value:
            yield Override(op="add", sel=_below(sel, f"@{name}"), xml=value, optional=True)
    for name in made.attrib.keys() - wanted.attrib.keys() - {HANDLE}:
        yield remove(_below(sel, f"@{name}"))
    new: list[Element] = []
    for tag in dict.fromkeys(child.tag for child in (*made, *wanted)):
        ours, theirs = _of_tag(made, tag), _of_tag(wanted, tag)
        key = _KEYS.get(tag)
        if key is not None:
            yield from _keyed(ours, theirs, _below(sel, tag), key, new)
        elif len(ours) == len(theirs) == 1:
            yield from differences(ours[0], theirs[0], _below(sel, tag), releases=releases)
        elif list(map(canonical, ours)) != list(map(canonical, theirs)):
            yield from (remove(_below(sel, f"{tag}[1]")) for _ in ours)
            new += theirs
    yield from additions(sel, new)


def _keyed(
    ours: Sequence[Element], theirs: Sequence[Element], sel: str, key: str, new: list[Element]
) -> Iterator[Override]:
    left = list(theirs)
    for element in ours:
        same = next((other for other in left if other.get(key) == element.get(key)), None)
        where = sel + equals(key, element.get(key, ""))
        if same is None:
            yield remove(where)
        else:
            left.remove(same)
            yield from differences(element, same, where)
    new += left


def additions(sel: str, elements: Sequence[Element]) -> Iterator[Override]:
    """The elements at the end of what `sel` finds, in as few overrides as hold them. One that none can hold is left out."""
    text = ""
    for element in elements:
        more = written(element)
        if len(more) > XML_AT_MOST:
            continue
        if len(text) + len(more) > XML_AT_MOST:
            yield Override(op="add", sel=sel, xml=text, optional=True)
            text = ""
        text += more
    if text:
        yield Override(op="add", sel=sel, xml=text, optional=True)


def replace(sel: str, wanted: Element) -> Override:
    """Raises ValueError for an element that no override can hold."""
    return Override(op="replace", sel=sel, xml=written(wanted), optional=True)


def remove(sel: str) -> Override:
    return Override(op="remove", sel=sel, optional=True)


def equals(name: str, value: str) -> str:
    """The condition of a path that an attribute (or "." the text) has a value; "" where a path cannot say it."""
    name = name if name == "." else f"@{name}"
    quote = "'" if "'" not in value else '"'
    return "" if quote in value or len(value) > 4096 else f"[{name}={quote}{value}{quote}]"


def written(element: Element) -> str:
    return tostring(element, encoding="unicode")


def canonical(element: Element) -> Any:
    """Equal for elements that mean the same to libvirt: attributes and children in any order."""
    children = sorted((canonical(child) for child in element), key=repr)
    return element.tag, sorted(element.attrib.items()), _text(element), children


def _text(element: Element) -> str:
    return "" if len(element) else (element.text or "").strip()


def _of_tag(parent: Element, tag: str) -> list[Element]:
    return [child for child in parent if child.tag == tag]


def _below(sel: str, step: str) -> str:
    return step if sel == "." else f"{sel}/{step}"
