"""From two documents to a plan: a keyed, typed diff, with the effect and the outage of every change. Pure.

The diff is over the typed model read back from the hypervisor, never over XML: libvirt writes XML anew in its own way, and
tools that compare texts restart guests because of that.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guestwire.model.base import Model
from guestwire.model.communication_items import field_changes
from guestwire.model.cpuset import to_libvirt
from guestwire.model.desired import Desired, canonical, content_hash
from guestwire.model.effects import (
    COLLECTIONS,
    COMMUNICATION,
    GUEST_FIELDS,
    REBOOT_OUTAGE_S,
    RESTART_OUTAGE_S,
    SETTING_FIELDS,
    Impact,
)
from guestwire.model.guest import Disk, Guest
from guestwire.model.network_names import bridges_of
from guestwire.model.override_risk import override_risk
from guestwire.model.pinning import Pinning
from guestwire.model.plan import Op, PlanItem, Risk
from guestwire.model.resolving import Place


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides what a change costs. `running`: uuids; `restart`: running guests are restarted where it takes that;
    `static_rt_memory`: memory of rt guests is taken from the host at boot (a simulated System Manager host, SM 10);
    `changed_behind`: uuids of guests that were edited behind our back."""

    running: frozenset[str] = frozenset()
    restart: bool = False
    static_rt_memory: bool = False
    changed_behind: frozenset[str] = frozenset()


def diff(
    current: Desired,
    target: Desired,
    under: Circumstances | None = None,
    before: Mapping[str, Place] | None = None,
    after: Mapping[str, Place] | None = None,
) -> tuple[PlanItem, ...]:
    """Every change that leads from one settled document to the other: deletions first, then the rest in the documents'
    order. `before`, `after`: what the hypervisor has and is to have, by uuid, which images, folders and the policy change
    too; None: what the documents say. Two documents with the same `content_hash`, and the same places, give none."""
    under = under or Circumstances()
    before = _places(current) if before is None else before
    after = _places(target) if after is None else after
    return (*_removed(current, target, under), *_collections(current, target),
            *_changed(current, target, under, before, after), *_host(current, target))  # fmt: skip


def plan_id(
    current: Desired,
    revision: int,
    target: Desired,
    surroundings: Sequence[str],
    options: Sequence[object],
    work: Sequence[object] = (),
) -> str:
    """32 hex digits over everything a plan follows from. `surroundings`: topology fingerprint, capabilities, version.
    `work`: what is to be done, as plain values."""
    parts = [content_hash(current), revision, content_hash(target), list(surroundings), list(options), list(work)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()[:32]


def restarts(before: Place, after: Place, *, restart: bool) -> bool:
    """Whether a guest that runs has to be off for the change."""
    return rebridged(before, after) or any(
        impact.effect == "guest_restart" and (restart or not impact.waits)
        for _, impact in _differences(before.guest, after.guest)
    )


def rebridged(before: Place, after: Place) -> bool:
    """Whether a network that a guest stays on has another bridge: cards of a guest that runs do not move with it."""
    old, new = dict(before.bridges), dict(after.bridges)
    both = {nic.network for nic in before.guest.nics} & {nic.network for nic in after.guest.nics}
    return any(old.get(name) != new.get(name) for name in both if name is not None)


def retuned(before: Place, after: Place) -> bool:
    """Whether a guest that runs on gets other CPUs."""
    old, new = before.guest, after.guest
    return _threads(before.pins) != _threads(after.pins) and (old.vcpus, old.kind) == (new.vcpus, new.kind)


def same_drives(old: Sequence[Disk], new: Sequence[Disk]) -> int:
    """How many drives, from the first one on, are the same ones in both: what changes in them may go while the guest runs."""
    same = 0
    for before, after in zip(old, new, strict=False):
        moved = before.device == "disk" and before.path != after.path and len(old) != len(new)
        if before.device != after.device or moved:
            break
        same += 1
    return same


def live_media(old: Sequence[Disk], new: Sequence[Disk]) -> Iterator[int]:
    """The drives whose medium is changed while the guest runs, by number."""
    for number in range(same_drives(old, new)):
        if old[number].device == "cdrom" and old[number].path != new[number].path:
            yield number


def must_stop(current: Desired, target: Desired, running: Collection[str]) -> Iterator[tuple[Guest, str]]:
    """Running guests that would have to be off for a change that cannot wait, and the place of that change."""
    wanted = {guest.uuid: guest for guest in target.guests}
    for guest in current.guests:
        if guest.uuid not in running:
            continue
        new = wanted.get(guest.uuid)
        if new is None:
            yield guest, f"guests.{guest.name}"
            continue
        for name, impact in GUEST_FIELDS.items():
            if not impact.waits and getattr(guest, name) != getattr(new, name):
                yield guest, f"guests.{guest.name}.{name}"
        if rebridged(_place(guest, current), _place(new, target)):
            yield guest, f"guests.{guest.name}.nics"


# -- guests


def _removed(current: Desired, target: Desired, under: Circumstances) -> Iterator[PlanItem]:
    kept = {guest.uuid for guest in target.guests}
    for guest in current.guests:
        if guest.uuid in kept:
            continue
        runs = guest.uuid in under.running
        yield PlanItem(
            op="delete",
            object=f"guests.{guest.name}",
            before=_text(guest),
            effect="host_reboot" if _static(guest, target, under) else "live",
            outage_s=RESTART_OUTAGE_S if runs else 0,
            risk=2,
            drift=guest.uuid in under.changed_behind,
        )


def _changed(
    current: Desired, target: Desired, under: Circumstances, before: Mapping[str, Place], after: Mapping[str, Place]
) -> Iterator[PlanItem]:
    known = {guest.uuid: guest for guest in current.guests}
    for guest in target.guests:
        uuid = guest.uuid or ""
        old, place = known.get(guest.uuid), after[uuid]
        if old is None:
            yield PlanItem(
                op="create", object=f"guests.{guest.name}", after=_text(guest),
                effect="host_reboot" if _static(guest, target, under) else "live",
                risk=max(1, override_risk(place.guest.overrides)), drift=guest.uuid in under.changed_behind,
            )  # fmt: skip
        elif old != guest or before[uuid] != place:
            for item, impact in (
                *_differences(before[uuid].guest, place.guest),
                *_noted(old, guest, before[uuid], place),
                *_rebridged(before[uuid], place),
            ):
                yield _costed(item, impact, old, guest, target, under)


def _differences(old: Guest, new: Guest) -> Iterator[tuple[PlanItem, Impact]]:
    """What a hypervisor is given otherwise, and what that takes."""
    for name, impact in GUEST_FIELDS.items():
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if name == "disks":
            yield from _disks(before, after, impact)
        elif name in _LISTS:
            yield from ((item, impact) for item in _elements(name, before, after))
        elif name == "overrides":
            risk = max(impact.risk, override_risk(one for one in after if one not in before))
            yield _update(name, before, after), replace(impact, risk=risk)
        elif name == "cpuset":
            if (old.vcpus, old.kind) != (new.vcpus, new.kind):
                impact = replace(impact, effect="guest_restart")  # there are no such threads to pin yet
            yield _update(name, before, after, "tune"), impact
        elif name == "comm_enabled" and old.has_comm == new.has_comm:
            yield _update(name, before, after), Impact("live")
        elif name == "heap_mib" and after < before:
            yield _update(name, before, after), replace(impact, risk=2)  # what is in it goes
        elif name == "autostart" and "console" in (before, after):
            yield (
                _update(name, before, after),
                replace(impact, effect="guest_restart"),
            )  # a screen is plugged in, or out
        else:
            yield _update(name, before, after), impact


_PINNED = ("cpuset", "vcpus", "kind", "numatune")
"""Fields of a guest that its own pins follow from."""


def _noted(old: Guest, new: Guest, before: Place, after: Place) -> Iterator[tuple[PlanItem, Impact]]:
    """What the fields that a hypervisor is given do not tell: pins that others move, and what only the document says."""
    for name in GUEST_FIELDS:
        was, now = getattr(old, name), getattr(new, name)
        if was != now and getattr(before.guest, name) == getattr(after.guest, name):
            yield _update(name, was, now), Impact("live")
    changed = {name for name in _PINNED if getattr(before.guest, name) != getattr(after.guest, name)}
    if before.pins != after.pins and (not changed or (retuned(before, after) and "cpuset" not in changed)):
        yield _update("pins", _pins(before.pins), _pins(after.pins), "tune"), GUEST_FIELDS["cpuset"]


def _rebridged(before: Place, after: Place) -> Iterator[tuple[PlanItem, Impact]]:
    if rebridged(before, after):
        yield _update("bridges", before.bridges, after.bridges), Impact("guest_restart", waits=False)


def _costed(
    item: PlanItem, impact: Impact, before: Guest, after: Guest, target: Desired, under: Circumstances
) -> PlanItem:
    """The item with what it costs under the circumstances."""
    runs = before.uuid in under.running
    effect = impact.effect
    if item.field in ("memory_mib", "kind") and (_static(before, target, under) or _static(after, target, under)):
        effect = "host_reboot"
    needs_restart = runs and effect == "guest_restart"
    stops = needs_restart and (under.restart or not impact.waits)
    least: Risk = 2 if stops or effect == "host_reboot" else 1
    return item.model_copy(
        update={
            "object": f"guests.{after.name}",
            "effect": effect,
            "outage_s": RESTART_OUTAGE_S if stops else REBOOT_OUTAGE_S if effect == "host_reboot" else 0,
            "risk": max(impact.risk, least),
            "drift": before.uuid in under.changed_behind,
            "waits": needs_restart and not stops,
        }
    )


def _static(guest: Guest, target: Desired, under: Circumstances) -> bool:
    return under.static_rt_memory and guest.kind == "rt" and target.policy.profile == "system-manager"


def _places(desired: Desired) -> dict[str, Place]:
    return {guest.uuid or "": _place(guest, desired) for guest in desired.guests}


def _place(guest: Guest, desired: Desired) -> Place:
    return Place(guest, bridges=bridges_of((nic.network for nic in guest.nics), desired.networks))


def _threads(pins: Pinning | None) -> object:
    return None if pins is None else (pins.vcpus, pins.emulator, pins.real_time)


def _pins(pins: Pinning | None) -> object:
    """Pins for people: CPU lists."""
    if pins is None:
        return None
    return {"vcpus": [to_libvirt(cpus) for cpus in pins.vcpus], "emulator": to_libvirt(pins.emulator)}


def _update(field: str, before: object, after: object, op: Op = "update") -> PlanItem:
    return PlanItem(op=op, object="", field=field, before=_text(before), after=_text(after))


_LISTS = {"disks": "path", "nics": "mac", "devices": None, "shares": "tag"}
"""Lists whose elements are plugged in and out one by one, and what tells one from another."""


def _elements(name: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[PlanItem]:
    key = _LISTS[name]

    def keyed(values: Sequence[Any]) -> dict[Any, Any]:
        return {(value if key is None else getattr(value, key) or n): value for n, value in enumerate(values)}

    before, after = keyed(old), keyed(new)
    for value in [before[k] for k in before if k not in after]:
        yield PlanItem(op="detach", object="", field=name, before=_text(value))
    for value in [after[k] for k in after if k not in before]:
        yield PlanItem(op="attach", object="", field=name, after=_text(value))
    both = [k for k in after if k in before]
    for k in both:
        if before[k] != after[k]:
            yield _update(name, before[k], after[k])
    if [k for k in before if k in after] != both or (len(before), len(after)) != (len(old), len(new)):
        yield _update(name, old, new)


def _disks(old: Sequence[Disk], new: Sequence[Disk], impact: Impact) -> Iterator[tuple[PlanItem, Impact]]:
    """Drives that are the same one by one: a medium that changes and a disk that grows are said as that, and go while the
    guest runs. The rest is plugged in and out."""
    same = same_drives(old, new)
    together = len(old) if len(old) == len(new) else same
    for n, (before, after) in enumerate(zip(old[:together], new[:together], strict=True)):
        for name in Disk.model_fields:
            was, now = getattr(before, name), getattr(after, name)
            if was != now:
                live = n < same and _is_live(name, before, after)
                yield _update(f"disks.{n}.{name}", was, now), Impact("live") if live else impact
    yield from ((item, impact) for item in _elements("disks", old[together:], new[together:]))


def _is_live(field: str, before: Disk, after: Disk) -> bool:
    """A medium is changed and a disk grows while the guest runs; where a copy came from is only noted."""
    if field == "path":
        return before.device == "cdrom"
    return field in ("clone_of", "shareable") or (field == "size_mib" and before.path == after.path)


# -- everything else


def _collections(current: Desired, target: Desired) -> Iterator[PlanItem]:
    with_comm = {guest.name for guest in (*current.guests, *target.guests) if guest.has_comm}
    for name, impact in COLLECTIONS.items():
        key = "id" if name in ("images", "templates") else "name"
        before = {getattr(value, key): value for value in getattr(current, name)}
        after = {getattr(value, key): value for value in getattr(target, name)}
        for k, value in before.items():
            if k not in after:
                risk = 2 if name in COMMUNICATION else impact.risk
                yield PlanItem(op="delete", object=f"{name}.{k}", before=_text(value), effect=impact.effect, risk=risk)
        for k, value in after.items():
            place = f"{name}.{k}"
            if k not in before:
                yield PlanItem(op="create", object=place, after=_text(value), effect=impact.effect, risk=impact.risk)
            elif before[k] != value and name in COMMUNICATION:
                for field, was, now, risk in field_changes(before[k], value, with_comm):
                    yield PlanItem(
                        op="update", object=place, field=field, before=_text(was), after=_text(now), effect=impact.effect,
                        risk=max(risk, impact.risk),
                    )  # fmt: skip
            elif before[k] != value:
                yield PlanItem(
                    op="update", object=place, before=_text(before[k]), after=_text(value), effect=impact.effect,
                    risk=impact.risk,
                )  # fmt: skip


def _host(current: Desired, target: Desired) -> Iterator[PlanItem]:
    if current.host_cpuset != target.host_cpuset:
        yield PlanItem(
            op="tune", object="host_cpuset", before=_text(current.host_cpuset), after=_text(target.host_cpuset), risk=2
        )
    if current.base_topology != target.base_topology:
        yield PlanItem(
            op="update", object="base_topology", before=_text(current.base_topology), after=_text(target.base_topology)
        )
    for section in ("policy", "autostart"):
        before, after = getattr(current, section), getattr(target, section)
        for name in type(after).model_fields:
            if getattr(before, name) != getattr(after, name):
                was, now = _text(getattr(before, name)), _text(getattr(after, name))
                yield PlanItem(op="update", object=section, field=name, before=was, after=now)
    for name, impact in SETTING_FIELDS.items():
        was, now = getattr(current.settings, name), getattr(target.settings, name)
        if was == now:
            continue
        if now is None:
            yield PlanItem(op="update", object="settings", field=name, before=_text(was), left=True)
        else:
            reboot = name == "hugepages" and _huge(now) > _huge(was)
            yield PlanItem(
                op="tune", object="settings", field=name, before=_text(was), after=_text(now),
                effect="host_reboot" if reboot else impact.effect, outage_s=REBOOT_OUTAGE_S if reboot else 0,
                risk=2 if reboot else impact.risk,
            )  # fmt: skip


def _huge(pools: Sequence[Any]) -> int:
    """Pages of 1 GiB: a running kernel seldom finds any, so more of them take a boot."""
    return sum(pool.pages for pool in pools if pool.size_mib >= 1024)


def _text(value: object) -> str | None:
    """A value as JSON; None for nothing."""
    if value is None:
        return None
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: object) -> Any:
    if isinstance(value, Model):
        return canonical(value)
    if isinstance(value, (tuple, list)):
        return [_plain(element) for element in value]
    return value
