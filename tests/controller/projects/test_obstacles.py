"""What keeps a plan from being carried out: the first thing to do comes first."""

from typing import Any

import pytest
from desk import H1

from guestwire.controller.projects.obstacles import Situation, obstacles
from guestwire.controller.projects.plan_models import Review
from guestwire.controller.store.plans import PlanRow
from guestwire.model.desired import Desired
from guestwire.model.issues import Issue
from guestwire.model.plan import Plan

BROKEN = Issue(code="CPU-OVERLAP", severity="E", path="guests.a.cpuset", message="x")
REMIND = Issue(code="NUMA-SPAN", severity="W", path="guests.a.cpuset", message="x")
RISKY = Issue(code="NET-MGMT-RISK", severity="E", path="settings.adapters", message="x")


def codes(
    *issues: Issue,
    now: int = 4,
    base: int | None = 7,
    origin: str = "apply",
    plan: dict[str, Any] | None = None,
    **more: Any,
) -> list[str]:
    made = Plan(
        host="h1", base_revision=7, target_hash="t", plan_id="p" * 32, issues=issues, **(plan or {})
    )  # fmt: skip
    of_draft = 4 if origin == "apply" else None
    row = PlanRow(H1, made, origin, Desired(), "{}", "u", "anna", 1, of_draft, None, base)
    situation = {"review": Review(), "review_required": False, **more}
    return [one.code for one in obstacles(Situation(row, now, **situation))]


APPROVED, REJECTED = Review(state="approved", by="bob"), Review(state="rejected", by="bob")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (codes(), []),
        (codes(REMIND), []),
        (codes(now=5), ["PLAN-STALE"]),
        (codes(now=5, origin="rollback"), []),
        (codes(now=5, origin="rollout"), []),
        (codes(base=6), ["BASE-REVISION"]),
        (codes(base=None), []),
        (codes(BROKEN), ["VALIDATION-FAILED"]),
        (codes(RISKY), ["CONFIRM-REQUIRED"]),
        (codes(RISKY, confirm_s=60), []),
        (codes(RISKY, BROKEN, confirm_s=60), ["VALIDATION-FAILED"]),
        (codes(RISKY, BROKEN), ["VALIDATION-FAILED"]),
        (codes(plan={"confirm": True}), ["CONFIRM-REQUIRED"]),
        (codes(plan={"confirm": True}, confirm_s=60), []),
        (codes(plan={"destructive": ("/d/a", "/d/b")}, destroy=("/d/a",)), ["DESTROY-DISK"]),
        (codes(plan={"destructive": ("/d/a",)}, destroy=("/d/a", "/d/b")), []),
        (codes(review_required=True), ["REVIEW-REQUIRED"]),
        (codes(review_required=True, review=APPROVED), []),
        (codes(review_required=False, review=REJECTED), ["REVIEW-REQUIRED"]),
        (
            codes(BROKEN, now=5, base=6, plan={"confirm": True, "destructive": ("/d/a",)}, review_required=True),
            ["PLAN-STALE", "BASE-REVISION", "VALIDATION-FAILED", "CONFIRM-REQUIRED", "DESTROY-DISK", "REVIEW-REQUIRED"],
        ),
    ],
)
def test_what_is_in_the_way(found, expected):
    assert found == expected
