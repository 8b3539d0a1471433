"""What another tool did to a domain of ours beyond what the model says: as overrides of the guest.

The domain is compared with what libvirt answered when we defined it (`settled`), so nothing that libvirt added then is an
edit, in no version of it; what it adds later by itself, and what every definition takes over, is in the table of
`libvirts_own`. A guest that was defined before that was kept shows the model's fields only, until it is defined again.

What the model says is not said twice: an edit is left out where we would write it anyway of the guest as it is read now.
An element that is longer than an override may be is not shown.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any
from xml.etree.ElementTree import Element

from guestwire.formats.domain_xml.choices import CommDevices, HypervisorKind, Wiring
from guestwire.formats.domain_xml.device_keys import selector
from guestwire.formats.domain_xml.device_pairs import as_written, like, then
from guestwire.formats.domain_xml.differences import canonical, equals, written
from guestwire.formats.domain_xml.libvirts_own import adds_device, leave_out
from guestwire.formats.domain_xml.names import HANDLE
from guestwire.formats.domain_xml.plain import plain
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.settled import settled, settled_domain
from guestwire.formats.domain_xml.three_way import Edits, Trio, edited
from guestwire.formats.domain_xml.writer import draft, override, tuning_handle
from guestwire.model.cpuset import from_libvirt
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, Override
from guestwire.model.pinning import Pinning

_PINS = frozenset({"vcpupin", "emulatorpin", "vcpusched"})
_SPECIAL = ("memory", "currentMemory", "vcpu", "cputune", "os", "devices")


def edits_of(
    domain: Element,
    tree: Any,
    given: Guest,
    guest: Guest,
    comm: CommDevices | None = None,
    wiring: Wiring | None = None,
) -> tuple[Override, ...]:
    """`tree` is what was kept of libvirt's answer when `given` was defined, with `comm` and `wiring`; `guest` what the model
    reads in `domain` now.
    Overrides for the end of those that the guest has. Raises nothing."""
    try:
        if tree == settled(domain):
            return ()
        was, now = (plain(element) for element in (settled_domain(tree), domain))
        ours, drafted = _ours(was, now, (guest, given), comm, wiring)
    except (GuestwireError, ValueError, RecursionError):
        return ()
    for element in (was, now, ours):
        leave_out(element)
    trio, edits = Trio(was, now, ours), Edits()
    _memory(trio, drafted.findtext("memory", ""), edits)
    _vcpus(trio, given, guest, edits)
    _tuning(trio, given, guest, edits)
    _os(trio, given, guest, edits)
    edited(Trio(*map(_rest, trio)), ".", edits)
    _devices(trio.at("devices"), now, edits)
    return edits.overrides()


def _ours(
    was: Element, now: Element, guests: Sequence[Guest], comm: CommDevices | None, wiring: Wiring | None
) -> tuple[Element, Element]:
    """What we would write of the first of the guests that can be written, with the handles; and before the overrides."""
    kind: HypervisorKind = "kvm" if was.get("type") == "kvm" else "qemu"
    nodes = _nodes(now)
    for one in guests:
        pins = Pinning((frozenset(),) * one.vcpus, frozenset(), nodes=nodes)
        try:
            chosen = choices(one, kind, pins, comm=comm, wiring=wiring)
            made = draft(one, chosen)
            drafted = deepcopy(made)
            override(made, one, chosen)
        except GuestwireError:
            continue
        return plain(made), drafted
    raise ValueError("the guest cannot be written")


def _nodes(domain: Element) -> frozenset[int]:
    memory = domain.find("numatune/memory")
    return frozenset() if memory is None else from_libvirt(memory.get("nodeset") or "")


def _rest(domain: Element) -> Element:
    rest = Element("domain", domain.attrib)
    rest.extend(child for child in domain if child.tag not in _SPECIAL)
    return rest


def _memory(trio: Trio, drafted: str, edits: Edits) -> None:
    """A size gives way once the guest's memory is edited."""
    memory = trio.at("memory")
    held = "memory" + equals(".", drafted)
    resized = memory.now.text not in (memory.was.text, memory.ours.text)
    if resized:
        edits.change(held, written(memory.now), "replace")
    else:
        edited(Trio(*(Element("memory", element.attrib) for element in memory)), "memory", edits)
    before, after, made = (domain.find("currentMemory") for domain in trio)
    if made is not None:
        edited(Trio(made if before is None else before, made if after is None else after, made), "currentMemory", edits)
    elif after is not None and (before is None or canonical(before) != canonical(after)):
        edits.add("." if resized else f"{held}/..", after)


def _vcpus(trio: Trio, given: Guest, guest: Guest, edits: Edits) -> None:
    """Room for more vCPUs than the guest has goes with the topology: libvirt refuses one without the other."""
    vcpu = trio.at("vcpu")
    was, now, ours = ((element.text, element.get("current")) for element in vcpu)
    room = guest.vcpus == given.vcpus and now not in (was, ours)
    if room:
        edits.change("vcpu" + equals(".", vcpu.ours.text or ""), written(vcpu.now), "replace")
        after, made = (domain.find("cpu/topology") for domain in trio[1:])
        if after is not None and made is not None and canonical(after) != canonical(made):
            held = "".join(equals(name, value) for name, value in made.attrib.items())
            edits.change(f"cpu/topology{held}", written(after), "replace")
    else:
        for element in vcpu:
            element.text = None
            element.attrib.pop("current", None)
            if guest.cpuset != given.cpuset:
                element.attrib.pop("cpuset", None)
        edited(vcpu, "vcpu", edits)
    if room or guest.vcpus != given.vcpus:
        for cpu in trio.at("cpu"):
            for topology in cpu.findall("topology"):
                cpu.remove(topology)


def _tuning(trio: Trio, given: Guest, guest: Guest, edits: Edits) -> None:
    """Pins are the model's where their CPUs, the vCPUs or the kind changed; else, another order of them is an edit."""
    tune = trio.at("cputune")
    same = (guest.cpuset, guest.vcpus, guest.kind) == (given.cpuset, given.vcpus, given.kind)
    if same and _pins(tune.was) != _pins(tune.now):
        held = equals(HANDLE, tuning_handle(guest)) if HANDLE in tune.ours.attrib else ""
        edits.change(f"cputune{held}", written(tune.now), "replace")
        return
    for element in tune:
        element[:] = [child for child in element if child.tag not in _PINS]
    edited(tune, "cputune", edits)


def _pins(tune: Element) -> list[object]:
    return sorted((canonical(child) for child in tune if child.tag in _PINS), key=repr)


def _os(trio: Trio, given: Guest, guest: Guest, edits: Edits) -> None:
    os = trio.at("os")
    was, now, ours = ([boot.get("dev", "") for boot in element.findall("boot")] for element in os)
    if now not in (was, ours):  # ours follow the guest's disks: they stay away, whatever disks it gets
        for device in dict.fromkeys(("hd", "cdrom", *ours)):
            edits.clear(f"os/boot{equals('dev', device)}")
        for boot in os.now.findall("boot"):
            edits.add("os", boot)
    for element in os:
        element[:] = [child for child in element if child.tag != "boot"]
    # the model knows one way to have UEFI
    edited(os._replace(was=os.ours) if guest.firmware != given.firmware else os, "os", edits)


def _devices(devices: Trio, domain: Element, edits: Edits) -> None:
    ours = list(devices.ours)
    pairs, gone = then(list(devices.was), list(devices.now))
    written_as, left = as_written(ours, pairs)
    for now, was in pairs:
        made = written_as.get(id(now))
        if was is not None and canonical(was) == canonical(now):
            continue
        if made is None:
            if was is not None or not adds_device(now, domain):
                edits.add("devices", now)
        elif made.tag != now.tag:
            edits.change(selector(made, ours), written(now), "replace")
        else:
            edited(_device(made if was is None else was, now, made), selector(made, ours), edits)
    went = [made for was in gone if (made := like(was, left)) is not None]
    for made in ours:
        if any(made is other for other in went):
            edits.remove(selector(made, ours))


def _device(was: Element, now: Element, ours: Element) -> Trio:
    """A MAC that libvirt chose is none of the guest's."""
    trio = Trio(was, now, ours)
    if now.tag == "interface" and ours.find("mac") is None:
        trio = Trio(*map(deepcopy, trio))
        for element in trio:
            element[:] = [child for child in element if child.tag != "mac"]
    return trio
