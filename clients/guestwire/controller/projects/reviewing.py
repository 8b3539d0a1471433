"""The one rule of reviews: what somebody else must have looked at before a host gets it, whichever way it was ordered.

It is asked where jobs are stored, which a project's own apply, a job, an operation and a rollout all come by.
"""

from collections.abc import Sequence
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects.plan_models import RemarkShown, Review
from guestwire.controller.store import plans
from guestwire.controller.store.database import Tx
from guestwire.controller.store.plans import Remark
from guestwire.model.errors import GuestwireError

APPLIES: Final = "config-apply"
UNPLANNED: Final = frozenset({"guest-define", "guest-undefine"})
"""What changes the configuration of a host without a plan that somebody could look at."""


class Reviewing:
    """The rule. `required`: nothing is applied before somebody else has approved its plan."""

    def __init__(self, *, required: bool = False) -> None:
        self._required = required

    async def unreviewed(
        self, tx: Tx, ref: HostRef, operation: str, plan_id: str | None
    ) -> GuestwireError | None:  # fmt: skip
        """REVIEW-REQUIRED, where an operation on a host must not be ordered yet; None: it may."""
        if operation in UNPLANNED and self._required:
            text = f"Plans are reviewed here, and {operation} has none: edit the draft of {ref}, and have its plan approved."
            return GuestwireError("REVIEW-REQUIRED", text, field="operation")
        if operation != APPLIES:
            return None
        said = () if plan_id is None else await plans.remarks(tx, ref, plan_id)
        return unreviewed(review_of(said), required=self._required)


def unreviewed(review: Review, *, required: bool) -> GuestwireError | None:
    """REVIEW-REQUIRED, where a plan of which that was said must not be carried out; None: it may."""
    if review.state == "rejected":
        text = f"{review.by} has rejected this plan: edit the draft, and plan it again."
        return GuestwireError("REVIEW-REQUIRED", text)
    if not required or review.state == "approved":
        return None
    return GuestwireError("REVIEW-REQUIRED")


def review_of(said: Sequence[Remark]) -> Review:
    """What remarks on a plan come to: the last word that is one."""
    words = {"request": "requested", "approve": "approved", "reject": "rejected"}
    last = next((one for one in reversed(said) if one.verb in words), None)
    shown = tuple(RemarkShown(verb=one.verb, author=one.author, at=one.at, note=one.note) for one in said)
    if last is None:
        return Review(remarks=shown)
    return Review.model_validate({"state": words[last.verb], "by": last.author, "at": last.at, "remarks": shown})
