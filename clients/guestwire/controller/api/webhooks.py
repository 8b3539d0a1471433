"""Webhooks over HTTP: /api/v1/webhooks."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.store.webhooks import Delivery, WebhookRow
from guestwire.controller.users.person import Person
from guestwire.controller.webhooks.webhooks import Webhooks, WebhookWords, document
from guestwire.model.base import Model

_EXAMPLE = "0198c2f4-5a31-7c3e-9a51-2f6d0c1b8e77"
WebhookId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$", description="The webhook's id.", examples=[_EXAMPLE])]


class WebhookShown(Model):
    """A webhook. `delivered_at`: when its receiver last took something; `failed_at` and `failure`: when it last did not, and why;
    `dropped`: what was given up, after a day or because too much waited."""

    id: str
    name: str
    url: str
    least_severity: str
    events: tuple[str, ...]
    enabled: bool
    revision: int
    changed_at: int
    changed_by: str
    delivered_at: int | None
    failed_at: int | None
    failure: str
    dropped: int


class WebhookMade(WebhookShown):
    """A new webhook. `secret`: what its receiver checks the header Guestwire-Signature with; it is shown this once."""

    secret: str = Field(repr=False)


class Waiting(Model):
    """Something that is still to be sent. `tries`: how often it was; `next_at`: when it goes next."""

    event: str
    at: int
    tries: int
    next_at: int
    said: dict[str, Any]


class WebhookDetail(WebhookShown):
    """A webhook with what waits to be sent to it, the oldest first, a hundred at most."""

    waiting: tuple[Waiting, ...]


def router(webhooks: Webhooks, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/webhooks", tags=["alarms"])
    _looking(routes, webhooks, doors)
    _changing(routes, webhooks, doors)
    return routes


def _looking(routes: APIRouter, webhooks: Webhooks, doors: Doors) -> None:
    @routes.get("", operation_id="listWebhooks", summary="Webhooks")
    async def list_webhooks(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[WebhookShown]:
        begin = page.after(str)
        found = await webhooks.page(person, begin[0] if begin else "", page.fetch)
        return listing([_plain(row) for row in found], page, lambda one: (one.name,))

    @routes.get("/{webhook_id}", operation_id="getWebhook", summary="A webhook, with what waits to be sent")
    async def get_webhook(
        webhook_id: WebhookId, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> WebhookDetail:
        row, waiting = await webhooks.show(person, webhook_id)
        etags.show(response, row.revision)
        return WebhookDetail(**dict(_plain(row)), waiting=tuple(_waiting(one) for one in waiting))


def _changing(routes: APIRouter, webhooks: Webhooks, doors: Doors) -> None:
    @routes.post(
        "", status_code=201, operation_id="makeWebhook", summary="Make a webhook", dependencies=[Depends(doors.secret)]
    )
    async def make_webhook(
        body: Annotated[WebhookWords, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> WebhookMade:
        row = await webhooks.make(person, body)
        etags.show(response, row.revision)
        response.headers["Location"] = f"/api/v1/webhooks/{row.id}"
        return WebhookMade(**dict(_plain(row)), secret=row.secret)

    @routes.put("/{webhook_id}", operation_id="putWebhook", summary="Change a webhook")
    async def put_webhook(
        webhook_id: WebhookId, body: Annotated[WebhookWords, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> WebhookShown:  # fmt: skip
        row = await webhooks.change(person, webhook_id, body, revision)
        etags.show(response, row.revision)
        return _plain(row)

    @routes.delete("/{webhook_id}", status_code=204, operation_id="removeWebhook", summary="Remove a webhook")
    async def remove_webhook(
        webhook_id: WebhookId, person: Annotated[Person, Depends(doors.person)],
        revision: Annotated[int, Depends(if_match)],
    ) -> None:  # fmt: skip
        await webhooks.remove(person, webhook_id, revision)

    @routes.post(
        "/{webhook_id}/trial", status_code=202, operation_id="tryWebhook", summary="Send something to a webhook"
    )
    async def try_webhook(webhook_id: WebhookId, person: Annotated[Person, Depends(doors.person)]) -> None:
        await webhooks.try_out(person, webhook_id)


def _plain(row: WebhookRow) -> WebhookShown:
    return WebhookShown.model_validate({**document(row), "events": row.events})


def _waiting(one: Delivery) -> Waiting:
    return Waiting(event=one.event, at=one.at, tries=one.tries, next_at=one.next_at, said=one.document)
