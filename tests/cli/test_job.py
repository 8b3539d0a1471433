"""`guestwire job` against hosts over a broker."""

import json
from typing import get_args

from fake_host import FakeFleet

from guestwire.cli.job import STATES
from guestwire.cli.job_views import STYLES
from guestwire.protocol.operation_models import JobState


def test_every_state_of_a_job_can_be_asked_for_and_has_a_style() -> None:
    """But for the one that no host uses: what waits for a boot has ended as a job."""
    used = set(get_args(JobState)) - {"waiting-reboot"}
    assert set(STATES) == used
    assert set(STYLES) == used


def test_list_and_show(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("guest", "start", "h1/db")
    run("guest", "undefine", "h2/nothing")
    rows = json.loads(run("job", "list", "-o", "json").stdout)
    assert {(row["host"], row["operation"], row["state"]) for row in rows} == {
        ("h1", "guest-start", "succeeded"),
        ("h2", "guest-undefine", "failed"),
    }
    (name,) = run("job", "list", "h1", "-o", "name").stdout.split()
    shown = json.loads(run("job", "show", name, "-o", "json").stdout)
    assert (shown["result"]["status"], shown["result"]["verified"]) == ("ok", True)
    assert shown["result"]["body"]["status"]["state"] == "running"
    (failed,) = run("job", "list", "h2", "-o", "name").stdout.split()
    assert "NOT-FOUND" in run("job", "show", failed).stdout


def test_cancel(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("guest", "start", "h1/db")
    (name,) = run("job", "list", "h1", "-o", "name").stdout.split()
    assert "succeeded" in run("job", "cancel", name).stdout


def test_unknown_and_no_id(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("job", "show", "h1/01a1f8ad-c2e9-7bd8-951a-bcb5e37c5f1f").exit_code == 3
    assert run("job", "show", "h1/web").exit_code == 2
