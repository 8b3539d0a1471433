"""Rollouts over HTTP: /api/v1/rollouts."""

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field, StringConstraints

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.controller.rollouts.preview import Preview, Previewing
from guestwire.controller.rollouts.service import Rollouts
from guestwire.controller.rollouts.spec import MOST_HOSTS, HostText, RolloutPatch, RolloutSpec
from guestwire.controller.rollouts.standing import RolloutState, TargetState
from guestwire.controller.rollouts.views import RolloutDetail, RolloutSummary, TargetView, target_view
from guestwire.controller.users.person import Person
from guestwire.model.base import Document

_EXAMPLE = "0198c2f4-5a31-7c3e-9a51-2f6d0c1b8e77"
RolloutId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$", description="The rollout's id.", examples=[_EXAMPLE])]
Reason = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,500}$")]


class Why(Document):
    """Why it is stopped, for those who look at it later."""

    reason: Reason = ""


class RolloutRetry(Document):
    """Which hosts to try again (`SITE/HOST`); null: all that failed or took no part, but for those of which nobody can tell
    whether it happened."""

    hosts: Annotated[tuple[HostText, ...], Field(min_length=1, max_length=MOST_HOSTS)] | None = None


def router(rollouts: Rollouts, previewing: Previewing, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/rollouts", tags=["rollouts"])
    _looking(routes, rollouts, previewing, doors)
    _doing(routes, rollouts, doors)
    return routes


def _looking(routes: APIRouter, rollouts: Rollouts, previewing: Previewing, doors: Doors) -> None:
    @routes.get("", operation_id="listRollouts", summary="Rollouts, newest first")
    async def list_rollouts(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)],
        state: Annotated[tuple[RolloutState, ...], Query(description="Those in one of these states.", max_length=6)] = (),
    ) -> Listing[RolloutSummary]:  # fmt: skip
        after = page.after(str)
        found = await rollouts.page(person, state, None if after is None else after[0], page.fetch)
        return listing(found, page, lambda one: (one.id,))

    @routes.post(
        "/preview",
        operation_id="previewRollout",
        summary="What a rollout would do now",
        dependencies=[Depends(doors.reads)],
    )
    async def preview_rollout(
        body: Annotated[RolloutSpec, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> Preview:
        return await previewing.preview(person, body)

    @routes.get("/{rollout_id}", operation_id="getRollout", summary="A rollout, with its waves")
    async def get_rollout(
        rollout_id: RolloutId, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> RolloutDetail:
        return _shown(response, await rollouts.show(person, rollout_id))

    @routes.get("/{rollout_id}/targets", operation_id="listRolloutTargets", summary="The hosts of a rollout, by name")
    async def list_rollout_targets(
        rollout_id: RolloutId, person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)],
        state: Annotated[
            tuple[TargetState, ...], Query(description="Those in one of these states.", max_length=len(get_args(TargetState)))
        ] = (),
        wave: Annotated[int | None, Query(ge=0, le=MOST_HOSTS, description="Those of that wave; 0: the canary.")] = None,
    ) -> Listing[TargetView]:  # fmt: skip
        after = page.after(str, str)
        host = None if after is None else HostRef(*after)
        found = await rollouts.targets(person, rollout_id, state, wave, host, page.fetch)
        return listing([target_view(one) for one in found], page, lambda one: (one.site, one.host))


def _doing(routes: APIRouter, rollouts: Rollouts, doors: Doors) -> None:
    @routes.post("", status_code=201, operation_id="makeRollout", summary="Make a rollout, and begin it")
    async def make_rollout(
        body: Annotated[RolloutSpec, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)],
        start: Annotated[bool, Query(description="Begin at once; else it is a draft until it is started.")] = False,
    ) -> RolloutDetail:  # fmt: skip
        return _shown(response, await rollouts.create(person, body, start=start))

    @routes.patch("/{rollout_id}", operation_id="changeRollout", summary="Change how a rollout goes on")
    async def change_rollout(
        rollout_id: RolloutId, body: Annotated[RolloutPatch, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> RolloutDetail:  # fmt: skip
        return _shown(response, await rollouts.change(person, rollout_id, body, revision))

    @routes.post(
        "/{rollout_id}/start", operation_id="startRollout", summary="Begin a draft, with the hosts that match now"
    )
    async def start_rollout(
        rollout_id: RolloutId, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> RolloutDetail:
        return _shown(response, await rollouts.start(person, rollout_id))

    @routes.post("/{rollout_id}/pause", operation_id="pauseRollout", summary="Begin no more hosts for now")
    async def pause_rollout(
        rollout_id: RolloutId, response: Response, person: Annotated[Person, Depends(doors.person)],
        body: Annotated[Why | None, FROM_JSON] = None,
    ) -> RolloutDetail:  # fmt: skip
        return _shown(response, await rollouts.pause(person, rollout_id, "" if body is None else body.reason))

    @routes.post("/{rollout_id}/resume", operation_id="resumeRollout", summary="Go on, in spite of what failed so far")
    async def resume_rollout(
        rollout_id: RolloutId, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> RolloutDetail:
        return _shown(response, await rollouts.resume(person, rollout_id))

    @routes.post("/{rollout_id}/abort", operation_id="abortRollout", summary="End a rollout; what runs is waited for")
    async def abort_rollout(
        rollout_id: RolloutId, response: Response, person: Annotated[Person, Depends(doors.person)],
        body: Annotated[Why | None, FROM_JSON] = None,
    ) -> RolloutDetail:  # fmt: skip
        return _shown(response, await rollouts.abort(person, rollout_id, "" if body is None else body.reason))

    @routes.post("/{rollout_id}/retry", operation_id="retryRollout", summary="Try hosts again that failed")
    async def retry_rollout(
        rollout_id: RolloutId, response: Response, person: Annotated[Person, Depends(doors.person)],
        body: Annotated[RolloutRetry | None, FROM_JSON] = None,
    ) -> RolloutDetail:  # fmt: skip
        named = None if body is None or body.hosts is None else [host_ref(text) for text in body.hosts]
        return _shown(response, await rollouts.retry(person, rollout_id, named))


def _shown(response: Response, rollout: RolloutDetail) -> RolloutDetail:
    etags.show(response, rollout.revision)
    return rollout
