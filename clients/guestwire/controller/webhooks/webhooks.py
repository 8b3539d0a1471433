"""Webhooks as people deal with them."""

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import Field, StringConstraints

from guestwire.controller.alarms.rule import Severity
from guestwire.controller.feed import Change, Feed
from guestwire.controller.store import audit_rows, webhooks
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.webhooks import Delivery, WebhookRow
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.steps import Now

MOST: Final = 50
Event = Literal["raised", "acknowledged", "cleared"]


class WebhookWords(Document):
    """What people say of a webhook: where it is told, and of what."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    least_severity: Severity = "warning"
    events: Annotated[tuple[Event, ...], Field(min_length=1, max_length=3)] = ("raised", "cleared")
    enabled: bool = True


class Webhooks:
    """Raises DENIED for whoever may not change how the controller talks to other machines."""

    def __init__(
        self,
        database: Database,
        access: Access,
        feed: Feed,
        clock: Callable[[], Now],
        on_due: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._access = access
        self._feed = feed
        self._clock = clock
        self._on_due = on_due

    async def page(self, person: Person, after: str, limit: int) -> list[WebhookRow]:
        """Webhooks by name, those after `after`."""
        self._access.require(person, "webhook-set")
        async with self._database.read() as tx:
            return [row for row in await webhooks.every(tx) if row.name > after][:limit]

    async def show(self, person: Person, webhook_id: str) -> tuple[WebhookRow, Sequence[Delivery]]:
        """One webhook, and what waits to be sent to it. Raises NOT-FOUND."""
        self._access.require(person, "webhook-set")
        async with self._database.read() as tx:
            return await _found(tx, webhook_id), await webhooks.waiting(tx, webhook_id, 100)

    async def make(self, person: Person, words: WebhookWords) -> WebhookRow:
        """A new webhook, with the secret that its receiver checks signatures with: it is told this once. Raises EXISTS,
        INVALID-BODY."""
        self._access.require(person, "webhook-set")
        _check(words.url)
        now_ms = self._clock().wall_ms
        row = WebhookRow(
            ids.text(ids.request_id(now_ms)), words.name, words.url, secrets.token_hex(32), words.least_severity,
            words.events, words.enabled, 1, now_ms, person.name,
        )  # fmt: skip
        async with self._database.write() as tx:
            if await webhooks.named(tx, words.name) is not None:
                raise GuestwireError("EXISTS", f"There is a webhook {words.name} already.")
            if len(await webhooks.every(tx)) >= MOST:
                raise GuestwireError("INVALID-BODY", f"There are {MOST} webhooks, which is the most: remove one first.")
            await webhooks.add(tx, row)
            await self._note(tx, person, row, words.model_dump(mode="json"))
        self._feed.publish(Change("webhook", row.id, document(row)))
        return row

    async def change(self, person: Person, webhook_id: str, words: WebhookWords, revision: int) -> WebhookRow:
        """One that is turned off is told nothing more, not even what waits. Raises NOT-FOUND, REVISION-STALE, EXISTS, INVALID-BODY."""
        self._access.require(person, "webhook-set")
        _check(words.url)
        async with self._database.write() as tx:
            known = await _current(tx, webhook_id, revision)
            other = await webhooks.named(tx, words.name)
            if other is not None and other.id != webhook_id:
                raise GuestwireError("EXISTS", f"There is a webhook {words.name} already.")
            row = replace(
                known, **words.model_dump(), revision=known.revision + 1, changed_at=self._clock().wall_ms,
                changed_by=person.name,
            )  # fmt: skip
            if not row.enabled:  # nobody wants to be told later of what happened before
                row = replace(row, dropped=row.dropped + await webhooks.drop_waiting(tx, webhook_id))
            await webhooks.put(tx, row)
            await self._note(tx, person, row, words.model_dump(mode="json"))
        self._feed.publish(Change("webhook", row.id, document(row)))
        return row

    async def remove(self, person: Person, webhook_id: str, revision: int) -> None:
        """Raises NOT-FOUND, REVISION-STALE."""
        self._access.require(person, "webhook-set")
        async with self._database.write() as tx:
            known = await _current(tx, webhook_id, revision)
            await webhooks.remove(tx, webhook_id)
            await self._note(tx, person, known, {"removed": True})
        self._feed.publish(Change("webhook", webhook_id, None))

    async def try_out(self, person: Person, webhook_id: str) -> None:
        """Send something, to see whether it gets there; what came of it, `show` tells. Raises NOT-FOUND."""
        self._access.require(person, "webhook-set")
        now_ms = self._clock().wall_ms
        async with self._database.write() as tx:
            known = await _found(tx, webhook_id)
            said = {"text": f"A trial, asked for by {person.name}."}
            await webhooks.enqueue(tx, "trial", "critical", "", said, now_ms, only=known.id)
            await self._note(tx, person, known, {"trial": True})
        self._on_due()

    async def _note(self, tx: Tx, person: Person, row: WebhookRow, detail: dict[str, object]) -> None:
        entry = AuditEntry(self._clock().wall_ms, person, "webhook-set", row.name, detail=detail)
        await audit_rows.add(tx, entry)


def document(row: WebhookRow) -> dict[str, object]:
    """A webhook as JSON has it; its secret is not shown."""
    return {
        "id": row.id, "name": row.name, "url": row.url, "least_severity": row.least_severity,
        "events": list(row.events), "enabled": row.enabled, "revision": row.revision, "changed_at": row.changed_at,
        "changed_by": row.changed_by, "delivered_at": row.delivered_at, "failed_at": row.failed_at,
        "failure": row.failure, "dropped": row.dropped,
    }  # fmt: skip


def _check(url: str) -> None:
    """What leaves this machine goes by TLS."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        sound = parts.scheme in ("http", "https") and host and not parts.username and parts.port != 0
        sound = sound and bool(httpx.URL(url).host)  # which says no to names that cannot be asked for
    except (ValueError, httpx.InvalidURL):
        sound, host, parts = False, "", None
    if not sound or parts is None:
        raise GuestwireError("INVALID-BODY", "A webhook's URL is https://HOST/PATH, without a user in it.", field="url")
    if parts.scheme == "http" and not _loopback(host):
        text = "Without TLS a webhook may only go to this machine itself: give an https URL."
        raise GuestwireError("INVALID-BODY", text, field="url")


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _found(tx: Tx, webhook_id: str) -> WebhookRow:
    found = await webhooks.one(tx, webhook_id)
    if found is None:
        raise GuestwireError("NOT-FOUND", f"There is no webhook {webhook_id}.")
    return found


async def _current(tx: Tx, webhook_id: str, revision: int) -> WebhookRow:
    known = await _found(tx, webhook_id)
    if known.revision != revision:
        raise GuestwireError("REVISION-STALE", detail={"revision": known.revision})
    return known
