"""Items of a plan that no two documents tell of: work on what the host lacks, and on what somebody else removed or edited.
Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import dumps

from guestwire.agent.services.configuration.steps import DiskStep
from guestwire.model.communication import CommDocument, document_hash
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.plan import PlanItem


def missing(active: Desired, current: Desired, target: Desired, named: str | None) -> tuple[Guest, ...]:
    """Guests that somebody deleted, and that nobody wants any more."""
    there = {guest.uuid for guest in (*current.guests, *target.guests)}
    return tuple(g for g in active.guests if g.uuid not in there and (named is None or g.uuid == named))


def folders(missing: Iterable[Guest]) -> Iterator[PlanItem]:
    """What is left of guests that are gone."""
    for guest in missing:
        yield PlanItem(op="delete", object=f"guests.{guest.name}", before=dumps(guest.name))


def unheld(held: CommDocument | None, expected: CommDocument) -> Iterator[PlanItem]:
    """What guestwire-comm has otherwise than it is to have: it lost what it was given. No plan's: it is put right unasked."""
    if held != expected and (held is not None or expected.needed):
        yield PlanItem(
            op="update", object="communication", field="document", before=dumps(None if held is None else document_hash(held)),
            after=dumps(document_hash(expected)), drift=True,
        )  # fmt: skip


def not_running(state: str) -> PlanItem:
    """The communication services are not there, and somebody needs them."""
    return PlanItem(
        op="update", object="communication", field="state", before=dumps(state), after=dumps("running"), drift=True
    )


def not_plugged(guest: str, why: str) -> PlanItem:
    """A guest that runs has not got the devices of the areas it is to have."""
    return PlanItem(
        op="update", object=f"guests.{guest}", field="areas", before=dumps(why), after=dumps("plugged"), drift=True
    )


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
