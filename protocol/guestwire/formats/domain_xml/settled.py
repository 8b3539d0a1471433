"""What libvirt made of our definition, kept in our metadata: later edits are told from libvirt's own words by it.

libvirt adds controllers, addresses, models, default devices and attributes to what it is given, other ones in every version
and for every device. So a domain is not compared with what we wrote: it is compared with what libvirt answered when we
defined it. It is kept as it was, not as it is compared, so that a later version of ours may compare it in another way.

The form is JSON, [tag, attributes, text, children]: XML inside of XML would be three times as long.
"""

import json
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from guestwire.formats.domain_xml.names import METADATA_TAG

SETTLED = "settled"
_DEEPEST = 64


def resettled(xml: str) -> str | None:
    """What our part of the metadata of this domain is to be, now that libvirt defined it: `xml` is its inactive document,
    without secrets. None for a domain that is not ours."""
    domain = fromstring(xml)  # noqa: S314 (from libvirt)
    text = domain.findtext(f"metadata/{METADATA_TAG}") or ""
    try:
        return settled_text(text, domain)
    except (ValueError, RecursionError):
        return None


def settled_text(text: str, domain: Element) -> str:
    """Our part of the metadata with what the domain is. Raises ValueError for what is none of ours."""
    ours = json.loads(text)
    if not isinstance(ours, dict):
        raise ValueError("not ours")
    return json.dumps(ours | {SETTLED: settled(domain)}, ensure_ascii=True, sort_keys=True)


def settled(domain: Element) -> list[Any]:
    """The document without metadata, addresses and passwords: a definition takes them over as they are."""
    root = Element(domain.tag, {name: value for name, value in domain.attrib.items() if name != "id"})
    root.extend(child for child in domain if child.tag != "metadata")
    tree = _tree(root, 0)
    for part in tree[3]:
        if part[0] == "devices":
            for device in part[3]:
                device[3] = [child for child in device[3] if child[0] != "address"]
                device[1].pop("passwd", None)
    return tree


def settled_domain(tree: Any) -> Element:
    """The document that `settled` gave. Raises ValueError for what it did not give."""
    return _element(tree, 0)


def _tree(element: Element, depth: int) -> list[Any]:
    text = element.text if not len(element) else ""
    children = [] if depth >= _DEEPEST else [_tree(child, depth + 1) for child in element]
    return [element.tag, dict(element.attrib), text or "", children]


def _element(tree: Any, depth: int) -> Element:
    match tree:
        case [str(tag), dict(attributes), str(text), list(children)] if depth <= _DEEPEST:
            if not all(isinstance(value, str) for value in attributes.values()):
                raise ValueError("attributes are texts")
            made = Element(tag, attributes)
            made.text = text or None
            made.extend([_element(child, depth + 1) for child in children])
            return made
    raise ValueError("no document of ours")
