"""Whose allowance a rollout needs, with the controller's own approvals: mandates over many hosts, waited for, given, refused,
expired, and asked for anew.
"""

import pytest
from rollout_stage import ADMIN, Stage

from guestwire.controller.rollouts.ports import HostPlan
from guestwire.controller.store import approvals as approval_rows
from guestwire.protocol.mandates import Mandate
from guestwire.protocol.packing import unpack
from guestwire.protocol.roles import scope_of
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Signer, Trust, TrustDocument

STOP = {"operation": "guest-shutdown", "body": {"guest": "web"}}
PROJECT = {"operation": None, "body": {}, "project": {"name": "line", "revision": 3}}
WEEK_S = 7 * 86_400


class ReversibleOnly:
    """A site that trusts the controller with what can be taken back."""

    def __init__(self):
        key = SigningKey.generate().public.raw.hex()
        scope = scope_of("controller")
        signer = Signer(principal="controller:main", public_key=key, scope=scope, role="controller")
        self._trust = Trust(TrustDocument(site="plant", rev=1, issued_at=0, signers=(signer,)))

    def issuer(self, ref):
        return "controller:main"

    def trust(self, site):
        return self._trust


@pytest.fixture
async def stage(any_database):
    made = Stage(any_database, trust=ReversibleOnly())
    made.hosts = await made.add_hosts(130)
    async with made.up():
        yield made


async def asked(stage, rollout_id):
    async with stage.database.read() as tx:
        return await approval_rows.page(tx, approval_rows.Wanted(rollout_id=rollout_id), None, 10)


async def decide(stage, approval, state, reason=""):
    async with stage.database.write() as tx:
        decided = await stage.approvals.decide(tx, approval, state, ADMIN, reason)
    stage.approvals.announce([decided])


async def test_what_the_controller_may_do_itself_needs_nobody(stage):
    rollout_id = await stage.make()
    await stage.until_open(130)
    assert await asked(stage, rollout_id) == []


async def test_one_approval_is_asked_for_all_hosts_before_any_begins(stage):
    rollout_id = await stage.make(**STOP, note="stop the line", attempts={"most": 2})
    [approval] = await asked(stage, rollout_id)
    assert (approval.operations, approval.risk, approval.state, approval.person) == (
        ("guest-shutdown",),
        2,
        "open",
        "anna",
    )
    async with stage.database.read() as tx:
        texts = await approval_rows.texts(tx, approval.id)
    mandates = [Mandate.model_validate(unpack(text.text)) for text in texts]
    assert sorted(host for mandate in mandates for host in mandate.hosts) == [host.host for host in stage.hosts]
    assert {(len(mandate.bodies), mandate.uses, mandate.note) for mandate in mandates} == {(1, 2, "stop the line")}
    assert len(texts) == 2
    await stage.until(lambda: stage.running._kept[rollout_id].next_at is not None)
    assert stage.open_jobs() == []
    assert {target.approval for target in await stage.targets(rollout_id)} == {approval.id}


async def test_once_it_is_given_the_hosts_begin_under_it(stage):
    rollout_id = await stage.make(**STOP, waves={"canary": {"count": 2}})
    [approval] = await asked(stage, rollout_id)
    await decide(stage, approval, "approved")
    jobs = await stage.until_open(2)
    assert {(job.approval_id, job.state, job.risk) for job in jobs} == {(approval.id, "queued", 2)}


async def test_once_it_is_refused_nobody_takes_part(stage):
    rollout_id = await stage.make(**STOP)
    [approval] = await asked(stage, rollout_id)
    await decide(stage, approval, "rejected", "not in daylight")
    await stage.until_state(rollout_id, "finished")
    [target, *_] = await stage.targets(rollout_id)
    assert (target.state, target.code) == ("skipped", "APPROVAL-REJECTED")
    assert "not in daylight" in target.message
    assert (await stage.rollouts.show(ADMIN, rollout_id)).outcome == "failed"
    await stage.rollouts.retry(ADMIN, rollout_id, stage.hosts[:3])
    assert sorted(one.state for one in await asked(stage, rollout_id)) == ["open", "rejected"]


async def test_an_abort_withdraws_what_nobody_has_signed(stage):
    rollout_id = await stage.make(**STOP)
    await stage.rollouts.abort(ADMIN, rollout_id, "")
    await stage.until_state(rollout_id, "aborted")
    assert [one.state for one in await asked(stage, rollout_id)] == ["withdrawn"]


async def test_a_mandate_that_ends_is_asked_for_anew(stage):
    rollout_id = await stage.make(**STOP, waves={"size": {"count": 1}}, deadline_s=20 * 86_400, patience_s=86_400)
    [approval] = await asked(stage, rollout_id)
    await decide(stage, approval, "approved")
    [job] = await stage.until_open(1)
    stage.pass_time(WEEK_S - 30)
    stage.ends(job)

    async def two():
        found = await asked(stage, rollout_id)
        return found[0] if len(found) == 2 else None

    again = await stage.until(two)
    assert stage.open_jobs() == []
    await decide(stage, again, "approved")
    [job] = await stage.until_open(1)
    assert job.approval_id == again.id


async def test_nobody_signs_in_time(stage):
    rollout_id = await stage.make(**STOP, deadline_s=3600)
    await stage.until(lambda: stage.running._kept[rollout_id].next_at is not None)
    stage.pass_time(3601)
    await stage.until_state(rollout_id, "finished")
    assert {target.code for target in await stage.targets(rollout_id)} == {"APPROVAL-EXPIRED"}


async def test_plans_are_made_first_and_approved_by_their_class(stage):
    """Of a project every host has its own plan, and only what disrupts takes a mandate, which names the plans."""
    calm, risky = stage.hosts[:2]
    stage.projects.parts["line", 3] = frozenset({calm, risky})
    stage.projects.plans = {calm: HostPlan("plan-of-calm-0001", 1, 2), risky: HostPlan("plan-of-risky-001", 2, 5)}
    rollout_id = await stage.make(**PROJECT)
    [job] = await stage.until_open(1)
    assert (job.host, job.plan_id, job.operation) == (calm, "plan-of-calm-0001", "config-apply")

    async def one():
        return (await asked(stage, rollout_id)) or None

    [approval] = await stage.until(one)
    assert approval.operations == ("config-apply", "config-cancel", "config-confirm")
    async with stage.database.read() as tx:
        [text] = await approval_rows.texts(tx, approval.id)
    mandate = Mandate.model_validate(unpack(text.text))
    assert (mandate.plans, mandate.bodies, mandate.hosts) == (("plan-of-risky-001",), (), (risky.host,))
    await decide(stage, approval, "approved")
    jobs = await stage.until_open(2)
    assert [job.plan_id for job in jobs] == ["plan-of-calm-0001", "plan-of-risky-001"]
    assert stage.projects.followed == [job.id for job in jobs]
