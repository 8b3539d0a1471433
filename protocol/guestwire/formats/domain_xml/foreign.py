"""What a domain of another tool has and our writer would not make of its guest: as overrides of that guest.

With them a later definition from the guest makes the same domain. They are as small as they can be, and give way to the
guest where it is edited later: memory, vCPUs, pins and topology are replaced only while the guest still says what it said
when it was read; what belongs to a disk, a card or a device goes with it.

Passwords of displays are not in it: libvirt does not show them, and a definition takes them from the domain that is there.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from xml.etree.ElementTree import Element

from guestwire.formats.domain_xml.device_keys import device_key, selector
from guestwire.formats.domain_xml.differences import (
    additions,
    canonical,
    differences,
    equals,
    remove,
    replace,
    written,
)
from guestwire.formats.domain_xml.names import HANDLE, METADATA_TAG
from guestwire.formats.domain_xml.patch import apply_overrides
from guestwire.formats.domain_xml.plain import plain
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.writer import draft, finish, tuning_handle
from guestwire.model.cpuset import from_libvirt
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, Override
from guestwire.model.pinning import Pinning

MOST = 512
"""Overrides of a guest."""
_SPECIAL = frozenset({"name", "uuid", "metadata", "memory", "currentMemory", "vcpu", "cputune", "os", "devices"})
_OURS = frozenset({"vcpupin", "emulatorpin", "vcpusched"})


def foreign_overrides(domain: Element, guest: Guest) -> tuple[Override, ...]:
    """What leads from the document of `guest`, as it was read from `domain`, to `domain`. What cannot be said is left
    out: `unkept` names it. Raises nothing."""
    try:
        found = tuple(_overrides(plain(domain), guest))
    except (GuestwireError, ValueError):
        return ()
    return found if len(found) <= MOST else ()


def unkept(domain: Element, guest: Guest) -> tuple[str, ...]:
    """The parts of a domain of another tool that a definition of `guest`, with its overrides, would not make again."""
    wanted = plain(domain)
    try:
        made = _draft(guest)
        apply_overrides(made, guest)
    except GuestwireError as err:
        return (err.field or "overrides",)
    finish(made)
    made = plain(made)
    lost = [
        tag
        for tag in _tags(wanted, made) - {"name", "uuid", "metadata", "devices"}
        if _all(made, tag) != _all(wanted, tag)
    ]
    ours, theirs = made.find("devices"), wanted.find("devices")
    ours, theirs = (Element("devices") if found is None else found for found in (ours, theirs))
    lost += [f"devices/{tag}" for tag in _tags(theirs, ours) if _all(ours, tag) != _all(theirs, tag)]
    if wanted.get("type") != made.get("type"):
        lost.append("type")
    if domain.find("devices/disk/source/cookies") is not None:
        lost.append("devices/disk/source/cookies")  # libvirt shows stars in place of what is in them
    return tuple(sorted(lost))


def _tags(*elements: Element) -> set[str]:
    return {child.tag for element in elements for child in element}


def _all(parent: Element, tag: str) -> list[object]:
    return sorted((canonical(child) for child in parent if child.tag == tag), key=repr)


def _draft(guest: Guest) -> Element:
    """Our document of the guest, with the pins that every machine gives it: an rt guest's depend on the machine."""
    nodes = frozenset() if guest.numatune == "auto" else from_libvirt(guest.numatune)
    cpus = from_libvirt(guest.cpuset or "") if guest.kind != "rt" else frozenset()
    pins = Pinning((cpus,) * guest.vcpus, cpus, nodes=nodes)
    return draft(guest, choices(guest, "kvm", pins))


def _overrides(wanted: Element, guest: Guest) -> Iterator[Override]:
    kind = Override(op="replace", sel="@type", xml=wanted.get("type", "kvm"))
    yield kind
    drafted = _draft(guest.model_copy(update={"overrides": (kind,)}))
    made = plain(drafted)
    yield from _memory(drafted, made, wanted)
    yield from _vcpus(made, wanted)
    yield from _tuning(made, wanted, guest)
    yield from _os(made, wanted)
    yield from _topology(made, wanted)
    yield from differences(_rest(made), _rest(wanted), ".")
    theirs = [child for child in wanted.findall("metadata/*") if child.tag != METADATA_TAG]
    yield from additions("metadata", theirs)
    yield from _devices(made, wanted)


def _rest(domain: Element) -> Element:
    """What is compared without special care."""
    rest = Element("domain", {name: value for name, value in domain.attrib.items() if name != "type"})
    rest.extend(child for child in domain if child.tag not in _SPECIAL)
    return rest


def _in(domain: Element, path: str) -> Element:
    found = domain.find(path)
    return Element(path.rpartition("/")[2]) if found is None else found


def _memory(drafted: Element, made: Element, wanted: Element) -> Iterator[Override]:
    held = "memory" + equals(".", drafted.findtext("memory", ""))
    ours, theirs = _in(made, "memory"), _in(wanted, "memory")
    if ours.text != theirs.text:
        yield replace(held, theirs)
    else:
        yield from differences(ours, theirs, "memory")
    current = wanted.find("currentMemory")
    if current is not None and ours.text == theirs.text:
        yield Override(op="add", sel=f"{held}/..", xml=written(current), optional=True)
    elif current is not None:
        yield from additions(".", [current])


def _vcpus(made: Element, wanted: Element) -> Iterator[Override]:
    ours, theirs = _in(made, "vcpu"), _in(wanted, "vcpu")
    if (ours.text, ours.get("current")) != (theirs.text, theirs.get("current")):
        yield replace("vcpu" + equals(".", ours.text or ""), theirs)
    else:
        yield from differences(ours, theirs, "vcpu")


def _tuning(made: Element, wanted: Element, guest: Guest) -> Iterator[Override]:
    """Pins are compared with those that the guest has on every machine, and are otherwise theirs until it is edited."""
    ours, theirs = _in(made, "cputune"), _in(wanted, "cputune")
    pins = Element("cputune")
    pins.extend(child for child in theirs if child.tag in _OURS)
    # memory that is bound without CPUs gives it pins to all that the machine has
    everywhere = guest.cpuset is None and _in(made, "numatune").find("memory") is not None
    if everywhere or list(map(canonical, pins)) != list(map(canonical, ours)):
        yield replace("cputune" + equals(HANDLE, tuning_handle(guest)), pins)
    yield from additions("cputune", [child for child in theirs if child.tag not in _OURS])


def _os(made: Element, wanted: Element) -> Iterator[Override]:
    ours, theirs = (deepcopy(_in(domain, "os")) for domain in (made, wanted))
    boots = []
    for element in (ours, theirs):
        found = element.findall("boot")
        boots.append([boot.get("dev") for boot in found])
        for boot in found:
            element.remove(boot)
    yield from differences(ours, theirs, "os")
    if boots[0] != boots[1]:  # ours follow the guest's disks: they stay away, whatever disks it gets
        yield from (remove(f"os/boot{equals('dev', device)}") for device in ("hd", "cdrom"))
        yield from additions("os", wanted.findall("os/boot"))


def _topology(made: Element, wanted: Element) -> Iterator[Override]:
    ours, theirs = made.find("cpu/topology"), wanted.find("cpu/topology")
    cpu = wanted.find("cpu")
    if ours is None or theirs is None or cpu is None or canonical(ours) == canonical(theirs):
        return
    held = "".join(equals(name, value) for name, value in ours.attrib.items())
    yield replace(f"cpu/topology{held}", theirs)
    cpu.remove(theirs)
    cpu.append(deepcopy(ours))


def _devices(made: Element, wanted: Element) -> Iterator[Override]:
    ours, left = list(_in(made, "devices")), list(_in(wanted, "devices"))
    for element in ours:
        sel = selector(element, ours)
        same = _same(element, left)
        if same is None:
            yield remove(sel)
            continue
        left.remove(same)
        if same.tag != element.tag:
            yield replace(sel, same)
        else:
            yield from differences(element, same, sel, releases=True)
    yield from additions("devices", left)


def _same(element: Element, found: Sequence[Element]) -> Element | None:
    """The device that the guest was read from, or one that does what ours does."""
    key = device_key(element)
    return next((other for other in found if device_key(other) == key), None)
