"""The decisions of a rollout, as a table of situations."""

import pytest
from rollout_world import START_MS, World, hosts, spec

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts import engine
from guestwire.controller.rollouts.standing import Target

H = hosts(20)


def started(world):
    return [host.host for _, host in world.started]


def test_without_waves_all_begin_at_once():
    world = World(spec(), H).settle()
    assert started(world) == [host.host for host in H]
    assert world.all_answer().settle().state == "finished"
    assert world.outcome == "succeeded"


def test_the_canary_goes_first_and_the_rest_after_its_success():
    world = World(spec(waves={"canary": {"count": 2}}), H).settle()
    assert started(world) == ["h0000", "h0001"]
    world.answer(H[0], "succeeded").settle()
    assert len(started(world)) == 2
    world.answer(H[1], "succeeded").settle()
    assert len(started(world)) == 20


def test_a_canary_may_be_named():
    world = World(spec(waves={"canary": {"hosts": ["plant/h0007", "plant/h0003"]}}), H).settle()
    assert started(world) == ["h0003", "h0007"]


def test_a_canary_prefers_hosts_that_are_there():
    world = World(spec(waves={"canary": {"percent": 10}}), H, reachable=lambda host: host.host >= "h0010").settle()
    assert started(world) == ["h0010", "h0011"]


def test_a_canary_that_fails_pauses_it():
    world = World(spec(waves={"canary": {"count": 1}}), H).settle()
    world.answer(H[0], "failed", "DRIVER-ERROR").settle()
    assert world.state == "paused"
    assert world.course.standing.reason == "0 of 1 hosts of the canary succeeded, and 90 % are needed"
    assert len(started(world)) == 1


def test_a_named_canary_that_cannot_take_part_pauses_it():
    targets = [Target(H[0], state="skipped", code="HOST-NOT-APPROVED"), *H[1:]]
    world = World(spec(waves={"canary": {"hosts": ["plant/h0000"]}}), targets).settle()
    assert (world.state, world.started) == ("paused", [])


def test_a_person_may_go_on_although_the_canary_failed():
    world = World(spec(waves={"canary": {"count": 1}}), H).settle()
    world.answer(H[0], "failed", "DRIVER-ERROR").settle()
    world.course.resume(world.now)
    world.accepted.add(0)
    world.settle()
    assert len(started(world)) == 20


def test_waves_have_a_size_and_the_next_begins_when_enough_succeeded():
    world = World(spec(waves={"size": {"count": 5}}, thresholds={"success_percent": 80}), H).settle()
    assert len(started(world)) == 5
    for host in H[:4]:
        world.answer(host, "succeeded").settle()
    assert len(started(world)) == 10, "four of five are 80 percent: the fifth is not waited for"
    world.answer(H[4], "failed").settle()
    assert world.state == "running"


@pytest.mark.parametrize(
    ("succeed", "fail", "state", "begun"),
    [(3, 1, "running", 5), (3, 2, "paused", 5), (4, 1, "running", 10), (0, 2, "paused", 5), (0, 1, "running", 5)],
)
def test_a_wave_that_cannot_reach_its_percentage_pauses_it_at_once(succeed, fail, state, begun):
    world = World(spec(waves={"size": {"count": 5}}, thresholds={"success_percent": 80}), H).settle()
    for host in H[:succeed]:
        world.answer(host, "succeeded")
    for host in H[succeed : succeed + fail]:
        world.answer(host, "failed")
    world.settle()
    assert (world.state, len(started(world))) == (state, begun)


def test_the_last_wave_may_fall_short():
    world = World(spec(), H).settle().all_answer("failed", "DRIVER-ERROR").settle()
    assert (world.state, world.outcome) == ("finished", "failed")


def test_the_rate_is_spread_over_the_minute_and_grows_after_each_wave():
    world = World(spec(waves={"base_rate": 24, "factor": 2, "max_rate": 60, "size": {"count": 10}}), hosts(40)).settle()
    assert len(started(world)) == 2, "24 a minute are two in five seconds"
    world.pass_time(4.9)
    assert len(started(world)) == 2
    world.pass_time(0.1)
    assert len(started(world)) == 4
    for _ in range(3):
        world.pass_time(5)
    assert len(started(world)) == 10
    world.all_answer().pass_time(5)
    assert len(started(world)) == 14, "the second wave has 48 a minute"
    for _ in range(5):
        world.all_answer().pass_time(5)
    assert world.rollout.waves.rate(3) == 60


def test_it_says_when_it_wants_to_be_asked_again():
    world = World(spec(waves={"base_rate": 12}, patience_s=600), H).settle()
    assert world.course.next_at(world.now, world.around) == START_MS + 5_000


def test_soaking_watches_a_wave_before_the_next():
    world = World(spec(waves={"size": {"count": 10}}, soak_s=300), H).settle().all_answer().settle()
    assert len(started(world)) == 10
    assert world.course.next_at(world.now, world.around) == world.now + 300_000
    world.pass_time(299)
    assert len(started(world)) == 10
    world.pass_time(1)
    assert len(started(world)) == 20
    assert world.all_answer().settle().state == "finished", "the last wave is not soaked"


def test_an_alarm_while_it_soaks_counts_as_a_failure():
    world = World(spec(waves={"size": {"count": 5}}, soak_s=300), H).settle().all_answer().settle()
    world.course.alarms({H[0]: "guest-crashed", H[15]: "not begun: nobody's fault here"})
    world.pass_time(10)
    assert world.state == "paused"
    assert world.course.targets[H[0]].alarm == "guest-crashed"
    assert world.course.targets[H[15]].alarm is None


@pytest.mark.parametrize(
    ("thresholds", "fail", "state"),
    [
        ({"abort_percent": 20}, 3, "running"),
        ({"abort_percent": 20}, 4, "aborting"),
        ({"abort_percent": 20, "min_executed": 20}, 4, "running"),
        ({"abort_count": 2}, 2, "aborting"),
        ({"pause_percent": 20}, 4, "paused"),
        ({"pause_percent": 20}, 3, "running"),
        ({"pause_count": 3}, 3, "paused"),
        ({"pause_count": 3, "abort_count": 3}, 3, "aborting"),
    ],
)
def test_thresholds_stop_it_within_one_decision(thresholds, fail, state):
    world = World(spec(thresholds=thresholds), hosts(40)).settle()
    for host in H[:15]:
        world.answer(host, "succeeded")
    for host in H[15 : 15 + fail]:
        world.answer(host, "failed", "DRIVER-ERROR")
    action = world.step()
    assert world.state == state
    assert isinstance(action, {"running": type(None), "paused": engine.Pause, "aborting": engine.Abort}[state])


def test_what_failed_before_a_person_went_on_pauses_it_no_more():
    world = World(spec(thresholds={"pause_count": 2, "success_percent": 10}, waves={"base_rate": 12}), H)
    for _ in range(4):
        world.pass_time(5)
    for host in H[:2]:
        world.answer(host, "failed", "DRIVER-ERROR")
    world.settle()
    assert world.state == "paused"
    world.take_back()
    world.course.resume(world.now)
    world.settle()
    assert world.state == "running"
    world.answer(H[2], "failed").settle()
    assert world.state == "running"
    world.answer(H[3], "failed").settle()
    assert world.state == "paused"


def test_aborting_cancels_what_is_queued_and_leaves_what_runs():
    world = World(spec(waves={"size": {"count": 10}}), H).settle()
    world.job(world.course.targets[H[0]].job, "running")
    world.job(world.course.targets[H[1]].job, "accepted")
    world.course.abort("somebody wanted it", world.now)
    world.write()
    assert {job.partition("#")[0] for job in world.asked_back} == {str(host) for host in H[2:10]}
    assert world.in_state("canceled") == [host.host for host in H[10:]]
    world.take_back().settle()
    assert world.state == "aborting"
    world.answer(H[0], "succeeded").answer(H[1], "failed").settle()
    assert world.state == "aborted"
    assert world.in_state("succeeded") == ["h0000"]


def test_aborting_takes_back_what_is_overdue_too():
    world = World(spec(deadline_s=60), H[:2]).settle()
    world.answer(H[0], "overdue").settle()
    world.course.abort("too late", world.now)
    world.write()
    assert world.asked_back == {"plant/h0000#1", "plant/h0001#1"}, "it may still begin"


def test_after_a_restart_it_is_taken_back_once_more():
    world = World(spec(), H[:2]).settle()
    world.job(world.course.targets[H[1]].job, "running")
    world.course.pause("lunch")
    world.write()
    world.restart()
    assert world.asked_back == {"plant/h0000#1"}
    world.take_back().settle().restart()
    assert world.asked_back == set()


def test_a_late_success_after_the_end_counts():
    world = World(spec(deadline_s=60), H[:2]).settle()
    world.answer(H[0], "succeeded").answer(H[1], "overdue").settle()
    assert (world.state, world.outcome) == ("finished", "partly")
    world.answer(H[1], "succeeded").settle()
    assert world.outcome == "succeeded"


def test_a_late_success_after_an_abort_counts():
    world = World(spec(), H[:2]).settle()
    world.job(world.course.targets[H[1]].job, "sent")
    world.answer(H[0], "succeeded").course.abort("enough", world.now)
    world.write()
    world.answer(H[1], "overdue").settle()
    assert world.state == "aborted"
    world.answer(H[1], "succeeded")
    assert world.in_state("succeeded") == ["h0000", "h0001"]


def test_pausing_takes_back_what_nobody_has_and_begins_it_again_afterwards():
    world = World(spec(), H[:3]).settle()
    world.job(world.course.targets[H[0]].job, "running")
    world.course.pause("lunch")
    world.write()
    world.take_back().settle()
    assert world.in_state("planned") == ["h0001", "h0002"]
    assert world.pass_time(3600).in_state("planned") == ["h0001", "h0002"]
    world.course.resume(world.now)
    world.settle()
    assert world.in_state("queued") == ["h0001", "h0002"]
    assert {t.tries for t in world.course.targets.values()} == {1}


def test_a_failure_is_tried_again_when_its_error_allows_it():
    world = World(spec(attempts={"most": 2, "after_s": 30}), H[:2]).settle()
    world.answer(H[0], "failed", "DEADLINE").answer(H[1], "failed", "INTERNAL").settle()
    assert world.in_state("planned") == ["h0000"]
    assert world.in_state("failed") == ["h0001"]
    world.pass_time(29)
    assert world.in_state("planned") == ["h0000"]
    world.pass_time(1)
    assert world.in_state("queued") == ["h0000"]
    world.answer(H[0], "failed", "DEADLINE").settle()
    assert (world.state, world.in_state("failed")) == ("finished", ["h0000", "h0001"])


def test_a_person_may_try_again_what_failed():
    world = World(spec(), H[:3]).settle()
    world.answer(H[0], "failed", "X").answer(H[1], "indeterminate", "INDETERMINATE").answer(H[2], "succeeded").settle()
    assert world.retry() == 1
    world.settle()
    assert world.in_state("queued") == ["h0000"]
    assert world.retry(H[1], H[2]) == 1, "one that is named, of which nobody can tell what happened"
    world.settle()
    world.all_answer().settle()
    assert (world.state, world.outcome) == ("finished", "succeeded")


def test_what_is_overdue_is_taken_back_before_it_is_tried_again():
    world = World(spec(deadline_s=60), H[:1]).settle()
    world.job(world.course.targets[H[0]].job, "overdue")
    world.settle()
    assert world.state == "finished"
    world.retry()
    world.settle()
    assert (world.state, len(world.jobs)) == ("running", 1), "it may still run"
    world.take_back().settle()
    assert len(world.jobs) == 2
    assert world.all_answer().settle().state == "finished"


def test_taking_back_what_is_overdue_has_an_end():
    world = World(spec(deadline_s=60), H[:1]).settle()
    world.job(world.course.targets[H[0]].job, "overdue")
    world.settle().retry()
    world.settle().pass_time(61)
    assert (world.state, len(world.jobs)) == ("finished", 1)


def test_hosts_that_are_not_there_do_not_hold_their_wave():
    world = World(spec(waves={"size": {"count": 5}}, patience_s=60), H).settle()
    for host in H[:3]:
        world.answer(host, "succeeded").settle()
    assert len(started(world)) == 5
    world.pass_time(60)
    assert len(started(world)) == 10
    world.answer(H[3], "succeeded").settle()
    assert world.in_state("succeeded") == ["h0000", "h0001", "h0002", "h0003"]


def test_a_canary_of_absent_hosts_proves_nothing():
    world = World(spec(waves={"canary": {"count": 1}}, patience_s=60), H).settle().pass_time(60)
    assert len(started(world)) == 1
    world.answer(H[0], "timed-out", "HOST-NOT-REACHED").settle()
    assert world.state == "paused"


def test_a_host_that_was_never_reached_is_no_failure_unless_it_shall_be():
    for counts, state in ((False, "running"), (True, "aborting")):
        world = World(spec(thresholds={"abort_count": 1, "count_unreached": counts}), H).settle()
        world.answer(H[0], "timed-out", "HOST-NOT-REACHED").settle()
        assert world.state == state


def test_outside_its_window_nothing_begins():
    world = World(spec(window="night", waves={"base_rate": 60, "size": {"count": 5}}), H)
    world.around = engine.Around(window_open=False, window_changes_at=START_MS + 3_600_000)
    assert world.settle().started == []
    assert world.course.next_at(world.now, world.around) == START_MS + 3_600_000
    world.around = engine.Around(window_open=True, window_changes_at=START_MS + 7_200_000)
    world.pass_time(3600)
    assert len(started(world)) == 5
    world.around = engine.Around(window_open=False)
    world.all_answer().pass_time(60)
    assert len(started(world)) == 5


def test_a_continuous_rollout_takes_hosts_in_until_it_closes():
    world = World(spec(mode="continuous", open_s=3600), H[:2]).settle().all_answer().settle()
    assert world.state == "running"
    world.course.joined([Target(H[2]), Target(H[0])], world.now)
    world.write()
    world.settle()
    assert started(world) == ["h0000", "h0001", "h0002"], "who took part already does not again"
    world.all_answer().pass_time(3599)
    assert world.state == "running"
    world.pass_time(1)
    assert world.state == "finished"


def test_who_leaves_before_its_turn_takes_no_part():
    world = World(spec(mode="continuous", waves={"size": {"count": 1}}), H[:3]).settle()
    world.course.left([H[0], H[1]])
    world.write()
    world.settle()
    assert world.in_state("skipped") == ["h0001"], "the first has begun"
    world.course.joined([Target(H[1])], world.now)
    world.write()
    world.all_answer().settle().all_answer().settle()
    assert world.in_state("queued") == ["h0001"] or "h0001" in started(world)


def test_what_needs_an_approval_waits_for_it():
    world = World(spec(), [Target(H[0], ready=False), Target(H[1])]).settle()
    assert started(world) == ["h0001"]
    world.answer(H[1], "succeeded").settle()
    assert world.state == "running"
    target = world.course.targets[H[0]]
    world.course.prepared([Target(H[0], wave=target.wave, due_at=target.due_at, ready=True)])
    world.write()
    world.settle()
    assert started(world) == ["h0001", "h0000"]


def test_an_approval_that_never_comes_ends_with_the_deadline():
    world = World(spec(deadline_s=600), [Target(H[0], ready=False), Target(H[1])]).settle().all_answer().settle()
    world.pass_time(600)
    assert world.state == "finished"
    assert world.course.targets[H[0]].code == "APPROVAL-EXPIRED"
    assert world.outcome == "partly"


def test_while_it_is_paused_no_approval_expires():
    world = World(spec(deadline_s=600), [Target(H[0], ready=False)]).settle()
    world.course.pause("holidays")
    world.settle().pass_time(6000)
    assert world.state == "paused"
    world.course.resume(world.now)
    assert world.settle().state == "running"
    assert world.pass_time(600).state == "finished"


def test_a_stale_plan_is_made_anew_and_is_no_attempt():
    rollout = spec(operation=None, project={"name": "line", "revision": 3})
    world = World(rollout, [Target(H[0], plan_id="a" * 16, plan_risk=1)]).settle()
    for _ in range(2):
        world.answer(H[0], "failed", "PLAN-STALE").settle()
        target = world.course.targets[H[0]]
        assert (target.state, target.plan_id, target.ready) == ("planned", None, False)
        world.course.prepared([Target(**{**_fields(target), "plan_id": "b" * 16, "ready": True})])
        world.write()
        world.settle()
    world.answer(H[0], "failed", "PLAN-STALE").settle()
    assert world.state == "finished", "a host that changes all the time is given up"


def test_no_targets_at_all_is_finished_at_once():
    assert World(spec(), []).settle().state == "finished"


def test_many_hosts_begin_in_parts():
    world = World(spec(), [HostRef("plant", f"h{n}") for n in range(engine.AT_ONCE + 5)])
    assert isinstance(world.step(), engine.BeginWave)
    begun = world.step()
    assert isinstance(begun, engine.Start)
    assert len(begun.hosts) == engine.AT_ONCE


def _fields(target):
    return {name: getattr(target, name) for name in target.__dataclass_fields__}
