"""Counting hosts, and judging a wave."""

from dataclasses import replace

import pytest
from rollout_world import START_MS, hosts, spec

from guestwire.controller.rollouts.spec import Thresholds
from guestwire.controller.rollouts.standing import Standing, Target
from guestwire.controller.rollouts.tally import WaveTally, counted, late_at, over

HOST = hosts(1)[0]


@pytest.mark.parametrize(
    ("wave", "ok", "bad", "holding", "late", "percent", "verdict"),
    [
        (1, 9, 1, 0, 0, 90, "passed"),
        (1, 8, 2, 0, 0, 90, "short"),
        (1, 8, 1, 1, 0, 90, "open"),
        (1, 9, 0, 1, 0, 90, "passed"),
        (1, 8, 2, 0, 10, 90, "open"),
        (1, 8, 3, 0, 10, 90, "short"),
        (1, 1, 0, 0, 9, 90, "passed"),
        (1, 0, 0, 0, 5, 90, "passed"),
        (1, 0, 0, 0, 0, 90, "passed"),
        (1, 0, 0, 5, 0, 90, "open"),
        (0, 0, 0, 0, 5, 90, "open"),
        (0, 0, 0, 0, 0, 90, "short"),
        (0, 1, 0, 0, 4, 90, "passed"),
        (0, 0, 1, 0, 0, 0.1, "short"),
        (1, 29, 71, 0, 0, 29, "passed"),
        (1, 1, 0, 0, 0, 100, "passed"),
    ],
)
def test_a_wave_is_judged(wave, ok, bad, holding, late, percent, verdict):
    assert WaveTally(ok=ok, bad=bad, holding=holding, late=late).verdict(wave, percent) == verdict


TARGETS = {
    "planned": Target(HOST, wave=2),
    "queued": Target(HOST, "queued", wave=2, started_at=START_MS),
    "late": Target(HOST, "sent", wave=2, started_at=START_MS - 120_000),
    "running": Target(HOST, "running", wave=2, started_at=0, reached=True),
    "ok": Target(HOST, "succeeded", wave=2, reached=True),
    "alarmed": Target(HOST, "succeeded", wave=2, reached=True, alarm="cpu-stuck"),
    "failed": Target(HOST, "failed", wave=2, reached=True),
    "overdue": Target(HOST, "overdue", wave=2, reached=True),
    "unreached": Target(HOST, "timed-out", wave=2),
    "taken back": Target(HOST, "overdue", wave=2, again=True),
    "skipped": Target(HOST, "skipped"),
    "canceled": Target(HOST, "canceled", wave=2),
    "earlier": Target(HOST, "failed", wave=1, reached=True),
    "unassigned": Target(HOST),
}


@pytest.mark.parametrize(
    ("names", "expected", "wave"),
    [
        (["planned", "queued"], {"planned": 1, "fresh": 1, "open": 1}, {"holding": 2}),
        (["late", "running"], {"open": 2}, {"late": 1, "holding": 1}),
        (["ok", "failed", "earlier"], {"executed": 3, "failed": 2}, {"ok": 1, "bad": 1}),
        (["alarmed", "overdue"], {"executed": 2, "failed": 2}, {"bad": 2}),
        (["unreached", "canceled"], {}, {}),
        (["taken back"], {"open": 1}, {"holding": 1}),
        (["skipped", "unassigned"], {"total": 1, "planned": 1, "fresh": 1, "unassigned": 1}, {}),
    ],
)
def test_every_state_counts_where_it_belongs(names, expected, wave):
    tally = counted(spec(), Standing("running", wave=2), [TARGETS[name] for name in names], START_MS)
    found = {name: getattr(tally, name) for name in ("planned", "fresh", "unassigned", "open", "executed", "failed")}
    assert {name: count for name, count in found.items() if count} == {
        name: count for name, count in expected.items() if name != "total"
    }
    assert tally.total == expected.get("total", len(names))
    assert tally.wave == WaveTally(**wave)


def test_who_was_never_reached_may_count_as_failed():
    rollout = spec(thresholds={"count_unreached": True})
    tally = counted(rollout, Standing("running", wave=2), [TARGETS["unreached"]], START_MS)
    assert (tally.executed, tally.failed, tally.wave.bad) == (1, 1, 1)


def test_a_project_that_is_not_planned_yet_holds_its_wave_only_so_long():
    rollout = spec(operation=None, project={"name": "p", "revision": 1}, deadline_s=1000, patience_s=60)
    waiting = Target(HOST, wave=1, ready=False, due_at=START_MS + 1_000_000)
    assert late_at(rollout, waiting) == START_MS + 60_000
    assert late_at(rollout, replace(waiting, plan_id="x" * 16)) is None, "a person is waited for"
    assert late_at(rollout, replace(waiting, ready=True)) is None
    assert late_at(spec(), waiting) is None


@pytest.mark.parametrize(
    ("percent", "count", "executed", "failed", "least", "too_many"),
    [
        (None, None, 10, 10, 1, False),
        (50, None, 10, 5, 1, True),
        (50, None, 10, 4, 1, False),
        (50, None, 10, 5, 11, False),
        (None, 3, 3, 3, 100, True),
        (None, 3, 3, 2, 1, False),
        (1, None, 0, 0, 1, False),
    ],
)
def test_how_many_failures_are_too_many(percent, count, executed, failed, least, too_many):
    assert over(percent, count, executed, failed, Thresholds(min_executed=least)) is too_many
