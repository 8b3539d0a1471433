"""Configurations in the formats of other tools: what is taken out of their texts, and what theirs say of ours. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal

from guestwire.formats import kvmrt_cfg, project_toml
from guestwire.formats.domain_xml import policy, reader, values, writer
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning, host_cpus, pinning
from guestwire.model.resolving import resolve
from guestwire.model.rules import identifiers
from guestwire.model.rules.view import View
from guestwire.model.topology import Topology
from guestwire.sdk import registries

Format = Literal["guestwire", "kvmrt", "libvirt", "templates"]
WHOLE: frozenset[Format] = frozenset({"guestwire"})
"""Formats that replace a whole configuration; the others say something of one, the rest stays."""


def taken(form: Format, texts: Iterable[str], into: Desired, host: str) -> Desired:
    """What the texts make of a configuration. libvirt: one domain each; a guest of the same uuid or name is replaced.
    Raises DOCUMENT-INVALID, also for several texts of which each is a whole configuration; NAME-DUP for two domains of one
    uuid or name; NOT-FOUND for a project without that host."""
    texts = tuple(texts)
    if form in WHOLE and len(texts) != 1:
        raise GuestwireError(
            "DOCUMENT-INVALID",
            f"A project is the whole configuration of {host}: it is taken from one file, and {len(texts)} were given.",
        )
    if form == "guestwire":
        return _of_project(project_toml.load(texts[0]), host).model_copy(update={"base_revision": into.base_revision})
    if form == "libvirt":
        for text in texts:
            values.check_values(text)
        for guest in _different([reader.from_xml(text) for text in texts]):
            into = with_guest(into, guest)
        return into
    for text in texts:
        into = kvmrt_cfg.load(text, into) if form == "kvmrt" else registries.taken(text, into)
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
    """The domain XML of every guest under KVM, by name; threads are pinned where the machine is known. The names are fit to
    be names of files. Raises NAME-INVALID, NAME-DUP, and what `cpuset.expand` raises."""
    _check_names(desired)
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


def _check_names(desired: Desired) -> None:
    """Raises NAME-INVALID or NAME-DUP with every guest whose name is none, or another's too."""
    view = View(desired, Facts(), include_disabled=True)
    invalid = [*identifiers.name_empty(view), *identifiers.name_invalid(view)]
    for code, found in (("NAME-INVALID", invalid), ("NAME-DUP", list(identifiers.name_dup(view)))):
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise GuestwireError(
                code,
                f"{found[0].message}{more}",
                field=found[0].path,
                detail={"issues": [{"path": one.path, "message": one.message} for one in found]},
            )


def _different(guests: Sequence[Guest]) -> Sequence[Guest]:
    """The guests. Raises NAME-DUP where two of them would be one, so that none wins over the other in silence."""
    for one, other in combinations(guests, 2):
        if _same(one, other):
            raise GuestwireError("NAME-DUP", f"Two files hold one guest, by name or uuid: {one.name} and {other.name}.")
    return guests


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
