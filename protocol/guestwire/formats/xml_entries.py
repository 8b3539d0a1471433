"""Lists of things in an XML text whose shape is not known beyond the keys of a thing. Texts come from users: no DTD, no
entities, bounded."""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from guestwire.formats.toml_text import Mistake, invalid

MAX_CHARACTERS = 4 << 20
SPACE = " \t\r\n"
"""What XML calls space; a key's value has none at its ends."""


def entries(text: str) -> list[Mapping[str, str]]:
    """The keys of each entry, lower case. An entry is an element with a key Id that holds no other such element, wherever
    it stands; a key is an attribute of the entry or a child of it, whose value is its text or its attribute Value. Raises
    DOCUMENT-INVALID: no XML, a document type declaration, too large."""
    root = _tree(text)
    identified = {id(element): keys for element in root.iter() if "id" in (keys := _keys(element))}
    holders: set[int] = set()
    path: list[tuple[Element, Iterator[Element]]] = [(root, iter(root))]
    while path:  # an element that has one below is a wrapper
        child = next(path[-1][1], None)
        if child is None:
            path.pop()
        else:
            if id(child) in identified:
                holders.update(id(element) for element, _ in path if id(element) not in holders)
            path.append((child, iter(child)))
    return [
        identified[id(element)] for element in root.iter() if id(element) in identified and id(element) not in holders
    ]


def _keys(element: Element) -> dict[str, str]:
    keys = {name.lower(): value.strip(SPACE) for name, value in element.attrib.items()}
    for child in element:
        if len(child):
            continue
        attributes = {name.lower(): value for name, value in child.attrib.items()}
        keys.setdefault(child.tag.lower(), (child.text or "").strip(SPACE) or attributes.get("value", "").strip(SPACE))
    return keys


def _tree(text: str) -> Element:
    if len(text) > MAX_CHARACTERS:
        raise invalid([Mistake("", f"it has more than {MAX_CHARACTERS} characters")])
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8")  # the text was decoded: what it says of its encoding is past
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.encode(), True)
        return builder.close()
    except (expat.ExpatError, UnicodeEncodeError, ValueError, AssertionError) as err:
        raise invalid([Mistake("", f"it is not XML: {err}")]) from err


def _refuse_doctype(*_: Any) -> None:
    raise ValueError("a document type declaration is not accepted")
