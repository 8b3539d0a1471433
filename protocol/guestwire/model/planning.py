"""From two documents to a plan: a keyed, typed diff, with the effect and the outage of every change. Pure.

The diff is over the typed model read back from the hypervisor, never over XML: libvirt writes XML anew in its own way, and
tools that compare texts restart guests because of that.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from guestwire.model.base import Model
from guestwire.model.desired import Desired, canonical, content_hash
from guestwire.model.effects import (
    COLLECTIONS,
    GUEST_FIELDS,
    REBOOT_OUTAGE_S,
    RESTART_OUTAGE_S,
    SETTING_FIELDS,
    Impact,
)
from guestwire.model.guest import Disk, Guest
from guestwire.model.plan import Op, PlanItem


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides what a change costs. `running`: uuids; `restart`: running guests are restarted where it takes that;
    `static_rt_memory`: memory of rt guests is taken from the host at boot (a simulated System Manager host, SM 10);
    `changed_behind`: uuids of guests that were edited behind our back."""

    running: frozenset[str] = frozenset()
    restart: bool = False
    static_rt_memory: bool = False
    changed_behind: frozenset[str] = frozenset()


def diff(current: Desired, target: Desired, under: Circumstances | None = None) -> tuple[PlanItem, ...]:
    """Every change that leads from one settled document to the other: deletions first, then the rest in the documents'
    order. Two documents with the same `content_hash` give none."""
    under = under or Circumstances()
    return (*_removed(current, target, under), *_collections(current, target), *_changed(current, target, under),
            *_host(current, target))  # fmt: skip


def plan_id(
    current: Desired, revision: int, target: Desired, surroundings: Sequence[str], options: Sequence[object]
) -> str:
    """32 hex digits over everything a plan follows from. `surroundings`: topology fingerprint, capabilities, version."""
    parts = [content_hash(current), revision, content_hash(target), list(surroundings), list(options)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()[:32]


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


def _changed(current: Desired, target: Desired, under: Circumstances) -> Iterator[PlanItem]:
    known = {guest.uuid: guest for guest in current.guests}
    for guest in target.guests:
        before = known.get(guest.uuid)
        if before is None:
            yield PlanItem(
                op="create", object=f"guests.{guest.name}", after=_text(guest),
                effect="host_reboot" if _static(guest, target, under) else "live",
                drift=guest.uuid in under.changed_behind,
            )  # fmt: skip
        elif before != guest:
            yield from _guest(before, guest, target, under)


def _guest(before: Guest, after: Guest, target: Desired, under: Circumstances) -> Iterator[PlanItem]:
    drift = before.uuid in under.changed_behind
    for name, impact in GUEST_FIELDS.items():
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if name in _LISTS:
            for item in _elements(name, old, new):
                yield _costed(item, _element_impact(item, old, impact), before, after, target, under, drift=drift)
            continue
        op: Op = "tune" if name == "cpuset" else "update"
        item = PlanItem(op=op, object="", field=name, before=_text(old), after=_text(new))
        yield _costed(item, impact, before, after, target, under, drift=drift)


def _costed(
    item: PlanItem, impact: Impact, before: Guest, after: Guest, target: Desired, under: Circumstances, *, drift: bool
) -> PlanItem:
    """The item with what it costs under the circumstances."""
    runs = before.uuid in under.running
    effect = impact.effect
    if item.field in ("memory_mib", "kind") and (_static(before, target, under) or _static(after, target, under)):
        effect = "host_reboot"
    if item.field == "cpuset" and before.vcpus != after.vcpus:
        effect = "guest_restart"  # the pins of vCPUs that are not there cannot be set
    needs_restart = runs and effect == "guest_restart"
    restarts = needs_restart and (under.restart or not impact.waits)
    return item.model_copy(
        update={
            "object": f"guests.{after.name}",
            "effect": effect,
            "outage_s": RESTART_OUTAGE_S if restarts else REBOOT_OUTAGE_S if effect == "host_reboot" else 0,
            "risk": 2 if restarts or effect == "host_reboot" else impact.risk,
            "drift": drift,
            "waits": needs_restart and not restarts,
        }
    )


def _static(guest: Guest, target: Desired, under: Circumstances) -> bool:
    return under.static_rt_memory and guest.kind == "rt" and target.policy.profile == "system-manager"


_LISTS = {"disks": "path", "nics": "mac", "devices": None, "shares": "tag"}
"""Lists whose elements are plugged in and out one by one, and what tells one from another."""


def _elements(name: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[PlanItem]:
    key = _LISTS[name]
    if name == "disks" and len(old) == len(new):
        yield from _disks_in_place(old, new)
        return

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
            yield PlanItem(op="update", object="", field=name, before=_text(before[k]), after=_text(after[k]))
    if [k for k in before if k in after] != both or (len(before), len(after)) != (len(old), len(new)):
        yield PlanItem(op="update", object="", field=name, before=_text(old), after=_text(new))


def _disks_in_place(old: Sequence[Disk], new: Sequence[Disk]) -> Iterator[PlanItem]:
    """The same drives, one by one: a medium that changes and a disk that grows are said as that."""
    for n, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after:
            continue
        for name in Disk.model_fields:
            was, now = getattr(before, name), getattr(after, name)
            if was != now:
                yield PlanItem(op="update", object="", field=f"disks.{n}.{name}", before=_text(was), after=_text(now))


def _element_impact(item: PlanItem, old: Sequence[Any], impact: Impact) -> Impact:
    """A medium is changed and a disk grows while the guest runs; where a copy came from is only noted."""
    if item.field is None or not item.field.startswith("disks."):
        return impact
    _, number, field = item.field.split(".")
    live = field in ("size_mib", "clone_of", "shareable") or (field == "path" and old[int(number)].device == "cdrom")
    return Impact("live") if live else impact


# -- everything else


def _collections(current: Desired, target: Desired) -> Iterator[PlanItem]:
    for name, impact in COLLECTIONS.items():
        key = "id" if name in ("images", "templates") else "name"
        before = {getattr(value, key): value for value in getattr(current, name)}
        after = {getattr(value, key): value for value in getattr(target, name)}
        for k, value in before.items():
            if k not in after:
                yield PlanItem(
                    op="delete", object=f"{name}.{k}", before=_text(value), effect=impact.effect, risk=impact.risk
                )
        for k, value in after.items():
            if k not in before:
                yield PlanItem(
                    op="create", object=f"{name}.{k}", after=_text(value), effect=impact.effect, risk=impact.risk
                )
            elif before[k] != value:
                yield PlanItem(
                    op="update", object=f"{name}.{k}", before=_text(before[k]), after=_text(value), effect=impact.effect,
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
        if was != now:
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
