"""What a host has, as one document; and what of it lists, selections and searches go by. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from guestwire.controller.fleet.naming import FEATURE, LONGEST_LABEL, bounded, clean, value_row
from guestwire.controller.fleet.natural import natural
from guestwire.controller.store.host_tables import GuestRow, Machine, ValueRow
from guestwire.model.base import Model
from guestwire.model.guest import GuestView
from guestwire.model.host import Host
from guestwire.model.topology import Topology

LONGEST_TEXT: Final = 8_000
"""Characters that are searched of one host."""


class InventoryDocument(Model):
    """What a host answered at `read_at`, Unix ms. Without `topology`: it has not been read, because nobody has approved the host
    or it did not answer."""

    read_at: int
    host: Host
    guests: tuple[GuestView, ...] = ()
    topology: Topology | None = None


def machine(host: Host) -> Machine:
    """What lists show of a machine."""
    facts = host.facts
    return Machine(
        own_label=clean(host.label, LONGEST_LABEL), driver=host.driver, hostname=clean(facts.hostname, 255),
        hostname_low=clean(facts.hostname.casefold(), 255), kernel=clean(facts.kernel, 128), kernel_key=natural(clean(facts.kernel, 128)),
        machine=clean(facts.machine, 32), clock=host.clock, cpus=bounded(facts.cpus), memory_mib=bounded(facts.memory_mib),
    )  # fmt: skip


def features(host: Host, named: Iterable[str]) -> tuple[ValueRow, ...]:
    """What a host can do: what it names itself, and what it found."""
    found = host.facts.capabilities
    flags = ("kvm", "tcg", "iommu", "resctrl", "rt_kernel")
    names = {flag for flag in flags if getattr(found, flag)} | {f"driver-{host.driver}"}
    names |= {f"cgroup-{found.cgroup}"} if found.cgroup != "none" else set()
    names |= {f"hugepages-{size}" for size in found.hugepages_mib}
    names |= {clean(name, LONGEST_LABEL) for name in named}
    return tuple(value_row(FEATURE, name) for name in sorted(names) if name)


def guest_row(view: GuestView) -> GuestRow:
    """A guest as `guest-list` told of it."""
    guest, status = view.guest, view.status
    return GuestRow(
        uuid=clean(guest.uuid or guest.id or guest.name, 36), guest_id=clean(guest.id or "", 16), name=clean(guest.name, 255),
        name_low=clean(guest.name.casefold(), 255), kind=guest.kind, state=status.state, as_of=bounded(status.as_of),
        source=status.source, reason=clean(status.reason, 200),
    )  # fmt: skip


def search_text(document: InventoryDocument | None, said: Iterable[str]) -> str:
    """What is searched, in small letters, a line for each thing. `said`: what people say of the host."""
    texts = (*said, *(_texts(document) if document is not None else ()))
    lines = dict.fromkeys(" ".join(clean(text, 512).casefold().split()) for text in texts)
    return "\n".join(line for line in lines if line)[:LONGEST_TEXT]


def _texts(document: InventoryDocument) -> Iterator[str]:
    host, facts = document.host, document.host.facts
    yield from (host.label, host.driver, host.agent_version)
    yield from (facts.hostname, facts.kernel, facts.machine, facts.capabilities.hypervisor, facts.topology_fingerprint)
    for view in document.guests:
        yield from _guest_texts(view)
    for device in document.topology.devices if document.topology is not None else ():
        yield f"{device.address} {device.vendor:04x}:{device.device:04x} {device.driver or ''}"
        yield f"{device.vendor_name or ''} {device.device_name or ''}"
        yield from (f"{adapter.ifname} {adapter.mac}" for adapter in device.net)


def _guest_texts(view: GuestView) -> Iterator[str]:
    guest = view.guest
    yield from (guest.name, guest.id or "", guest.uuid or "", guest.title, guest.description, guest.comments)
    yield from (guest.os_type, guest.image or "", *guest.tags)
    for disk in guest.disks:
        yield disk.path or ""
    for nic in guest.nics:
        yield f"{nic.mac or ''} {nic.network or ''} {nic.bridge or ''}"
