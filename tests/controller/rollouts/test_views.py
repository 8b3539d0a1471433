"""Rollouts as people see them."""

from collections import Counter

import pytest
from rollout_stage import order
from rollout_world import hosts

from guestwire.controller.rollouts import views
from guestwire.controller.rollouts.standing import Standing, Target
from guestwire.controller.store.rollouts import Rollout

H = hosts(5)


def rollout(state="running", next_at=None, **standing):
    return Rollout("r1", order(waves={"base_rate": 6}), "p", "anna", 7, Standing(state, **standing), 3, next_at)


def summary(counts, *, of=None):
    return views.summary(of or rollout(wave=1), {wave: Counter(states) for wave, states in counts.items()})


def test_hosts_are_counted_over_all_waves():
    found = summary({0: {"succeeded": 2, "alarmed": 1}, 1: {"queued": 1, "failed": 2}, None: {"planned": 4}})
    assert (found.hosts, found.done, found.rate) == (10, 5, 6)
    assert found.counts == {"alarmed": 1, "failed": 2, "planned": 4, "queued": 1, "succeeded": 2}


@pytest.mark.parametrize(
    ("state", "counts", "outcome"),
    [
        ("running", {"succeeded": 3}, None),
        ("aborted", {"succeeded": 3}, None),
        ("finished", {"succeeded": 3}, "succeeded"),
        ("finished", {"succeeded": 3, "canceled": 1, "skipped": 1}, "succeeded"),
        ("finished", {"succeeded": 3, "overdue": 1}, "partly"),
        ("finished", {"succeeded": 3, "alarmed": 1}, "partly"),
        ("finished", {"failed": 3}, "failed"),
        ("finished", {"skipped": 3}, "failed"),
        ("finished", {}, "succeeded"),
    ],
)
def test_what_became_of_it(state, counts, outcome):
    assert summary({1: counts}, of=rollout(state)).outcome == outcome


@pytest.mark.parametrize(
    ("of", "counts", "doing"),
    [
        (rollout("paused", wave=1), {1: {"planned": 1}}, ""),
        (rollout(), {None: {"planned": 3}}, "beginning"),
        (rollout(wave=1), {1: {"planned": 1, "queued": 2}}, "beginning"),
        (rollout(wave=1), {1: {"queued": 2}, None: {"planned": 3}}, "waiting"),
        (rollout(wave=1, next_at=90, soak_until=90), {1: {"succeeded": 2}, None: {"planned": 3}}, "soaking"),
        (rollout(wave=1, joining_until=9), {1: {"succeeded": 2}}, "joining"),
    ],
)
def test_what_it_is_about(of, counts, doing):
    assert summary(counts, of=of).doing == doing


def test_waves_come_in_order_and_those_whose_turn_has_not_come_last():
    found = views.detail(rollout(), {None: Counter(planned=1), 1: Counter(queued=2), 0: Counter(succeeded=1)})
    assert [(wave.wave, wave.hosts) for wave in found.waves] == [(0, 1), (1, 2), (None, 1)]
    assert found.spec.waves.base_rate == 6


def test_targets_are_counted_as_the_database_does():
    targets = [
        Target(H[0], "succeeded", 0),
        Target(H[1], "succeeded", 0, alarm="x"),
        Target(H[2], "failed", 1, alarm="x"),
    ]
    assert views.counted(targets) == {0: Counter(succeeded=1, alarmed=1), 1: Counter(failed=1)}


def test_a_target_shows_what_it_waits_for():
    shown = views.target_view(Target(H[0], ready=False, approval="a1", plan_id="p", plan_risk=2, job="j", attempt=2))
    assert (shown.site, shown.host, shown.ready, shown.approval_id, shown.risk, shown.job_id) == (
        "plant", "h0000", False, "a1", 2, "j",
    )  # fmt: skip
