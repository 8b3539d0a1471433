"""What a preview tells of waves and times is what the engine does, when every host does its part at once."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_world import START_MS, World, hosts, spec

from guestwire.controller.jobs.machine import ALWAYS, Opening
from guestwire.controller.rollouts.estimate import MOST_WAVES, planned_waves
from guestwire.controller.rollouts.pace import MINUTE_MS

NIGHT_MS = 3_600_000


def always(_at):
    return ALWAYS


def by_hand(rollout, targets):
    """When each wave's first and last host are begun, by the engine."""
    world = World(rollout, targets).settle()
    for _ in range(2_000):
        if world.state == "finished":
            break
        while world.open_jobs():
            world.all_answer().settle()
        at = world.course.next_at(world.now, world.around)
        if at is not None:
            world.pass_time((at - world.now) / 1000)
    waves = {}
    for at, host in world.started:
        waves.setdefault(world.course.targets[host].wave, []).append((at, host))
    return {wave: (begun[0][0], begun[-1][0], [host for _, host in begun]) for wave, begun in waves.items()}


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 60),
    canary=st.one_of(st.none(), st.builds(lambda n: {"count": n}, st.integers(1, 5))),
    size=st.one_of(st.none(), st.builds(lambda n: {"percent": n}, st.integers(5, 100))),
    rate=st.one_of(st.none(), st.integers(3, 200)),
    soak_s=st.sampled_from([0, 60, 300]),
)
def test_it_is_what_the_engine_does(count, canary, size, rate, soak_s):
    waves = {"canary": canary, "size": size, "base_rate": rate}
    rollout = spec(waves=waves, soak_s=soak_s, patience_s=86_400, thresholds={"success_percent": 100})
    targets = hosts(count)
    planned = planned_waves(rollout, targets, START_MS, always)
    done = by_hand(rollout, targets)
    assert {wave.wave: list(wave.hosts) for wave in planned} == {wave: found[2] for wave, found in done.items()}
    late = 0
    for wave in planned:
        begins, begun, _ = done[wave.wave]
        assert wave.begins_at + late <= begins <= wave.begins_at + late + MINUTE_MS
        late = begun - wave.begun_at
        # a wave may have to wait for the minute of the one before
        assert 0 <= late <= (wave.wave + 1) * MINUTE_MS


def test_rates_grow_from_wave_to_wave():
    rollout = spec(waves={"base_rate": 12, "factor": 2, "size": {"count": 24}})
    first, second = planned_waves(rollout, hosts(48), START_MS, always)
    assert (first.rate, first.begun_at - first.begins_at) == (12, 2 * MINUTE_MS - 5_000)
    assert (second.rate, second.begun_at - second.begins_at) == (24, 55_000)


def test_a_window_that_shuts_lets_it_wait():
    def nights(at):
        """Open for ten minutes of every hour."""
        hour, within = divmod(at - START_MS, NIGHT_MS)
        until = START_MS + hour * NIGHT_MS + 600_000
        return Opening(until) if within < 600_000 else Opening(None, START_MS + (hour + 1) * NIGHT_MS)

    rollout = spec(waves={"base_rate": 12}, window="nights")
    [wave] = planned_waves(rollout, hosts(300), START_MS, nights)
    assert wave.begins_at == START_MS
    assert wave.begun_at == START_MS + 2 * NIGHT_MS + 5 * MINUTE_MS - 5_000, "120 in an hour"


def test_a_window_that_never_opens_has_no_times():
    waves = planned_waves(
        spec(window="never", waves={"size": {"count": 2}}), hosts(4), START_MS, lambda _: Opening(None)
    )
    assert [(wave.begins_at, wave.begun_at) for wave in waves] == [(None, None), (None, None)]


def test_a_named_canary_may_have_nobody():
    rollout = spec(waves={"canary": {"hosts": ["plant/gone"]}})
    assert [(wave.wave, len(wave.hosts)) for wave in planned_waves(rollout, hosts(3), START_MS, always)] == [
        (0, 0),
        (1, 3),
    ]


def test_the_list_of_waves_has_an_end():
    rollout = spec(waves={"size": {"count": 1}})
    assert len(planned_waves(rollout, hosts(MOST_WAVES + 5), START_MS, always)) == MOST_WAVES
