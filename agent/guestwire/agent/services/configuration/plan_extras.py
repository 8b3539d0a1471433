"""What a plan shows that no two documents do: work on what the host lacks, what somebody else removed, and the mistakes that
only the way from one document to the next has. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import dumps

from guestwire.agent.services.configuration.steps import DiskStep
from guestwire.formats.domain_xml.fitting import misfit
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.issues import Issue
from guestwire.model.plan import PlanItem
from guestwire.model.resolving import Place
from guestwire.model.settling import match, unclear_disks


def missing(active: Desired, current: Desired, target: Desired, named: str | None) -> tuple[Guest, ...]:
    """Guests that somebody deleted, and that nobody wants any more."""
    there = {guest.uuid for guest in (*current.guests, *target.guests)}
    return tuple(g for g in active.guests if g.uuid not in there and (named is None or g.uuid == named))


def folders(missing: Iterable[Guest]) -> Iterator[PlanItem]:
    """What is left of guests that are gone."""
    for guest in missing:
        yield PlanItem(op="delete", object=f"guests.{guest.name}", before=dumps(guest.name))


def rewritten(
    modified: Mapping[str, Sequence[str]], current: Desired, goal: Desired, named: str | None
) -> dict[str, tuple[str, ...]]:
    """The guests whose generated files are written anew, because somebody edited or removed them: those that are there and
    stay, by uuid, with the names of the files. `modified`: paths, by GUESTnnnn."""
    there = {guest.uuid: guest.id for guest in current.guests}
    return {
        guest.uuid or "": tuple(sorted(path.rpartition("/")[2] for path in modified[id]))
        for guest in goal.guests
        if (id := there.get(guest.uuid)) in modified and id is not None and named in (None, guest.uuid)
    }


def anew(rewritten: Mapping[str, Sequence[str]], goal: Desired) -> Iterator[PlanItem]:
    for guest in goal.guests:
        if files := rewritten.get(guest.uuid or ""):
            yield PlanItem(
                op="update", object=f"guests.{guest.name}", field="folder", before=dumps(list(files)),
                after=dumps("written anew"),
            )  # fmt: skip


def unsaid(work: Iterable[DiskStep], items: Sequence[PlanItem]) -> Iterator[PlanItem]:
    """What is done to disks of guests that the documents do not change: an image that is missing, or too small."""
    said: dict[str, list[PlanItem]] = {}
    for item in items:
        said.setdefault(item.object, []).append(item)
    told: set[tuple[str, int]] = set()
    for guest, number, step, _live in work:
        place, field = f"guests.{guest.name}", f"disks.{number}"
        path = dumps(guest.disks[number].path, ensure_ascii=False)
        if (place, number) in told or any(_says(item, field, path) for item in said.get(place, ())):
            continue
        told.add((place, number))
        disk = dumps(guest.disks[number].model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
        yield PlanItem(op="create" if step.kind == "create-disk" else "update", object=place, field=field, after=disk)


def _says(item: PlanItem, field: str, path: str) -> bool:
    """Whether an item of a guest tells of work on the disk."""
    if item.op == "create" or (item.field or "").startswith(f"{field}."):
        return True
    return item.field == "disks" and path in (item.after or "")


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
