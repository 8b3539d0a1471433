"""What keeps a plan from being carried out, in the words of whoever asks for it. Pure: a table of questions.

The host asks most of this again: it decides, and this says it before anything is sent.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from guestwire.controller.projects.plan_models import Review
from guestwire.controller.projects.reviewing import unreviewed
from guestwire.controller.store.plans import PlanRow
from guestwire.model.errors import GuestwireError
from guestwire.model.rules.table import CONFIRMABLE


class Situation(NamedTuple):
    """A plan and what is known besides. `draft_revision`: of the draft now; `confirm_s`, `destroy`: as an apply would say."""

    row: PlanRow
    draft_revision: int
    review: Review
    review_required: bool
    confirm_s: int | None = None
    destroy: Sequence[str] = ()


def obstacles(now: Situation) -> Iterator[GuestwireError]:
    """Everything that is in the way, the first thing to do first."""
    for question in QUESTIONS:
        error = question(now)
        if error is not None:
            yield error


def _outdated(now: Situation) -> GuestwireError | None:
    row = now.row
    if row.origin != "apply" or row.draft_revision == now.draft_revision:
        return None
    text = f"The draft was edited since this plan was made (revision {row.draft_revision}): plan it again, and look at that."
    return GuestwireError("PLAN-STALE", text, detail={"draft_revision": now.draft_revision})


def _moved(now: Situation) -> GuestwireError | None:
    base, active = now.row.base_revision, now.row.plan.base_revision
    if base is None or base == active:
        return None
    text = (
        f"The draft was edited from revision {base}, and {now.row.ref} has {active} now: pull with how=merge, look at what "
        "comes of it, and plan again."
    )
    return GuestwireError("BASE-REVISION", text, detail={"base": base, "active": active})


def _broken(now: Situation) -> GuestwireError | None:
    plan = now.row.plan
    waived = CONFIRMABLE if now.confirm_s is not None else frozenset[str]()
    blocking = [issue for issue in plan.issues if issue.severity == "E" and issue.code not in waived]
    if not blocking:
        return None
    detail = {"issues": [issue.model_dump(mode="json") for issue in blocking[:64]]}
    if all(issue.code in CONFIRMABLE for issue in blocking):
        return GuestwireError("CONFIRM-REQUIRED", _RISKY, detail=detail)
    more = f" These are not all: there are at least {plan.more_issues} more." if plan.more_issues else ""
    return GuestwireError("VALIDATION-FAILED", f"The draft breaks rules; nothing was applied.{more}", detail=detail)


def _unconfirmed(now: Situation) -> GuestwireError | None:
    if not now.row.plan.confirm or now.confirm_s is not None:
        return None
    return GuestwireError("CONFIRM-REQUIRED", _RISKY)


_RISKY = (
    "The change touches the way the host is managed: give confirm_s, and it is undone when the host cannot be reached "
    "afterwards."
)


def _destroying(now: Situation) -> GuestwireError | None:
    lost = [path for path in now.row.plan.destructive if path not in now.destroy]
    if not lost:
        return None
    text = "The content of disks would be lost; if that is meant, name each of them in `destroy`."
    return GuestwireError("DESTROY-DISK", text, detail={"disks": lost})


def _reviewed(now: Situation) -> GuestwireError | None:
    return unreviewed(now.review, required=now.review_required)


QUESTIONS: tuple[Callable[[Situation], GuestwireError | None], ...] = (
    _outdated,
    _moved,
    _broken,
    _unconfirmed,
    _destroying,
    _reviewed,
)
