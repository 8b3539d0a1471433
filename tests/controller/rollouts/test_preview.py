"""What a preview tells: hosts, waves, times, who must approve, who cannot take part."""

import pytest
from rollout_stage import ADMIN, START_MS, Stage, order
from test_making import STOP, ReversibleOnly

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.store import jobs as job_rows
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError


@pytest.fixture
async def stage(any_database):
    made = Stage(any_database, trust=ReversibleOnly())
    made.hosts = await made.add_hosts(10)
    async with made.up():
        yield made


async def test_waves_and_times(stage):
    waves = {"canary": {"percent": 10}, "size": {"count": 6}, "base_rate": 12}
    found = await stage.previewing.preview(ADMIN, order(waves=waves, soak_s=60))
    assert (found.hosts, found.risk, found.more_hosts, found.skipped) == (10, 1, 0, ())
    assert [(wave.wave, wave.hosts, wave.rate) for wave in found.waves] == [(0, 1, 12), (1, 6, 12), (2, 3, 12)]
    begins = [wave.begins_at - START_MS for wave in found.waves]
    assert begins == [0, 60_000, 60_000 + 25_000 + 60_000]
    assert found.waves[0].first == ("plant/h0000",)
    assert found.begun_at == START_MS + begins[2] + 10_000


async def test_who_is_away_comes_last(stage):
    stage.fleet.away |= set(stage.hosts[:2])
    found = await stage.previewing.preview(ADMIN, order(waves={"canary": {"count": 1}}))
    assert (found.away.hosts, found.away.first) == (2, ("plant/h0000", "plant/h0001"))
    assert found.waves[0].first == ("plant/h0002",)
    assert found.waves[1].first[-2:] == ("plant/h0000", "plant/h0001")


async def test_who_cannot_take_part_and_why(stage):
    stage.fleet.pending.add(stage.hosts[0])
    for host in stage.hosts[1:3]:
        await stage.say_capabilities(host, "guest-start")
    found = await stage.previewing.preview(ADMIN, order())
    assert found.hosts == 7
    assert [(group.code, group.hosts, group.first[0]) for group in found.skipped] == [
        ("HOST-NOT-APPROVED", 1, "plant/h0000"), ("UNIMPLEMENTED", 2, "plant/h0001"),
    ]  # fmt: skip


async def test_what_needs_an_approval(stage):
    assert (await stage.previewing.preview(ADMIN, order())).approvals.hosts == 0
    found = await stage.previewing.preview(ADMIN, order(**STOP))
    assert (found.risk, found.approvals.hosts) == (2, 10)


async def test_its_window(stage):
    stage.windows.openings["night"] = Opening(None, START_MS + 5_000)
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await stage.previewing.preview(ADMIN, order(window="noon"))
    found = await stage.previewing.preview(ADMIN, order(window="night"))
    assert (found.opens_at, found.waves[0].begins_at, found.begun_at) == (START_MS + 5_000, None, None)


async def test_a_named_canary_without_hosts_shows(stage):
    stage.fleet.pending.add(stage.hosts[3])
    found = await stage.previewing.preview(ADMIN, order(waves={"canary": {"hosts": ["plant/h0003"]}}))
    assert [(wave.wave, wave.hosts) for wave in found.waves] == [(0, 0), (1, 9)]


async def test_it_changes_nothing(stage):
    await stage.previewing.preview(ADMIN, order(**STOP))
    assert await stage.rollouts.page(ADMIN, (), None, 10) == []
    async with stage.database.read() as tx:
        assert await job_rows.unfinished(tx) == []


async def test_only_those_who_may_begin_may_ask(stage):
    observer = Person("o", "olga", (Binding("observer", "*"),))
    with pytest.raises(GuestwireError, match="DENIED"):
        await stage.previewing.preview(observer, order())
    operator = Person("o", "oskar", (Binding("operator", "host:plant/h0004"),))
    found = await stage.previewing.preview(operator, order())
    assert found.waves[0].first == (str(HostRef("plant", "h0004")),)
