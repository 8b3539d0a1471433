"""From two documents to the steps that lead from one to the other, in the order in which they are safe.

Stop the users of what changes, delete, make disks, communicate, define, plug, tune, start again. Pure.

Networks are there before a domain that names one is defined. What guests lose of areas is set aside with its content when
it is unplugged, so that the undo gives it back.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from guestwire.agent.services.configuration.step_kinds import StepKind
from guestwire.model.communication import CommDocument, devices
from guestwire.model.desired import Desired
from guestwire.model.effects import SETTING_FIELDS
from guestwire.model.facts import FileFact
from guestwire.model.guest import Disk, Guest
from guestwire.model.pinning import pack_pins
from guestwire.model.planning import live_media, restarts, retuned, same_drives
from guestwire.model.resolving import Place


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `args` are plain values, for the journal; `text` is for people."""

    kind: StepKind
    args: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Transition:
    """From what is there to what is wanted. `before`, `after`: what the hypervisor has and is to have, by uuid; a guest whose
    two places are equal is left alone. `missing`: guests of ours that somebody deleted and nobody wants any more. `named`:
    the guests whose disks are made, by uuid; None: all. `running`: uuids. `files`: what is known of disk images. `rewritten`:
    guests whose generated files somebody edited or removed, by uuid. `held`, `shared`: what guestwire-comm has and is to
    have; both None: this host has no communication services."""

    current: Desired
    target: Desired
    before: Mapping[str, Place]
    after: Mapping[str, Place]
    running: Collection[str]
    restart: bool
    remove_disks: Sequence[str]
    files: Mapping[str, FileFact]
    missing: Sequence[Guest] = ()
    named: Collection[str] | None = None
    rewritten: Collection[str] = ()
    held: CommDocument | None = None
    shared: CommDocument | None = None


def steps(change: Transition) -> tuple[Step, ...]:
    """The steps, in order."""
    kept = {guest.uuid for guest in change.target.guests}
    gone = [guest for guest in change.current.guests if guest.uuid not in kept]
    redefined = [guest for guest in change.target.guests if _differs(change, guest)]
    stopped = [guest for guest in redefined if _needs_stop(change, guest)]
    work = tuple(disk_work(change))
    return (
        *(_step("stop-guest", f"stop {guest.name}", uuid=guest.uuid) for guest in (*gone, *stopped)
          if guest.uuid in change.running),
        *_deletions(gone),
        *(step for guest in change.missing for step in _folder_gone(guest)),
        *(_step("set-aside-disk", f"set {path} aside", path=path) for path in change.remove_disks),
        *(one.step for one in work if not one.live),
        *_communication(change, stopped),
        *(step for guest, place in _in_order_of_names(change, redefined) for step in _definition(change, guest, place)),
        *(_folder(change, guest) for guest in change.target.guests
          if guest.uuid in change.rewritten and not _differs(change, guest)),
        *(step for guest in redefined if guest not in stopped for step in _media(change, guest)),
        *(_step("retune-guest", f"tune {guest.name}", uuid=guest.uuid) for guest in redefined
          if guest not in stopped and _retuned(change, guest)),
        *(_step("plug-guest", f"plug what {guest.name} shares", uuid=guest.uuid) for guest in _replugged(change, stopped)),
        *_settings(change),
        *(_step("start-guest", f"start {guest.name}", uuid=guest.uuid) for guest in stopped),
        # last: what a guest has seen grow cannot shrink again
        *(one.step for one in work if one.live),
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
    return restarts(change.before[uuid], change.after[uuid], restart=change.restart)


def _communication(change: Transition, stopped: Sequence[Guest]) -> Iterator[Step]:
    if change.shared is None or change.held == change.shared:
        return
    for guest in _replugged(change, stopped):
        yield _step("plug-when-undone", f"plug what {guest.name} shared", uuid=guest.uuid)
    assert change.held is not None
    kinds = [kind for kind in CommDocument.model_fields if getattr(change.held, kind) != getattr(change.shared, kind)]
    text = change.shared.model_dump_json(exclude_defaults=True)
    yield _step("communicate", f"communication: change {', '.join(kinds)}", document=text)


def _replugged(change: Transition, stopped: Sequence[Guest]) -> Iterator[Guest]:
    """Guests that run on, and get or lose devices meanwhile. One that has none yet gets them when it is next started."""
    if change.shared is None or change.held is None:
        return
    had = {guest.uuid: guest.name for guest in change.held.guests}
    for guest in change.target.guests:
        if guest.uuid not in change.running or guest.uuid not in had or guest in stopped:
            continue
        if devices(change.held, had[guest.uuid]) != devices(change.shared, guest.name):
            yield guest


def _in_order_of_names(change: Transition, redefined: Sequence[Guest]) -> Iterator[tuple[Guest, Place]]:
    """A guest that takes another's name comes after that one has given it up. Where names go round in a circle one guest
    has a name of its own for a moment."""
    left = list(redefined)
    names = {guest.uuid: change.before[guest.uuid or ""].guest.name for guest in left if guest.uuid in change.before}
    circling = [guest for guest in left if guest.uuid in names]
    while left:
        taken = {names[guest.uuid]: guest for guest in left if guest.uuid in names}
        free = [guest for guest in left if taken.get(guest.name, guest) is guest]
        if not free and circling:
            first = circling.pop(0)
            now = change.before[first.uuid or ""]
            names[first.uuid] = f"guestwire-{first.uuid}"
            yield first, replace(now, guest=now.guest.model_copy(update={"name": names[first.uuid]}))
            continue
        free = free or left  # names that are wanted twice: no such document is applied
        yield from ((guest, change.after[guest.uuid or ""]) for guest in free)
        left = [guest for guest in left if guest not in free]
        circling = [guest for guest in circling if guest not in free]


def _deletions(gone: Sequence[Guest]) -> Iterator[Step]:
    for guest in gone:
        yield _step("undefine-guest", f"delete {guest.name}", uuid=guest.uuid)
        yield from _folder_gone(guest)


def _folder_gone(guest: Guest) -> Iterator[Step]:
    if guest.id is not None:
        yield _step("remove-folder", f"remove the folder of {guest.name}", id=guest.id)


class DiskStep(NamedTuple):
    """What is done to disk `number` of a guest; `live`: while the guest runs."""

    guest: Guest
    number: int
    step: Step
    live: bool = False


def disk_work(change: Transition) -> Iterator[DiskStep]:
    """What is done to make every disk as large as it is to be, whether its guest changes or not. An image that several guests
    share is made once, and grows through the one that runs."""
    found = tuple(_disk_work(change))
    live = {one.step.args["path"] for one in found if one.live}
    done: set[tuple[StepKind, str]] = set()
    for one in found:
        what = one.step.kind, one.step.args["path"]
        if what not in done and (one.live or what[1] not in live):
            done.add(what)
            yield one


def _disk_work(change: Transition) -> Iterator[DiskStep]:
    for guest in change.target.guests:
        if change.named is not None and guest.uuid not in change.named:
            continue
        for number, disk in enumerate(guest.disks):
            if disk.path is None or disk.device != "disk":
                continue
            fact = change.files.get(disk.path)
            if fact is None or not fact.exists:
                yield from (DiskStep(guest, number, step) for step in _made(disk))
            elif _grows(change, disk):
                if _runs_with(change, guest, number):
                    yield DiskStep(guest, number, _grow(disk, uuid=guest.uuid, number=number), live=True)
                elif not _runs_on(change, guest):
                    yield DiskStep(guest, number, _grow(disk))


def _made(disk: Disk) -> Iterator[Step]:
    if disk.size_mib is None and disk.clone_of is None:
        return
    yield _step(
        "create-disk", f"make {disk.path}", path=disk.path, format=disk.format, size_mib=disk.size_mib,
        clone_of=disk.clone_of,
    )  # fmt: skip
    if disk.clone_of is not None and disk.size_mib is not None:
        yield _grow(disk, made=True)


def _grows(change: Transition, disk: Disk) -> bool:
    fact = change.files.get(disk.path or "")
    if fact is None or fact.virtual_mib is None or disk.size_mib is None or disk.device != "disk":
        return False
    return fact.virtual_mib < disk.size_mib


def _runs_on(change: Transition, guest: Guest) -> bool:
    uuid = guest.uuid or ""
    return uuid in change.running and uuid in change.before and not _needs_stop(change, guest)


def _runs_with(change: Transition, guest: Guest, number: int) -> bool:
    """Whether the guest runs on through the change, with that disk in that place."""
    if not _runs_on(change, guest):
        return False
    uuid = guest.uuid or ""
    old, new = change.before[uuid].guest.disks, change.after[uuid].guest.disks
    return number < same_drives(old, new) and old[number].path == new[number].path


def _grow(disk: Disk, *, uuid: str | None = None, number: int = 0, made: bool = False) -> Step:
    """`uuid`: of the running guest whose disk number `number` it is; `made`: the image is made by this change."""
    return _step(
        "grow-disk", f"grow {disk.path} to {disk.size_mib} MiB", path=disk.path, size_mib=disk.size_mib, uuid=uuid or "",
        disk=number, made=made,
    )  # fmt: skip


def _definition(change: Transition, guest: Guest, place: Place) -> Iterator[Step]:
    uuid = guest.uuid or ""
    text = place.guest.model_dump_json(exclude_defaults=True)
    passing = place != change.after[uuid]
    if not passing and uuid in change.running and _retuned(change, guest):
        yield _step("retune-when-undone", f"tune {guest.name} back", uuid=uuid)
    told = f"rename {change.before[uuid].guest.name} for a moment" if passing else f"define {guest.name}"
    pins, bridges = pack_pins(place.pins), dict(place.bridges)
    yield _step("define-guest", told, uuid=uuid, guest=text, pins=pins, bridges=bridges)
    if guest.id is not None and not passing:
        yield _folder(change, guest)


def _folder(change: Transition, guest: Guest) -> Step:
    return write_folder(guest, change.after[guest.uuid or ""], template_files(change.target, guest))


def write_folder(guest: Guest, place: Place, templates: Sequence[str] = ()) -> Step:
    """The files that are generated of what the hypervisor is given for a guest; `templates`: folders a new one is copied
    from."""
    text = place.guest.model_dump_json(exclude_defaults=True)
    told = f"write the folder of {guest.name}"
    return _step("write-folder", told, id=guest.id, guest=text, template_files=list(templates))


def template_files(target: Desired, guest: Guest) -> Sequence[str]:
    """The folders of the guest's template, which its image leads to."""
    image = next((image for image in target.images if image.id == guest.image), None)
    kind = guest.os_type if image is None else image.os_type
    return next((template.files for template in target.templates if template.image_type == kind), ())


def _retuned(change: Transition, guest: Guest) -> bool:
    """Whether a guest that runs on gets other CPUs."""
    uuid = guest.uuid or ""
    before = change.before.get(uuid)
    return before is not None and uuid in change.running and retuned(before, change.after[uuid])


def _media(change: Transition, guest: Guest) -> Iterator[Step]:
    uuid = guest.uuid or ""
    before = change.before.get(uuid)
    if before is None or uuid not in change.running:
        return
    disks = change.after[uuid].guest.disks
    for number in live_media(before.guest.disks, disks):
        old, new = before.guest.disks[number].path, disks[number].path
        text = f"put {new} into {guest.name}" if new else f"take {old} out of {guest.name}"
        yield _step("change-medium", text, uuid=uuid, disk=number, before=old, path=new)


def _settings(change: Transition) -> Iterator[Step]:
    wanted = change.target.settings
    for name in SETTING_FIELDS:
        value = getattr(wanted, name)
        if value != getattr(change.current.settings, name) and value is not None:
            text = wanted.model_dump_json(exclude_defaults=True)
            yield _step("set-host", f"set {name.replace('_', ' ')}", name=name, settings=text)
