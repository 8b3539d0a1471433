"""Alarm rules over HTTP: /api/v1/alarm-rules."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from guestwire.controller.alarms.rule import AlarmRule, RuleName
from guestwire.controller.alarms.rules import AlarmRules
from guestwire.controller.alarms.views import RuleShown, rule_shown
from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.store.alarm_rules import RuleRow
from guestwire.controller.users.person import Person

Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$", description="The rule's name.", examples=["host-offline"])]


class RuleMade(AlarmRule):
    """A rule to be made, with its name."""

    name: RuleName


def router(rules: AlarmRules, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/alarm-rules", tags=["alarms"])
    _looking(routes, rules, doors)
    _changing(routes, rules, doors)
    return routes


def _looking(routes: APIRouter, rules: AlarmRules, doors: Doors) -> None:
    @routes.get("", operation_id="listAlarmRules", summary="Alarm rules")
    async def list_rules(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[RuleShown]:
        begin = page.after(str)
        found = await rules.page(person, begin[0] if begin else "", page.fetch)
        return listing([rule_shown(row) for row in found], page, lambda one: (one.name,))

    @routes.get("/{name}", operation_id="getAlarmRule", summary="An alarm rule")
    async def get_rule(name: Name, response: Response, person: Annotated[Person, Depends(doors.person)]) -> RuleShown:
        return _shown(response, await rules.show(person, name))


def _changing(routes: APIRouter, rules: AlarmRules, doors: Doors) -> None:
    @routes.post("", status_code=201, operation_id="makeAlarmRule", summary="Make an alarm rule")
    async def make_rule(
        body: Annotated[RuleMade, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> RuleShown:
        rule = AlarmRule.model_validate(body.model_dump(exclude={"name"}))
        response.headers["Location"] = f"/api/v1/alarm-rules/{body.name}"
        return _shown(response, await rules.put(person, body.name, rule, None))

    @routes.put("/{name}", operation_id="putAlarmRule", summary="Change an alarm rule")
    async def put_rule(
        name: Name, body: Annotated[AlarmRule, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> RuleShown:  # fmt: skip
        return _shown(response, await rules.put(person, name, body, revision))

    @routes.delete("/{name}", status_code=204, operation_id="removeAlarmRule", summary="Remove an alarm rule")
    async def remove_rule(
        name: Name, person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)]
    ) -> None:
        await rules.remove(person, name, revision)


def _shown(response: Response, row: RuleRow) -> RuleShown:
    etags.show(response, row.revision)
    return rule_shown(row)
