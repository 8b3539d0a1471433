"""Which device of one document is which of another: of what was and what is now, and of what is now and what we write."""

from collections.abc import Hashable, Sequence
from xml.etree.ElementTree import Element

from guestwire.formats.domain_xml.device_keys import device_key
from guestwire.formats.domain_xml.differences import canonical
from guestwire.formats.domain_xml.extract import read_device
from guestwire.formats.domain_xml.names import HANDLE

Pairs = list[tuple[Element, Element | None]]


def then(was: Sequence[Element], now: Sequence[Element]) -> tuple[Pairs, list[Element]]:
    """Each device with what it was then, in its order; and those that are gone."""
    before, open_ = list(was), list(now)
    found: dict[int, Element] = {}
    for name in (canonical, _identity, _image, _sort):
        for device in tuple(open_):
            key = name(device)
            old = None if key is None else next((other for other in before if name(other) == key), None)
            if old is not None:
                _drop(before, old)
                _drop(open_, device)
                found[id(device)] = old
    return [(device, found.get(id(device))) for device in now], before


def as_written(made: Sequence[Element], pairs: Pairs) -> tuple[dict[int, Element], list[Element]]:
    """The device of our document for each one that is there, by its id; and those of ours that are left."""
    left = list(made)
    found: dict[int, Element] = {}
    for fits in (_same_key, _covers, _same_sort):
        for after, before in pairs:
            if id(after) in found:
                continue
            known = (after,) if before is None or fits is _same_key else (after, before)
            device = next((other for other in left if any(fits(one, other) for one in known)), None)
            if device is not None:
                _drop(left, device)
                found[id(after)] = device
    return found, left


def like(device: Element, left: list[Element]) -> Element | None:
    """The device of ours that made one that is gone, taken out of those that are left."""
    for fits in (_same_key, _covers, _same_sort):
        found = next((other for other in left if fits(device, other)), None)
        if found is not None:
            _drop(left, found)
            return found
    return None


def _drop(elements: list[Element], element: Element) -> None:
    del elements[next(number for number, other in enumerate(elements) if other is element)]


def _identity(device: Element) -> Hashable | None:
    """What tells a device from others of its kind."""
    target, tag = device.find("target"), device.tag
    if (address := read_device(device)) is not None:
        return "hostdev", address
    if tag == "interface":
        mac = device.find("mac")
        return None if mac is None else (tag, mac.get("address", "").lower())
    if tag == "controller":
        return tag, device.get("type"), device.get("index", "0")
    if target is None:
        return None
    if tag in {"disk", "filesystem"}:
        return tag, target.get("dev") or target.get("dir")
    return tag, *(target.get(name) for name in ("type", "name", "port"))


def _image(device: Element) -> Hashable | None:
    source = device.find("source")
    if device.tag != "disk" or source is None:
        return None
    return device.get("device", "disk"), source.get("file") or source.get("dev")


def _sort(device: Element) -> Hashable | None:
    """One for another of its sort, where none has a name."""
    if device.tag in {"disk", "filesystem", "controller", "hostdev"}:
        return None
    return device.tag, device.get("type")


def _same_key(one: Element, ours: Element) -> bool:
    return device_key(one) == device_key(ours)


def _covers(one: Element, ours: Element) -> bool:
    """libvirt adds to what it is given, and takes nothing away."""
    if one.tag != ours.tag or not (ours.attrib.items() - {(HANDLE, ours.get(HANDLE))}) <= one.attrib.items():
        return False
    if (ours.text or "").strip() and (ours.text or "").strip() != (one.text or "").strip():
        return False
    return all(any(_covers(theirs, child) for theirs in one) for child in ours)


def _same_sort(one: Element, ours: Element) -> bool:
    return one.tag == ours.tag and one.get("type") == ours.get("type")
