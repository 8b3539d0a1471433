"""What is said of a plan besides its changes."""

import pytest

from guestwire.cli.config_views import write_plan
from guestwire.cli.settings import Settings
from guestwire.model.issues import Issue
from guestwire.model.plan import Plan, PlanItem

PLAN = Plan(host="h1", base_revision=1, target_hash="0" * 64, plan_id="0" * 32)


@pytest.mark.parametrize(
    ("item", "note"),
    [
        (PlanItem(op="update", object="guests.gp1"), ""),
        (PlanItem(op="update", object="guests.gp1", drift=True), "undoes an edit made on the host"),
        (PlanItem(op="update", object="settings", left=True), "left as it is"),
    ],
)
def test_the_note_of_a_change(item: PlanItem, note: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_plan(Settings(), PLAN.model_copy(update={"items": (item,)}))
    assert capsys.readouterr().out.splitlines()[1].partition("R1")[2].strip() == note


@pytest.mark.parametrize(("more", "said"), [(0, ""), (1, "and 1 more issue\n"), (7, "and 7 more issues\n")])
def test_issues_that_were_left_out(more: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    issue = Issue(code="CPUSET-SYNTAX", severity="E", path="guests", message="x")
    write_plan(Settings(), PLAN.model_copy(update={"issues": (issue,), "more_issues": more}))
    assert capsys.readouterr().out.endswith(said)
    assert more or "more issue" not in capsys.readouterr().out
