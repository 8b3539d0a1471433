"""How a draft stands to the host it is for: what an apply would change, and which of the two has moved on. Pure."""

from typing import Literal

from guestwire.model.desired import Desired
from guestwire.model.plan import PlanItem
from guestwire.model.planning import diff
from guestwire.model.settling import settle
from guestwire.protocol.config_models import ConfigShown
from guestwire.sdk.project_store import Base

State = Literal["none", "clean", "dirty", "behind", "diverged"]
"""none: no draft; clean: it is what the host has; dirty: it has edits; behind: the host has moved on, the draft has no
edits; diverged: both."""

UNPLACED = "/(the host chooses)"
"""Where a disk is that the host has not placed yet."""


def changes(active: Desired, draft: Desired, host: str) -> tuple[PlanItem, ...]:
    """What differs, with everything that the host would settle by itself taken from `active`."""
    return substantial(diff(active, settle(draft, active, host=host, disk_root=UNPLACED)))


def substantial(items: tuple[PlanItem, ...]) -> tuple[PlanItem, ...]:
    """The changes without that a draft notes the machine it was made for, where the host had noted none."""
    return tuple(item for item in items if item.object != "base_topology" or item.before is not None)


def state(draft: Desired | None, base: Base | None, shown: ConfigShown, host: str) -> State:
    """How a draft stands. `base`: what it was pulled from; None: not known, so that every difference counts as an edit."""
    if draft is None:
        return "none"
    if not changes(shown.desired, draft, host):
        return "clean"
    if base is not None and not changes(base.desired, draft, host):
        return "behind"
    moved = draft.base_revision is not None and draft.base_revision != shown.revision.number
    return "diverged" if moved or shown.drift else "dirty"


def identified(draft: Desired, active: Desired) -> Desired:
    """The draft with the identifiers that the host has given its guests: so that a guest stays itself when it is renamed
    there."""
    known = {guest.name: guest for guest in active.guests}
    guests = []
    for guest in draft.guests:
        found = known.get(guest.name)
        given = {} if found is None else {"id": guest.id or found.id, "uuid": guest.uuid or found.uuid}
        guests.append(guest.model_copy(update=given))
    return draft.model_copy(update={"guests": tuple(guests)})
