"""An edit of another tool as overrides of the document that we write.

Three elements are looked at: what was (libvirt's answer to our definition), what is now, and what we would write now. An edit
is where `now` differs from `was`; it is left out where we would write it anyway, because the model says it; `ours` says how an
override reaches it. What libvirt added by itself is in `was` and in `now`, so it is none.

Every override is optional, as those of `differences`, and marked as an edit (`resolving.EDITED`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree.ElementTree import Element

from pydantic import ValidationError

from guestwire.formats.domain_xml.differences import canonical, equals, written
from guestwire.formats.domain_xml.names import HANDLE, QEMU_NAMESPACE
from guestwire.model.guest import Override
from guestwire.model.resolving import EDITED

KEYS: Mapping[str, str] = {"feature": "name", "timer": "name"}
"""Children of which there are several, and the attribute that tells them apart."""


class Trio(NamedTuple):
    """An element in the three documents."""

    was: Element
    now: Element
    ours: Element

    def at(self, path: str) -> "Trio":
        """What is there in each of them; an empty element where nothing is."""
        return Trio(*(_in(element, path) for element in self))


@dataclass(slots=True)
class Edits:
    """Overrides in the order in which their paths hold: changes inside of what is there, then what goes, the last of its kind
    first, then what comes."""

    _changed: list[Override] = field(default_factory=list)
    _gone: list[Override] = field(default_factory=list)
    _added: list[tuple[str, str]] = field(default_factory=list)

    def change(self, sel: str, xml: str, op: str = "add") -> None:
        self._changed += _valid(op, sel, xml)

    def remove(self, sel: str) -> None:
        self._gone += _valid("remove", sel, "")

    def clear(self, sel: str) -> None:
        """Remove now, before the changes that follow."""
        self._changed += _valid("remove", sel, "")

    def add(self, sel: str, element: Element) -> None:
        self._added.append((sel, written(element)))

    def overrides(self) -> tuple[Override, ...]:
        return (*self._changed, *reversed(self._gone), *_packed(self._added))


def edited(trio: Trio, sel: str, edits: Edits) -> None:
    """Put what makes `now` of `ours`, as far as it is another than `was`, into `edits`. `sel` finds `ours`. What a device has
    is replaced only while it has it: once it is edited in the guest, the guest's value holds."""
    was, now, ours = trio
    if _text(was) != _text(now) and _text(ours) != _text(now):
        edits.change(sel, written(now), "replace")
        return
    for name in dict.fromkeys((*was.attrib, *now.attrib)):
        value = now.get(name)
        if value in (was.get(name), ours.get(name)) or name == HANDLE:
            continue
        if value is not None:
            held = equals(name, ours.get(name, "")) if name in ours.attrib and sel.startswith("devices/") else ""
            edits.change(_below(sel + held, f"@{name}"), value)
        else:
            edits.clear(_below(sel, f"@{name}"))
    for tag in dict.fromkeys(child.tag for child in (*was, *now)):
        _children(tag, trio, sel, edits)


def _children(tag: str, trio: Trio, sel: str, edits: Edits) -> None:
    was, now, ours = ([child for child in element if child.tag == tag] for element in trio)
    if _same(was, now) or _same(ours, now):
        return
    path, key = _below(sel, _step(tag)), KEYS.get(tag)
    if key is not None:
        for name in dict.fromkeys(child.get(key, "") for child in (*was, *now)):
            before, after, made = (
                next((child for child in group if child.get(key, "") == name), None) for group in (was, now, ours)
            )
            _one(before, after, made, (path + equals(key, name), sel), edits)
    elif max(len(was), len(now), len(ours)) == 1:
        before, after, made = (next(iter(group), None) for group in (was, now, ours))
        _one(before, after, made, (path, sel), edits)
    else:
        for _ in ours:
            edits.clear(f"{path}[1]")
        for child in now:
            edits.add(sel, child)


def _one(was: Element | None, now: Element | None, ours: Element | None, sel: tuple[str, str], edits: Edits) -> None:
    """One child of a kind, in each of the three or in none; `sel` finds ours, and its parent."""
    if now is None:
        if was is not None and ours is not None:
            edits.remove(sel[0])
    elif ours is not None:
        edited(Trio(ours if was is None else was, now, ours), sel[0], edits)
    elif was is None or canonical(was) != canonical(now):
        edits.add(sel[1], now)


def _valid(op: str, sel: str, xml: str) -> Iterator[Override]:
    """None for what is longer than an override may be."""
    try:
        yield Override.model_validate({"op": op, "sel": EDITED + sel, "xml": xml, "optional": True})
    except ValidationError:
        return


def _packed(added: Iterable[tuple[str, str]]) -> list[Override]:
    """What comes into one place, in as few overrides as hold it."""
    texts: dict[str, list[str]] = {}
    for sel, xml in added:
        packs = texts.setdefault(sel, [])
        if packs and next(_valid("add", sel, packs[-1] + xml), None) is not None:
            packs[-1] += xml
        else:
            packs.append(xml)
    return [override for sel, packs in texts.items() for xml in packs for override in _valid("add", sel, xml)]


def _below(sel: str, name: str) -> str:
    return name if sel == "." else f"{sel}/{name}"


def _step(tag: str) -> str:
    """A tag in a path."""
    return tag.replace(f"{{{QEMU_NAMESPACE}}}", "qemu:")


def _same(one: Sequence[Element], other: Sequence[Element]) -> bool:
    return [canonical(element) for element in one] == [canonical(element) for element in other]


def _text(element: Element) -> str:
    return "" if len(element) else (element.text or "").strip()


def _in(element: Element, path: str) -> Element:
    found = element.find(path)
    return Element(path.rpartition("/")[2]) if found is None else found
