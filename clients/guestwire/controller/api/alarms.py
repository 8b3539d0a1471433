"""Alarms over HTTP: /api/v1/alarms."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, StringConstraints

from guestwire.controller.alarms.alarms import Alarms
from guestwire.controller.alarms.rule import Severity
from guestwire.controller.alarms.views import AlarmShown, alarm_shown
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.host_ref import host_ref
from guestwire.controller.store.alarms import AlarmFilter, AlarmState
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model
from guestwire.protocol.trust import FOREVER

_ID = r"^[0-9a-f-]{36}$"
_EXAMPLE = "0198c2f4-5a31-7c3e-9a51-2f6d0c1b8e77"
AlarmId = Annotated[str, Path(pattern=_ID, description="The alarm's id.", examples=[_EXAMPLE])]
_Time = Annotated[int | None, Query(ge=0, le=FOREVER, description="Unix milliseconds, of when it was raised.")]


class AlarmsMeant(Document):
    """Which alarms, and what there is to say of them."""

    alarms: Annotated[tuple[Annotated[str, StringConstraints(pattern=_ID)], ...], Field(min_length=1, max_length=500)]
    note: Annotated[str, StringConstraints(pattern=r"^[^\x00]{0,1000}$")] = ""


class AlarmList(Model):
    """Alarms as they are now."""

    items: tuple[AlarmShown, ...]


async def wanted(
    state: Annotated[tuple[AlarmState, ...], Query(max_length=3, description="Those in one of these states.")] = (),
    severity: Annotated[tuple[Severity, ...], Query(max_length=3)] = (),
    rule: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")] = None,
    host: Annotated[str | None, Query(max_length=80, description="SITE/HOST", examples=["plant/h1"])] = None,
    since: _Time = None,
    until: _Time = None,
) -> AlarmFilter:
    """Which alarms are asked for. Raises INVALID-BODY."""
    ref = None if host is None else host_ref(host)
    return AlarmFilter(state, severity, rule, ref, since, until)


def router(alarms: Alarms, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/alarms", tags=["alarms"])
    _looking(routes, alarms, doors)
    _doing(routes, alarms, doors)
    return routes


def _looking(routes: APIRouter, alarms: Alarms, doors: Doors) -> None:
    @routes.get("", operation_id="listAlarms", summary="Alarms, the newest first")
    async def list_alarms(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)],
        which: Annotated[AlarmFilter, Depends(wanted)],
    ) -> Listing[AlarmShown]:  # fmt: skip
        found = await alarms.page(person, which, page.after(int, str), page.fetch)
        return listing([alarm_shown(one) for one in found], page, lambda one: (one.raised_at, one.id))

    @routes.get("/{alarm_id}", operation_id="getAlarm", summary="An alarm")
    async def get_alarm(alarm_id: AlarmId, person: Annotated[Person, Depends(doors.person)]) -> AlarmShown:
        return alarm_shown(await alarms.show(person, alarm_id))


def _doing(routes: APIRouter, alarms: Alarms, doors: Doors) -> None:
    @routes.post("/acknowledge", operation_id="acknowledgeAlarms", summary="Say that somebody looks after alarms")
    async def acknowledge_alarms(
        body: Annotated[AlarmsMeant, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> AlarmList:
        found = await alarms.acknowledge(person, body.alarms, body.note)
        return AlarmList(items=tuple(alarm_shown(one) for one in found))

    @routes.post("/clear", operation_id="clearAlarms", summary="Say that alarms are over")
    async def clear_alarms(
        body: Annotated[AlarmsMeant, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> AlarmList:
        found = await alarms.clear(person, body.alarms, body.note)
        return AlarmList(items=tuple(alarm_shown(one) for one in found))
