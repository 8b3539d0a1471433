"""What is said of a plan besides its changes."""

from typing import Any

import pytest

from guestwire.cli.config_views import StatusRow, counted, status_view, write_issues, write_plan
from guestwire.cli.output import write_all
from guestwire.cli.settings import Settings
from guestwire.model.desired import Desired
from guestwire.model.host import RebootRequired
from guestwire.model.issues import Issue
from guestwire.model.plan import Plan, PlanItem, Revision
from guestwire.protocol.config_models import ConfigShown

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


@pytest.mark.parametrize(
    ("more", "said"), [(0, ""), (1, "and at least 1 more issue\n"), (7, "and at least 7 more issues\n")]
)
def test_issues_that_were_left_out(more: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    issue = Issue(code="CPUSET-SYNTAX", severity="E", path="guests", message="x")
    write_plan(Settings(), PLAN.model_copy(update={"issues": (issue,), "more_issues": more}))
    plan = capsys.readouterr().out
    write_issues(Settings(), (issue,), more)
    listed = capsys.readouterr().out
    for out in (plan, listed):
        assert out.endswith(said)
        assert more or "more issue" not in out
    assert counted((issue, issue), more).startswith("2 errors, 0 warnings")
    assert counted((issue, issue), more).endswith(said.strip())


@pytest.mark.parametrize("output", ["json", "yaml", "name"])
def test_programs_get_nothing_but_issues(output: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write_issues(Settings(output=output), (), 7)
    said = capsys.readouterr()
    assert "more" not in said.out
    assert said.err == "and at least 7 more issues\n"


@pytest.mark.parametrize(
    ("reasons", "said"), [((), "-"), (("an apply waits", "a kernel waits"), "an apply waits; a kernel waits")]
)
def test_why_a_host_must_be_rebooted(reasons: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ConfigShown(
        desired=Desired(), revision=Revision(number=3, hash="0" * 64, author="a", applied_at=0), state="in_sync",
        reboot_required=RebootRequired(required=bool(reasons), reasons=reasons),
    )  # fmt: skip
    write_all(Settings(), status_view(), [StatusRow("h1", shown, "clean")])
    header, row = capsys.readouterr().out.splitlines()
    assert row[header.index("REBOOT") : header.index("LAST FAILURE")].strip() == said
