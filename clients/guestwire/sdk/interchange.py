"""Configurations in the formats of other tools: what is taken out of their texts, and what theirs say of ours. Pure."""

from collections.abc import Iterable, Mapping
from typing import Literal

from guestwire.formats import kvmrt_cfg, project_toml
from guestwire.formats.domain_xml import policy, reader, writer
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning, host_cpus, pinning
from guestwire.model.resolving import resolve
from guestwire.model.topology import Topology
from guestwire.sdk import registries

Format = Literal["guestwire", "kvmrt", "libvirt", "templates"]
FORMATS: tuple[Format, ...] = ("guestwire", "kvmrt", "libvirt", "templates")
WHOLE: frozenset[Format] = frozenset({"guestwire"})
"""Formats that replace a whole configuration; the others say something of one, the rest stays."""


def taken(form: Format, texts: Iterable[str], into: Desired, host: str) -> Desired:
    """What the texts make of a configuration. libvirt: one domain each; a guest of the same uuid or name is replaced.
    Raises DOCUMENT-INVALID, NOT-FOUND for a project without that host."""
    for text in texts:
        if form == "guestwire":
            into = _of_project(project_toml.load(text), host).model_copy(update={"base_revision": into.base_revision})
        elif form == "kvmrt":
            into = kvmrt_cfg.load(text, into)
        elif form == "libvirt":
            into = with_guest(into, reader.from_xml(text))
        else:
            into = registries.taken(text, into)
    return into


def with_guest(desired: Desired, guest: Guest) -> Desired:
    """The configuration with this guest, in the place of the one with its uuid or name. What another host settled for it
    stays only where it is that guest: an identifier that is taken is left out."""
    others = [one for one in desired.guests if not _same(one, guest)]
    if guest.id in {one.id for one in others}:
        guest = guest.model_copy(update={"id": None})
    if len(others) == len(desired.guests):
        return desired.model_copy(update={"guests": (*desired.guests, guest)})
    guests = [guest if _same(one, guest) else one for one in desired.guests]
    return desired.model_copy(update={"guests": tuple(dict.fromkeys(guests))})


def domains(desired: Desired, topology: Topology | None) -> Mapping[str, str]:
    """The domain XML of every guest under KVM, by name; threads are pinned where the machine is known. Raises what
    `cpuset.expand` raises."""
    made = {}
    for guest in desired.guests:
        full = resolve(guest, desired.images)
        made[guest.name] = writer.to_xml(full, policy.choices(full, "kvm", _pins(full, desired, topology)))
    return made


def _pins(guest: Guest, desired: Desired, topology: Topology | None) -> Pinning | None:
    if topology is None:
        return None
    left = host_cpus(desired.guests, topology, desired.host_cpuset)
    return pinning(guest, topology, desired.policy.profile, left)


def _same(one: Guest, other: Guest) -> bool:
    return one.name == other.name or (one.uuid is not None and one.uuid == other.uuid)


def _of_project(project: Project, host: str) -> Desired:
    """The host's part, or the only one there is: a project is often taken to another host."""
    if host in project.hosts:
        return project.hosts[host]
    if len(project.hosts) == 1:
        return next(iter(project.hosts.values()))
    raise GuestwireError(
        "NOT-FOUND", f"the project has several hosts, and none is {host}: {', '.join(sorted(project.hosts)) or 'none'}"
    )
