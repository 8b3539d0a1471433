"""From a draft to its host over HTTP: /api/v1/drafts/{site}/{host}/plan, review, apply, confirm, cancel, rollback; and the
revisions of a host: /api/v1/hosts/{site}/{host}/revisions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.host_paths import Host
from guestwire.controller.api.paging import Listing, Page, cursor, page
from guestwire.controller.projects.applying import Applying
from guestwire.controller.projects.plan_models import (
    ApplyOptions,
    Note,
    Ordered,
    PlanId,
    PlanOptions,
    PlanShown,
    RevisionDetail,
    RevisionShown,
)
from guestwire.controller.projects.plans import Plans
from guestwire.controller.users.person import Person
from guestwire.model.base import Document
from guestwire.protocol.trust import FOREVER

MOST = 200
"""Revisions that a host tells at once."""


class Reviewed(Document):
    """What somebody says of a plan. comment: a remark; request: somebody should look at it; approve, reject: somebody has."""

    plan_id: PlanId
    verb: Literal["comment", "request", "approve", "reject"]
    note: Note = ""


class EndWanted(Document):
    """Which change is meant; null: the one that waits."""

    plan_id: PlanId | None = None


class RollbackWanted(PlanOptions):
    """Which revision of the host is to be true again; null: the one before the active one. Else as a plan."""

    to: Annotated[int, Field(ge=0, le=FOREVER)] | None = None


class RevisionListing(Listing[RevisionShown]):
    """Revisions, newest first. `live`: the host said so just now; else they are those it has told of before."""

    live: bool


def router(plans: Plans, applying: Applying, doors: Doors) -> APIRouter:
    routes = APIRouter(tags=["drafts"])
    _plans(routes, plans, doors)
    _changes(routes, applying, doors)
    return routes


def _plans(routes: APIRouter, plans: Plans, doors: Doors) -> None:
    @routes.post("/drafts/{site}/{host}/plan", operation_id="planDraft", summary="Have the host plan its draft")
    async def plan(
        host: Host, body: Annotated[PlanOptions, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> PlanShown:
        return await plans.plan(person, host, body)

    @routes.get("/drafts/{site}/{host}/plan", operation_id="getPlan", summary="A plan that was made")
    async def get_plan(
        host: Host,
        person: Annotated[Person, Depends(doors.person)],
        plan_id: Annotated[PlanId | None, Query(description="Its id; none: the last one of the draft.")] = None,
    ) -> PlanShown:
        return await plans.show(person, host, plan_id)

    @routes.post("/drafts/{site}/{host}/review", operation_id="reviewPlan", summary="Say something of a plan")
    async def review(
        host: Host, body: Annotated[Reviewed, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> PlanShown:
        return await plans.review(person, host, body.plan_id, body.verb, body.note)

    @routes.post(
        "/drafts/{site}/{host}/rollback", operation_id="planRollback",
        summary="Have the host plan to be again what it was in a revision: apply that plan to go back",
    )  # fmt: skip
    async def rollback(
        host: Host, body: Annotated[RollbackWanted, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> PlanShown:
        options = PlanOptions(
            restart=body.restart, include_disabled=body.include_disabled, remove_disks=body.remove_disks
        )
        return await plans.rollback(person, host, body.to, options)

    @routes.get("/hosts/{site}/{host}/revisions", operation_id="listRevisions", summary="The revisions of a host")
    async def revisions(
        host: Host, person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> RevisionListing:
        before = page.after(int)
        many = min(page.fetch, MOST)
        rows, live = await plans.revisions(person, host, before[0] if before else None, many)
        shown = tuple(rows[: page.limit])
        more = len(rows) > page.limit or len(rows) == MOST
        return RevisionListing(items=shown, next=cursor((shown[-1].number,)) if more else None, live=live)

    @routes.get(
        "/hosts/{site}/{host}/revisions/{revision}", operation_id="getRevision", summary="A revision of a host, and what it changed"
    )  # fmt: skip
    async def revision(
        host: Host, revision: Annotated[int, Path(ge=0, le=FOREVER)], person: Annotated[Person, Depends(doors.person)]
    ) -> RevisionDetail:
        return await plans.revision(person, host, revision)


def _changes(routes: APIRouter, applying: Applying, doors: Doors) -> None:
    @routes.post(
        "/drafts/{site}/{host}/apply", status_code=202, operation_id="applyPlan", summary="Carry a plan out, as a job"
    )
    async def apply(
        host: Host, body: Annotated[ApplyOptions, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> Ordered:
        return await applying.apply(person, host, body)

    @routes.post(
        "/drafts/{site}/{host}/confirm", status_code=202, operation_id="confirmChange",
        summary="Keep what waits for a confirmation",
    )  # fmt: skip
    async def confirm(
        host: Host, body: Annotated[EndWanted, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> Ordered:
        return await applying.confirm(person, host, body.plan_id)

    @routes.post(
        "/drafts/{site}/{host}/cancel", status_code=202, operation_id="cancelChange",
        summary="Undo what waits for a confirmation or a reboot",
    )  # fmt: skip
    async def cancel(
        host: Host, body: Annotated[EndWanted, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> Ordered:
        return await applying.cancel(person, host, body.plan_id)
