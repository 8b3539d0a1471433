"""Rollouts and their hosts as rows, in both kinds of database."""

from collections import Counter
from dataclasses import replace

from rollout_stage import order
from rollout_world import START_MS, hosts

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.standing import Standing, Target
from guestwire.controller.store import hosts as host_rows
from guestwire.controller.store import rollout_hosts, rollouts
from guestwire.controller.store.host_tables import HostRow, StoredDocument
from guestwire.controller.store.rollouts import Rollout, Wanted
from guestwire.controller.users.person import Binding, TokenUse

H = hosts(4)
OTHER = HostRef("lab", "h1")
RUNNING = Standing(
    "running", "why", 3, 4, 2, (5, 1), ((START_MS, 7), (START_MS + 1, 2)), START_MS + 9, START_MS, None
)  # fmt: skip
FULL = Target(
    H[1], "timed-out", 2, 3, 2, "job-1", 11, 12, 13, 14, True, True, False, "approval-1", "alarm", "DEADLINE", "text", "plan-1", 2
)  # fmt: skip


def rollout(number=1, **fields):
    spec = order(
        waves={"canary": {"percent": 5}, "base_rate": 7, "factor": 1.5}, attempts={"most": 2, "when": ["after"]}
    )
    return Rollout(f"{number:036d}", spec, "p1", "anna", START_MS, **fields)


async def made(database, *several):
    async with database.write() as tx:
        for one in several:
            await rollouts.insert(tx, one)


async def test_everything_of_a_rollout_is_kept(database):
    token = TokenUse("t1", "ci", (Binding("operator", "site:plant"),))
    one = rollout(standing=RUNNING, next_at=5, token=token)
    await made(database, one, rollout(2))
    async with database.read() as tx:
        assert await rollouts.get(tx, one.id) == one
        assert (await rollouts.get(tx, rollout(2).id)).token is None
        assert await rollouts.get(tx, "none") is None


async def test_who_has_an_older_version_changes_nothing(database):
    one = rollout()
    await made(database, one)
    async with database.write() as tx:
        assert await rollouts.put(tx, replace(one, standing=RUNNING, next_at=8, spec_revision=2, person="bruno"))
        assert not await rollouts.put(tx, replace(one, standing=Standing("aborted")))
        found = await rollouts.get(tx, one.id)
    assert found == replace(one, standing=RUNNING, next_at=8, spec_revision=2, person="bruno", version=2)


async def test_everything_of_a_target_is_kept_and_changed(database):
    await made(database, rollout())
    async with database.write() as tx:
        await rollouts.put_targets(tx, rollout().id, [Target(H[0]), replace(FULL, state="running"), Target(H[2])])
        await rollouts.put_targets(tx, rollout().id, [FULL])
        await rollouts.put_targets(tx, rollout().id, [])
        assert await rollouts.targets(tx, rollout().id) == [Target(H[0]), FULL, Target(H[2])]
        assert sorted(await rollouts.hosts_of(tx, rollout().id)) == H[:3]


async def test_lists_come_in_pages_newest_first(database):
    await made(database, *(rollout(number) for number in range(1, 6)))
    async with database.read() as tx:
        first = await rollouts.page(tx, Wanted(), None, 2)
        rest = await rollouts.page(tx, Wanted(), first[-1].id, 10)
    assert [int(one.id) for one in first] == [5, 4]
    assert [int(one.id) for one in rest] == [3, 2, 1]


async def test_lists_are_of_what_somebody_may_see(database):
    await made(database, rollout(1, standing=RUNNING), rollout(2), replace(rollout(3), person_id="p2"))
    async with database.write() as tx:
        await rollouts.put_targets(tx, rollout(1).id, [Target(H[0])])
        await rollouts.put_targets(tx, rollout(2).id, [Target(OTHER)])

    async def numbers(**wanted):
        async with database.read() as tx:
            return [int(one.id) for one in await rollouts.page(tx, Wanted(**wanted), None, 10)]

    assert await numbers(states=("running", "paused")) == [1]
    assert await numbers(sites=frozenset({"lab"})) == [2]
    assert await numbers(hosts=frozenset({H[0], H[1]})) == [1]
    assert await numbers(sites=frozenset(), hosts=frozenset()) == []
    assert await numbers(sites=frozenset({"lab"}), person_id="p2") == [3, 2]
    assert await numbers(person_id="p2") == [3]


async def test_targets_come_in_pages_by_name(database):
    await made(database, rollout())
    several = [Target(OTHER), *(Target(host, "succeeded" if host in H[:2] else "queued", wave=1) for host in H)]
    async with database.write() as tx:
        await rollouts.put_targets(tx, rollout().id, several)

    async def names(**wanted):
        async with database.read() as tx:
            found = await rollouts.targets_page(tx, rollout().id, **({"limit": 10} | wanted))
        return [str(target.host) for target in found]

    assert await names(limit=2) == ["lab/h1", "plant/h0000"]
    assert await names(after=H[0]) == ["plant/h0001", "plant/h0002", "plant/h0003"]
    assert await names(states=["queued"]) == ["plant/h0002", "plant/h0003"]
    assert await names(wave=1, states=["planned"]) == []
    assert await names(sites=frozenset({"lab"}), hosts=frozenset({H[3]})) == ["lab/h1", "plant/h0003"]


async def test_hosts_are_counted_by_wave_and_state(database):
    await made(database, rollout(1), rollout(2))
    async with database.write() as tx:
        await rollouts.put_targets(
            tx,
            rollout(1).id,
            [
                Target(H[0], "succeeded", wave=0),
                Target(H[1], "succeeded", wave=0, alarm="hot"),
                Target(H[2], "queued", wave=1),
                Target(H[3]),
            ],
        )
        found = await rollouts.counts(tx, [rollout(1).id, rollout(2).id])
        assert await rollouts.counts(tx, []) == {}
    assert found == {
        rollout(1).id: {
            0: Counter({"succeeded": 1, "alarmed": 1}), 1: Counter({"queued": 1}), None: Counter({"planned": 1}),
        },
        rollout(2).id: {},
    }  # fmt: skip


async def test_what_goes_on_is_found_after_a_restart(database):
    states = ["draft", "running", "paused", "aborting", "aborted", "finished", "finished"]
    await made(database, *(rollout(number, standing=Standing(state)) for number, state in enumerate(states)))
    async with database.write() as tx:
        await rollouts.put_targets(tx, rollout(4).id, [Target(H[0], "sent", job="j")])
        await rollouts.put_targets(tx, rollout(5).id, [Target(H[0], "overdue", job="j"), Target(H[1], "overdue")])
        await rollouts.put_targets(tx, rollout(6).id, [Target(H[0], "succeeded", job="j"), Target(H[1], "overdue")])
        assert [int(one) for one in await rollouts.live(tx)] == [1, 2, 3]
        assert [int(one) for one in await rollouts.ended_with_open_jobs(tx)] == [4, 5]


async def test_old_ones_are_forgotten(database):
    old = Standing("finished", ended_at=10)
    await made(database, rollout(1, standing=old), rollout(2, standing=replace(old, state="running")), rollout(3))
    async with database.write() as tx:
        await rollouts.put_targets(tx, rollout(1).id, [Target(H[0])])
        assert await rollouts.prune(tx, 10) == 0
        assert await rollouts.prune(tx, 11) == 1
        assert await rollouts.prune(tx, 11) == 0
        assert await rollouts.targets(tx, rollout(1).id) == []
        assert [int(one.id) for one in await rollouts.page(tx, Wanted(), None, 10)] == [3, 2]


async def test_many_hosts_are_asked_about_at_once(database):
    several = hosts(1_203)
    async with database.write() as tx:
        await host_rows.add(tx, [HostRow(host, 1, True) for host in several[:1_201]])
        document = StoredDocument(1, b"x", 1, 1, 1)
        await host_rows.put_documents(
            tx, [(several[1_200], "capabilities", document), (several[3], "reported", document)]
        )
        assert await rollout_hosts.known(tx, several) == set(several[:1_201])
        assert await rollout_hosts.capabilities(tx, several) == {several[1_200]: b"x"}
