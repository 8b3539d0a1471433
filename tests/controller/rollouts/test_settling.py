"""What a change of a job means for its host."""

from dataclasses import replace

import pytest
from rollout_world import START_MS, hosts, spec

from guestwire.controller.rollouts.settling import LONGEST_MESSAGE, JobChange, settled
from guestwire.controller.rollouts.standing import Standing, Target

HOST = hosts(1)[0]
RUNNING = Standing("running", wave=1)
BEGUN = Target(HOST, "sent", wave=1, attempt=1, tries=1, job="j1", started_at=START_MS)


def change(state, code=None, job="j1", **fields):
    return JobChange("r", HOST, job, state, code, **fields)


@pytest.mark.parametrize(
    ("state", "code", "reached", "expected"),
    [
        ("accepted", None, True, {"state": "accepted", "reached": True}),
        ("running", None, True, {"state": "running", "reached": True}),
        ("waiting-reboot", None, True, {"state": "waiting-reboot", "reached": True}),
        ("queued", "HOST-UNREACHABLE", False, {"state": "queued", "reached": False, "code": None}),
        ("succeeded", None, True, {"state": "succeeded", "reached": True, "settled_at": START_MS}),
        ("failed", "DRIVER-ERROR", False, {"state": "failed", "reached": True, "code": "DRIVER-ERROR"}),
        ("rejected", "DENIED", False, {"state": "rejected", "reached": True, "code": "DENIED"}),
        ("timed-out", "HOST-NOT-REACHED", False, {"state": "timed-out", "reached": False}),
        ("timed-out", "TIMED-OUT", True, {"state": "timed-out", "reached": True}),
        ("overdue", None, False, {"state": "overdue", "reached": False, "settled_at": START_MS}),
    ],
)
def test_the_host_stands_as_its_job_does(state, code, reached, expected):
    after = settled(spec(), RUNNING, BEGUN, change(state, code, reached=reached), START_MS)
    assert {name: getattr(after, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("standing", "attempts", "tries", "state", "code", "again"),
    [
        ("running", {"most": 2}, 1, "failed", "DEADLINE", True),
        ("paused", {"most": 2}, 1, "failed", "DEADLINE", True),
        ("aborting", {"most": 2}, 1, "failed", "DEADLINE", False),
        ("finished", {"most": 2}, 1, "failed", "DEADLINE", False),
        ("running", {"most": 2}, 2, "failed", "DEADLINE", False),
        ("running", {"most": 1}, 1, "failed", "DEADLINE", False),
        ("running", {"most": 3}, 2, "rejected", "BUSY", True),
        ("running", {"most": 3, "when": ["new-request"]}, 1, "rejected", "BUSY", False),
        ("running", {"most": 3}, 1, "failed", "INTERNAL", False),
        ("running", {"most": 3}, 1, "failed", "NO-SUCH-CODE", False),
        ("running", {"most": 3}, 1, "indeterminate", "INDETERMINATE", False),
        ("running", {"most": 3}, 1, "timed-out", "HOST-NOT-REACHED", False),
        ("running", {"most": 3}, 1, "overdue", None, False),
    ],
)
def test_which_failures_are_tried_again(standing, attempts, tries, state, code, again):
    after = settled(
        spec(attempts=attempts), Standing(standing), replace(BEGUN, tries=tries), change(state, code), START_MS
    )
    assert (after.state, after.code) == ("planned" if again else state, code)
    assert after.retry_at == (START_MS + 60_000 if again else None)


def test_a_job_that_was_taken_back_leaves_its_host_planned():
    taken = replace(BEGUN, again=True)
    after = settled(spec(), Standing("paused"), taken, change("canceled", "CANCELED"), START_MS)
    assert (after.state, after.tries, after.attempt, after.again) == ("planned", 0, 1, False)
    assert settled(spec(), Standing("aborting"), taken, change("canceled"), START_MS).state == "canceled"
    assert settled(spec(), RUNNING, BEGUN, change("canceled"), START_MS).state == "canceled"
    done = settled(spec(), RUNNING, taken, change("succeeded"), START_MS)
    assert (done.state, done.again) == ("succeeded", False)
    assert settled(spec(), RUNNING, taken, change("overdue"), START_MS).again


def test_what_is_late_wins():
    overdue = replace(BEGUN, state="overdue", reached=True, settled_at=1)
    for standing in ("running", "finished", "aborted"):
        after = settled(spec(attempts={"most": 5}), Standing(standing), overdue, change("succeeded"), START_MS)
        assert (after.state, after.settled_at) == ("succeeded", START_MS)
    after = settled(spec(attempts={"most": 5}), RUNNING, overdue, change("failed", "DEADLINE"), START_MS)
    assert after.state == "failed", "its time is over: it is not tried again by itself"


def test_what_says_nothing_new_changes_nothing():
    assert settled(spec(), RUNNING, BEGUN, change("sent"), START_MS) is BEGUN
    assert settled(spec(), RUNNING, BEGUN, change("sent", "NO-ANSWER"), START_MS) is BEGUN
    assert settled(spec(), RUNNING, BEGUN, change("succeeded", job="an earlier one"), START_MS) is BEGUN


def test_long_texts_are_cut():
    after = settled(spec(), RUNNING, BEGUN, change("failed", "INTERNAL", message="x" * 9999), START_MS)
    assert len(after.message) == LONGEST_MESSAGE
