"""What may be asked of a rollout, and what may not."""

import pytest
from pydantic import ValidationError
from rollout_world import spec

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.spec import RolloutPatch, RolloutSpec, Waves, patched, share_of
from guestwire.model.errors import GuestwireError

NAMED = {"hosts": ["plant/a", "plant/b", "plant/a"]}


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "no-such-operation"},
        {"operation": None},
        {"project": {"name": "p", "revision": 1}},
        {"operation": None, "project": {"name": "p", "revision": 1}, "body": {"a": 1}},
        {"targets": {}},
        {"targets": {"selection": "x", "group": "g"}},
        {"targets": {"hosts": []}},
        {"targets": {"hosts": ["a"]}},
        {"targets": {"hosts": ["plant/a/b"]}},
        {"targets": NAMED, "waves": {"canary": {"hosts": ["plant/c"]}}},
        {"waves": {"canary": {}}},
        {"waves": {"canary": {"count": 1, "percent": 1}}},
        {"waves": {"size": {"count": 0}}},
        {"waves": {"size": {"percent": 101}}},
        {"waves": {"factor": 2}},
        {"waves": {"base_rate": 10, "max_rate": 5}},
        {"waves": {"base_rate": 0}},
        {"waves": {"base_rate": 10, "factor": 0.5}},
        {"thresholds": {"abort_percent": 0}},
        {"attempts": {"when": ["no"]}},
        {"deadline_s": 1},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused(fields):
    with pytest.raises(ValidationError):
        spec(**fields)


def test_named_hosts_count_once():
    assert spec(targets=NAMED).targets.named == (HostRef("plant", "a"), HostRef("plant", "b"))


def test_it_survives_the_database():
    rollout = spec(waves={"canary": {"percent": 5}, "base_rate": 3, "factor": 1.5}, attempts={"when": ["after"]})
    assert RolloutSpec.model_validate_json(rollout.model_dump_json()) == rollout


@pytest.mark.parametrize(
    ("waves", "rates"),
    [
        ({}, [None, None]),
        ({"base_rate": 10}, [10, 10, 10]),
        ({"base_rate": 10, "factor": 2}, [10, 10, 20, 40]),
        ({"base_rate": 10, "factor": 2, "max_rate": 35}, [10, 10, 20, 35, 35]),
        ({"base_rate": 3, "factor": 1.5}, [3, 3, 4, 6, 10]),
    ],
)
def test_the_rate_of_each_wave(waves, rates):
    assert [Waves(**waves).rate(wave) for wave in range(len(rates))] == rates


def test_the_rate_of_a_far_wave_is_the_highest():
    assert Waves(base_rate=2, factor=100.0).rate(10_000) == 100_000
    assert Waves(base_rate=7, factor=1.0).rate(10_000) == 7


@pytest.mark.parametrize(
    ("percent", "total", "count"), [(10, 20, 2), (10, 21, 3), (7, 100, 7), (0.1, 5, 1), (100, 7, 7)]
)
def test_a_percentage_is_rounded_up(percent, total, count):
    assert share_of(percent, total) == count


def test_a_patch_changes_what_it_names():
    rollout = spec(waves={"canary": {"count": 1}, "base_rate": 10}, thresholds={"abort_count": 3})
    patch = RolloutPatch.model_validate_json('{"waves": {"base_rate": 90}, "soak_s": 5, "thresholds": null}')
    after = patched(rollout, patch)
    assert (after.waves.base_rate, after.waves.canary, after.soak_s) == (90, rollout.waves.canary, 5)
    assert after.thresholds == rollout.thresholds


def test_the_canary_stays_who_it_is():
    with pytest.raises(GuestwireError, match="INVALID-BODY"):
        patched(spec(), RolloutPatch.model_validate_json('{"waves": {"canary": {"count": 3}}}'))
