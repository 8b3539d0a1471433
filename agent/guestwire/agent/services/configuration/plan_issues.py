"""Issues that only a plan can see: what runs, which images are to go, what the host cannot make true yet, and the mistakes
that only the way from one document to the next has. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from guestwire.agent.services.configuration.options import Options
from guestwire.formats.domain_xml.fitting import misfit
from guestwire.model.desired import Desired
from guestwire.model.effects import COMMUNICATION
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.guest import Guest
from guestwire.model.host_paths import normal
from guestwire.model.issues import Issue
from guestwire.model.planning import Circumstances, diff, must_stop
from guestwire.model.resolving import Place
from guestwire.model.settling import match, unclear_disks


def plan_issues(current: Desired, target: Desired, facts: Facts, options: Options) -> list[Issue]:
    """Issues that only a plan can see."""
    return [*_running(current, target, facts, options), *_destroyed(current, target, facts, options)]


def _running(current: Desired, target: Desired, facts: Facts, options: Options) -> Iterator[Issue]:
    running = facts.running or frozenset()
    if not options.restart:
        for guest, place in must_stop(current, target, running):
            yield Issue(
                code="GUESTS-RUNNING", severity="E", path=place, related=(guest.name,),
                message=f"{guest.name} runs, and this cannot be done while it does",
                hint="Shut it down first, or let the apply restart it.",
            )  # fmt: skip
        return
    # what a restart turns off must be allowed to start again, also when the change is undone
    active = facts.active or current
    disabled = {guest.uuid: guest for guest in active.guests if guest.disabled and guest.uuid in running}
    if not disabled:
        return
    items = diff(current, target, Circumstances(running=running, restart=True))
    restarted = {item.object for item in items if item.outage_s}
    images = {image.id: image for image in current.images}
    changed = {image.id for image in target.images if images.get(image.id) != image}
    for guest in target.guests:
        if guest.uuid in disabled and (f"guests.{guest.name}" in restarted or guest.image in changed):
            yield Issue(
                code="GUESTS-RUNNING", severity="E", path=f"guests.{guest.name}", related=(guest.name,),
                message=f"{guest.name} runs though it is disabled: a restart could not turn it on again",
                hint="Shut it down first, or apply without a restart.",
            )  # fmt: skip


def _destroyed(current: Desired, target: Desired, facts: Facts, options: Options) -> Iterator[Issue]:
    """What keeps images from being removed: somebody has them, or nobody of ours had. Paths are compared in their plainest
    spelling: the file is one however it is written."""
    users = _users(target)
    foreign = facts.foreign_disks or {}
    had = {normal(disk.path) for guest in current.guests for disk in guest.disks if disk.path is not None}
    held = {} if options.restart else _held(current, target, facts.running or frozenset())
    seen: set[str] = set()
    related: tuple[str, ...]
    for path in options.remove_disks:
        image = normal(path)
        if (user := users.get(image)) is not None:
            message, hint, related = f"{user} uses the image", "Take it out there first.", (user,)
        elif (domain := foreign.get(image)) is not None:
            message = f"the domain {domain!r}, which is not the project's, has the image"
            hint, related = "Take it out of that domain first.", (domain,)
        elif (runner := held.get(image)) is not None:
            message = f"{runner} runs with the image until it is next started"
            hint, related = "Shut it down first, or let the apply restart it.", (runner,)
        elif image not in had:
            message, related = "no guest of this host had the image", ()
            hint = "Only images that the change takes from a guest can be removed with it."
        elif image in seen:
            message, hint, related = "the image is named twice", "Name it once.", ()
        else:
            seen.add(image)
            continue
        yield Issue(
            code="DESTROY-DISK", severity="E", path=f"disks.{path}", message=message, hint=hint, related=related
        )


def _held(current: Desired, target: Desired, running: Collection[str]) -> dict[str, str]:
    """The images that guests which run on have open, whatever the document says of their next start."""
    stay = {guest.uuid for guest in target.guests if guest.uuid in running}
    return {
        normal(disk.path): guest.name
        for guest in current.guests
        if guest.uuid in stay
        for disk in guest.disks
        if disk.path is not None
    }


def _users(target: Desired) -> dict[str, str]:
    """Who has a file, by its plainest path: a guest that has it, copies it or boots from it, or an image."""
    users: dict[str, str] = {}
    for image in target.images:
        users |= {normal(path): f"images.{image.id}" for path in (image.path, image.initrd) if path is not None}
    for guest in target.guests:
        named = [path for disk in guest.disks for path in (disk.clone_of, disk.path)]
        named += [guest.boot.kernel, guest.boot.initrd] if guest.boot is not None else []
        users |= {normal(path): guest.name for path in named if path is not None}
    return users


def mistaken(guest: Guest, err: GuestwireError) -> Issue:
    found = [f"{one['path']}: {one['message']}" for one in err.detail.get("issues", ())] or [err.message]
    more = f" (and {len(found) - 8} more)" if len(found) > 8 else ""
    return Issue(
        code="OVERRIDES-INVALID", severity="E", path=f"guests.{guest.name}.overrides", related=(guest.name,),
        message="; ".join(found[:8]) + more, hint="Correct overrides.toml in the guest's folder, or remove it.",
    )  # fmt: skip


def misfits(guests: Iterable[Guest], places: Mapping[str, Place]) -> Iterator[Issue]:
    """Overrides that find nothing in the domain of their guest, or not what they are for: the first of each guest. `places`:
    what the hypervisor is to be given, by uuid; after the document's own come those of the guest's folder."""
    for guest in guests:
        place = places[guest.uuid or ""]
        if (issue := misfit(guest, place.guest, place.pins)) is not None:
            yield issue


def renumbered(active: Desired, target: Desired) -> Iterator[Issue]:
    known = {guest.uuid: guest.id for guest in active.guests}
    for guest in target.guests:
        was = known.get(guest.uuid)
        if was is not None and guest.id != was:
            yield Issue(
                code="GUEST-ID-CHANGED", severity="E", path=f"guests.{guest.name}.id", related=(was,),
                message=f"{guest.name} is {was}, and identifiers are never given anew",
                hint=f"Leave it {was}, or remove the identifier.",
            )  # fmt: skip


def unclear(active: Desired, target: Desired) -> Iterator[Issue]:
    for guest, known in zip(target.guests, match(target, active), strict=True):
        for number in unclear_disks(guest, known):
            yield Issue(
                code="DISK-UNCLEAR", severity="E", path=f"guests.{guest.name}.disks.{number}", related=(guest.name,),
                message="the guest has fewer disks without a path than before: which of its images this one is nobody can say",
                hint="Name the disk's path: `guest show` has it.",
            )  # fmt: skip


def communication(current: Desired, target: Desired) -> tuple[str, ...]:
    """Places of a document that only the communication services can make true, as far as they change."""
    changed = [name for name in sorted(COMMUNICATION) if getattr(current, name) != getattr(target, name)]
    heaps = {guest.uuid: guest.heap_mib for guest in current.guests}
    changed += [f"guests.{g.name}.heap_mib" for g in target.guests if g.heap_mib != heaps.get(g.uuid, 0)]
    return tuple(changed)
