"""From two documents to the steps that lead from one to the other, in the order in which they are safe.

Stop the users of what changes, delete, make disks, define, plug, tune, start again. Pure.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guestwire.agent.services.configuration.step_kinds import StepKind, pack_pins
from guestwire.model.desired import Desired
from guestwire.model.effects import GUEST_FIELDS, SETTING_FIELDS
from guestwire.model.facts import FileFact
from guestwire.model.guest import Disk, Guest
from guestwire.model.pinning import Pinning


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `args` are plain values, for the journal; `text` is for people."""

    kind: StepKind
    args: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a hypervisor is given for a guest: the guest with its image filled in, and its pins."""

    guest: Guest
    pins: Pinning | None


@dataclass(frozen=True, slots=True)
class Transition:
    """From what is there to what is wanted. `before`, `after`: what the hypervisor has and is to have, by uuid; a guest whose
    two places are equal is left alone. `running`: uuids. `files`: what is known of disk images."""

    current: Desired
    target: Desired
    before: Mapping[str, Place]
    after: Mapping[str, Place]
    running: Collection[str]
    restart: bool
    remove_disks: Sequence[str]
    files: Mapping[str, FileFact]


def steps(change: Transition) -> tuple[Step, ...]:
    """The steps, in order."""
    kept = {guest.uuid for guest in change.target.guests}
    gone = [guest for guest in change.current.guests if guest.uuid not in kept]
    redefined = [guest for guest in change.target.guests if _differs(change, guest)]
    stopped = [guest for guest in redefined if _needs_stop(change, guest)]
    return (
        *(_step("stop-guest", f"stop {guest.name}", uuid=guest.uuid) for guest in (*gone, *stopped)
          if guest.uuid in change.running),
        *_deletions(gone),
        *(_step("set-aside-disk", f"set {path} aside", path=path) for path in change.remove_disks),
        *(step for guest in change.target.guests for step in _disks(change, guest)),
        *(step for guest in _in_order_of_names(change, redefined) for step in _definition(change, guest)),
        *(step for guest in redefined if guest not in stopped for step in _media(change, guest)),
        *(_step("retune-guest", f"tune {guest.name}", uuid=guest.uuid) for guest in redefined
          if guest not in stopped and _retuned(change, guest)),
        *_settings(change),
        *(_step("start-guest", f"start {guest.name}", uuid=guest.uuid) for guest in stopped),
        # last: what a guest has seen grow cannot shrink again
        *(step for guest in change.target.guests if guest not in stopped for step in _live_growth(change, guest)),
    )  # fmt: skip


def _step(kind: StepKind, text: str, **args: Any) -> Step:
    return Step(kind, args, text)


def _differs(change: Transition, guest: Guest) -> bool:
    uuid = guest.uuid or ""
    return change.before.get(uuid) != change.after[uuid]


def _needs_stop(change: Transition, guest: Guest) -> bool:
    uuid = guest.uuid or ""
    if uuid not in change.running or uuid not in change.before:
        return False
    old, new = change.before[uuid].guest, change.after[uuid].guest
    changed = [impact for name, impact in GUEST_FIELDS.items()
               if impact.effect == "guest_restart" and getattr(old, name) != getattr(new, name)
               and not (name == "disks" and _live_disks(old, new))]  # fmt: skip
    if old.cpuset != new.cpuset and old.vcpus != new.vcpus:
        return change.restart
    return bool(changed) and (change.restart or not all(impact.waits for impact in changed))


def _in_order_of_names(change: Transition, redefined: Sequence[Guest]) -> Iterator[Guest]:
    """A guest that takes another's name comes after that one has given it up."""
    left = list(redefined)
    while left:
        taken = {change.before[g.uuid or ""].guest.name: g for g in left if (g.uuid or "") in change.before}
        free = [guest for guest in left if taken.get(guest.name, guest) is guest]
        yield from free or left  # names that go round in a circle: the hypervisor refuses them
        left = [guest for guest in left if free and guest not in free]


def _live_disks(old: Guest, new: Guest) -> bool:
    """Whether all that changes in the drives goes while the guest runs: media, and sizes."""

    def shape(disk: Disk) -> Disk:
        ignored: dict[str, object] = {"size_mib": None, "clone_of": None, "shareable": False}
        return disk.model_copy(update=ignored | ({"path": None} if disk.device == "cdrom" else {}))

    return [shape(disk) for disk in old.disks] == [shape(disk) for disk in new.disks]


def _deletions(gone: Sequence[Guest]) -> Iterator[Step]:
    for guest in gone:
        yield _step("undefine-guest", f"delete {guest.name}", uuid=guest.uuid)
        if guest.id is not None:
            yield _step("remove-folder", f"remove the folder of {guest.name}", id=guest.id)


def _disks(change: Transition, guest: Guest) -> Iterator[Step]:
    for number, disk in enumerate(guest.disks):
        if disk.path is None or disk.device != "disk":
            continue
        fact = change.files.get(disk.path)
        if fact is None or not fact.exists:
            if disk.size_mib is None and disk.clone_of is None:
                continue
            yield _step(
                "create-disk", f"make {disk.path}", path=disk.path, format=disk.format, size_mib=disk.size_mib,
                clone_of=disk.clone_of,
            )  # fmt: skip
            if disk.clone_of is not None and disk.size_mib is not None:
                yield _grow(disk, made=True)
        elif _grows(change, disk) and not _runs_with(change, guest, number):
            yield _grow(disk)


def _live_growth(change: Transition, guest: Guest) -> Iterator[Step]:
    for number, disk in enumerate(guest.disks):
        if _grows(change, disk) and _runs_with(change, guest, number):
            yield _grow(disk, uuid=guest.uuid, number=number)


def _grows(change: Transition, disk: Disk) -> bool:
    fact = change.files.get(disk.path or "")
    if fact is None or fact.virtual_mib is None or disk.size_mib is None or disk.device != "disk":
        return False
    return fact.virtual_mib < disk.size_mib


def _runs_with(change: Transition, guest: Guest, number: int) -> bool:
    """Whether the guest runs on through the change, with that disk in that place."""
    uuid = guest.uuid or ""
    if uuid not in change.running or uuid not in change.before or _needs_stop(change, guest):
        return False
    disks = change.before[uuid].guest.disks
    return number < len(disks) and disks[number].path == guest.disks[number].path


def _grow(disk: Disk, *, uuid: str | None = None, number: int = 0, made: bool = False) -> Step:
    """`uuid`: of the running guest whose disk number `number` it is; `made`: the image is made by this change."""
    return _step(
        "grow-disk", f"grow {disk.path} to {disk.size_mib} MiB", path=disk.path, size_mib=disk.size_mib, uuid=uuid or "",
        disk=number, made=made,
    )  # fmt: skip


def _definition(change: Transition, guest: Guest) -> Iterator[Step]:
    uuid = guest.uuid or ""
    place = change.after[uuid]
    text = place.guest.model_dump_json(exclude_defaults=True)
    if uuid in change.running and _retuned(change, guest):
        yield _step("retune-when-undone", f"tune {guest.name} back", uuid=uuid)
    yield _step("define-guest", f"define {guest.name}", uuid=uuid, guest=text, pins=pack_pins(place.pins))
    if guest.id is not None:
        yield _step("write-folder", f"write the folder of {guest.name}", id=guest.id, guest=text,
            template_files=list(_template_files(change.target, guest)),
        )  # fmt: skip


def _template_files(target: Desired, guest: Guest) -> Sequence[str]:
    """The folders of the guest's template, which its image leads to."""
    image = next((image for image in target.images if image.id == guest.image), None)
    kind = guest.os_type if image is None else image.os_type
    return next((template.files for template in target.templates if template.image_type == kind), ())


def _retuned(change: Transition, guest: Guest) -> bool:
    """Whether a guest that runs on gets other CPUs."""
    uuid = guest.uuid or ""
    before, after = change.before.get(uuid), change.after[uuid]
    if before is None or uuid not in change.running or before.pins == after.pins:
        return False
    return before.guest.vcpus == after.guest.vcpus


def _media(change: Transition, guest: Guest) -> Iterator[Step]:
    uuid = guest.uuid or ""
    before = change.before.get(uuid)
    if before is None or uuid not in change.running or not _live_disks(before.guest, change.after[uuid].guest):
        return
    for number, (old, new) in enumerate(zip(before.guest.disks, guest.disks, strict=True)):
        if old.device == "cdrom" and old.path != new.path:
            text = f"put {new.path} into {guest.name}" if new.path else f"take {old.path} out of {guest.name}"
            yield _step("change-medium", text, uuid=uuid, disk=number, before=old.path, path=new.path)


def _settings(change: Transition) -> Iterator[Step]:
    wanted = change.target.settings
    for name in SETTING_FIELDS:
        value = getattr(wanted, name)
        if value != getattr(change.current.settings, name) and value is not None:
            text = wanted.model_dump_json(exclude_defaults=True)
            yield _step("set-host", f"set {name.replace('_', ' ')}", name=name, settings=text)
