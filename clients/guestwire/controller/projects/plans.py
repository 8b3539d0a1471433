"""Plans: what a host says that an apply would change, kept with the draft that it is of, and what people say of it.

A plan is of one revision of a draft. Once that is edited, the plan and whatever was said of it count no more.
"""

import json
from collections.abc import Callable, Sequence
from typing import Literal

from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects.differences import differences
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.keeping import REVISIONS, DraftKeeping
from guestwire.controller.projects.obstacles import Situation, obstacles
from guestwire.controller.projects.plan_models import (
    Obstacle,
    PlanOptions,
    PlanShown,
    RevisionDetail,
    RevisionShown,
)
from guestwire.controller.projects.reviewing import review_of
from guestwire.controller.projects.telling import told
from guestwire.controller.projects.trees import Tree, tree
from guestwire.controller.store import audit_rows, drafts, plans
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.plans import PlanRow, Remark
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.formats import project_toml
from guestwire.model.desired import Desired, Project, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Revision
from guestwire.protocol.config_models import ConfigPlan

PLANS = 20
"""How many plans of a host are kept."""
DISRUPTS = 2
MOST_JOBS = 500
ANEW = ("pull", "discard")
"""Kinds of revisions that nothing of an earlier one is in."""
Verb = Literal["comment", "request", "approve", "reject"]


class Plans:
    """Has hosts plan, and keeps what they say. `review_required`: nothing is applied before somebody else has approved it."""

    def __init__(
        self,
        database: Database,
        access: Access,
        feed: Feed,
        hosts: HostReading,
        keeping: DraftKeeping,
        clock_ms: Callable[[], int],
        *,
        review_required: bool = False,
    ) -> None:
        self._database = database
        self._access = access
        self._feed = feed
        self._hosts = hosts
        self._keeping = keeping
        self._clock_ms = clock_ms
        self._review_required = review_required

    async def plan(self, person: Person, ref: HostRef, options: PlanOptions) -> PlanShown:
        """Have the host plan the draft as it is now. Raises DRAFT-MISSING, HOST-BUSY, and what asking the host does."""
        self._access.require(person, "config-plan", ref)
        held = await self._keeping.held(ref)
        desired = held.there.desired
        return await self._planned(
            person, ref, desired, options, held.base_revision, origin="apply", draft_revision=held.revision
        )

    async def rollback(self, person: Person, ref: HostRef, to: int | None, options: PlanOptions) -> PlanShown:
        """Have the host plan to be again what it was in an earlier revision, as a new one; None: in the one before. The draft
        stays as it is. Raises NOT-FOUND for a revision that the host does not keep, and what asking the host does."""
        self._access.require(person, "config-plan", ref)
        config = await self._hosts.fetch(ref)
        active = config.shown.revision.number
        if to is None:
            kept, _ = await self._hosts.revisions(ref, active, 1)
            older = [one.number for one in kept if one.number < active]
            if not older:
                raise GuestwireError("NOT-FOUND", f"{ref} keeps no earlier revision: there is nothing to go back to.")
            to = max(older)
        old = await self._hosts.earlier(ref, to)
        return await self._planned(person, ref, old.desired, options, active, origin="rollback", to_revision=to)

    async def show(self, person: Person, ref: HostRef, plan_id: str | None = None) -> PlanShown:
        """A plan that was made; None: the last one of the draft. The host is not asked. Raises NOT-FOUND."""
        self._access.require(person, "read", ref)
        async with self._database.read() as tx:
            row = await (plans.newest(tx, ref, "apply") if plan_id is None else plans.find(tx, ref, plan_id))
            if row is None:
                raise not_planned(ref)
            return await self._shown(tx, row)

    async def review(self, person: Person, ref: HostRef, plan_id: str, verb: Verb, note: str) -> PlanShown:
        """Say something of a plan: a remark, that somebody should look at it, that it is good, that it is not. Raises
        NOT-FOUND, PLAN-STALE where the draft was edited since, REVIEW-OWN where who edited it approves it."""
        self._access.require(person, "draft-edit", ref)
        async with self._database.write() as tx:
            row = await plans.find(tx, ref, plan_id)
            if row is None:
                raise not_planned(ref)
            standing = await drafts.standing(tx, ref)
            if verb != "comment" and row.origin == "apply" and row.draft_revision != standing:
                raise GuestwireError("PLAN-STALE", "The draft was edited since this plan was made: plan it again.")
            if verb == "approve" and person.id in await self._makers(tx, row):
                raise GuestwireError("REVIEW-OWN")
            at = self._clock_ms()
            await plans.add_remark(tx, Remark(ref, plan_id, verb, person.id, person.name, at, note))
            detail = {"plan_id": plan_id, "verb": verb}
            await audit_rows.add(tx, AuditEntry(at, person, "draft-review", ref, detail=detail))
        async with self._database.read() as tx:
            shown = await self._shown(tx, row)
        self._publish(shown)
        return shown

    async def situation(self, tx: Tx, row: PlanRow, confirm_s: int | None, destroy: Sequence[str]) -> Situation:
        """A plan, and all that decides whether it may be carried out."""
        said = await plans.remarks(tx, row.ref, row.plan.plan_id)
        standing = await drafts.standing(tx, row.ref)
        return Situation(row, standing, review_of(said), self._review_required, confirm_s, destroy)

    async def revisions(
        self, person: Person, ref: HostRef, before: int | None, limit: int
    ) -> tuple[Sequence[RevisionShown], bool]:
        """The revisions of a host, newest first, with who had them applied from here; and whether the host said so just now: of
        one that is away they are those that it has told of before."""
        self._access.require(person, "config-history", ref)
        kept, live = await self._hosts.revisions(ref, before, limit)
        return await self._with_persons(ref, kept), live

    async def revision(self, person: Person, ref: HostRef, number: int) -> RevisionDetail:
        """A revision that the host keeps, and what it changed of the one before. Raises NOT-FOUND, and what asking the host does."""
        self._access.require(person, "config-show", ref)
        kept = await self._hosts.earlier(ref, number)
        older, _ = await self._hosts.revisions(ref, number, 1)
        before = max((one.number for one in older if one.number < number), default=None)
        was = Desired() if before is None else (await self._hosts.earlier(ref, before)).desired
        [shown] = await self._with_persons(ref, (kept.revision,))
        change = told(differences(_tree(ref, was), _tree(ref, kept.desired)))
        text = project_toml.dump(Project(hosts={ref.host: kept.desired}))
        return RevisionDetail(
            **dict(shown), changed_from=before, changes=change.changes, more=change.more, text=text
        )  # fmt: skip

    # -- pieces

    async def _with_persons(self, ref: HostRef, kept: Sequence[Revision]) -> list[RevisionShown]:
        async with self._database.read() as tx:
            jobs = await plans.jobs_of(tx, ref, MOST_JOBS)
        by = {(job.revision, job.hash): job for job in jobs if job.verb == "apply" and job.revision is not None}
        shown = []
        for one in kept:
            job = by.get((one.number, one.hash))
            who, job_id = (None, None) if job is None else (job.author, job.job_id)
            shown.append(RevisionShown(**one.model_dump(), person=who, job_id=job_id))
        return shown

    async def _planned(
        self,
        person: Person,
        ref: HostRef,
        desired: Desired,
        options: PlanOptions,
        base_revision: int | None,
        *,
        origin: Literal["apply", "rollback"],
        draft_revision: int | None = None,
        to_revision: int | None = None,
    ) -> PlanShown:
        request = ConfigPlan(
            desired=desired, hash=content_hash(desired), restart=options.restart,
            include_disabled=options.include_disabled, remove_disks=options.remove_disks,
        )  # fmt: skip
        plan = await self._hosts.plan(ref, request)
        known = await self._hosts.known(ref)
        if known is None or known.shown.revision.number != plan.base_revision:
            await self._hosts.fetch(ref)
            await self._keeping.rejudge(ref)
        at = self._clock_ms()
        row = PlanRow(
            ref, plan, origin, desired, options.model_dump_json(exclude_defaults=True), person.id, person.name, at,
            draft_revision, to_revision, base_revision,
        )  # fmt: skip
        detail = {"plan_id": plan.plan_id, "origin": origin, "risk": plan.risk, "items": len(plan.items)}
        async with self._database.write() as tx:
            await plans.put(tx, row, PLANS)
            await audit_rows.add(tx, AuditEntry(at, person, "draft-plan", ref, detail=detail))
        async with self._database.read() as tx:
            shown = await self._shown(tx, row)
        self._publish(shown)
        return shown

    async def _shown(self, tx: Tx, row: PlanRow) -> PlanShown:
        now = await self.situation(tx, row, None, ())
        last = await plans.last_job(tx, row.ref, row.plan.plan_id, "apply")
        return PlanShown.model_validate(
            {
                "site": row.ref.site, "host": row.ref.host, "plan": row.plan, "origin": row.origin,
                "draft_revision": row.draft_revision, "to_revision": row.to_revision,
                "options": PlanOptions.model_validate_json(row.options), "author": row.author, "at": row.at,
                "review": now.review, "review_required": self._review_required,
                "obstacles": tuple(Obstacle(code=one.code, message=one.message) for one in obstacles(now)),
                "mandate": row.plan.risk >= DISRUPTS, "job_id": None if last is None else last.job_id,
            }
        )  # fmt: skip

    async def _makers(self, tx: Tx, row: PlanRow) -> set[str]:
        """Who made what the plan is of: everybody who edited the draft since it was made true last; else who planned it."""
        if row.draft_revision is None:
            return {row.author_id}
        done = (job for job in await plans.jobs_of(tx, row.ref, MOST_JOBS) if job.state == "in_sync")
        since = next((job.draft_revision for job in done if job.draft_revision is not None), 0)
        makers = set()
        for one in await drafts.revisions(tx, row.ref, row.draft_revision + 1, REVISIONS, since=since):
            if one.kind in ANEW:
                break
            if one.kind != "apply":
                makers.add(one.author_id)
        return makers

    def _publish(self, shown: PlanShown) -> None:
        ref = HostRef(shown.site, shown.host)
        document = {
            "plan_id": shown.plan.plan_id, "draft_revision": shown.draft_revision, "risk": shown.plan.risk,
            "items": len(shown.plan.items), "review": shown.review.state, "at": shown.at,
            "obstacles": [json.loads(one.model_dump_json()) for one in shown.obstacles],
        }  # fmt: skip
        self._feed.publish(Change("draft", f"{ref}/plan", document, (ref,)))


def _tree(ref: HostRef, desired: Desired) -> Tree:
    return tree(Project(hosts={ref.host: desired}), ref.host)


def not_planned(ref: HostRef) -> GuestwireError:
    """There is no such plan."""
    return GuestwireError("NOT-FOUND", f"There is no such plan of {ref}: have the host make one.", field="plan_id")
