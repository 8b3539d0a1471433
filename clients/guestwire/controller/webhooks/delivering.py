"""Sends what webhooks are to be told, each until its receiver has taken it, or a day is over.

Each webhook in order: one receiver that is away holds up nobody else, and gets things in the order in which they happened.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Final

import httpx

from guestwire.controller.store import webhooks
from guestwire.controller.store.database import Database
from guestwire.controller.store.webhooks import Delivery, WebhookRow
from guestwire.controller.webhooks.signature import HEADER, signature
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

WITHIN_S: Final = 10.0
"""How long a receiver may take."""
GIVE_UP_MS: Final = 24 * 3_600_000
FIRST_PAUSE_MS: Final = 5_000
LONGEST_PAUSE_MS: Final = 3_600_000
LOOK_S: Final = 60.0
"""How often it is looked whether there is something to send, if nobody says so: another controller may have left it."""
AT_ONCE: Final = 50
"""Of one webhook, before the others have their turn; and nothing more begins after WITHIN_S."""


class Delivering(OwnTask):
    """Works while its block lasts. `client`: without redirects."""

    def __init__(self, database: Database, client: httpx.AsyncClient, clock: Callable[[], Now]) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._some = asyncio.Event()
        self._some.set()
        super().__init__("webhooks")

    def wake(self) -> None:
        """There is something to send."""
        self._some.set()

    async def _run(self) -> None:
        while True:
            self._some.clear()
            try:
                wait_s = await self._send_due()
            except GuestwireError:  # the database takes nothing now: what was sent may go once more
                wait_s = LOOK_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._some.wait()
            except TimeoutError:
                continue

    async def _send_due(self) -> float:
        """Send what is due; seconds until there is more."""
        now_ms = self._clock().wall_ms
        async with self._database.read() as tx:
            due = [(row, await webhooks.due(tx, row.id, now_ms, AT_ONCE)) for row in await webhooks.every(tx)]
        async with asyncio.TaskGroup() as sending:
            for receiver, some in due:
                if some:
                    sending.create_task(self._to_one(receiver, some))
        async with self._database.read() as tx:
            next_at = await webhooks.next_at(tx)
        if next_at is None:
            return LOOK_S
        return min(LOOK_S, max(0.05, (next_at - self._clock().wall_ms) / 1000))

    async def _to_one(self, receiver: WebhookRow, some: list[Delivery]) -> None:
        """In order, to the first that is not taken: what comes after it waits with it. A slow receiver gets the rest in its next
        turn: the others do not wait for all of it."""
        began = self._clock().mono
        for one in some:
            if self._clock().mono - began >= WITHIN_S:
                return
            why = await self._sent(receiver, one)
            now_ms = self._clock().wall_ms
            try:
                async with self._database.write() as tx:
                    if why is not None:
                        await webhooks.failed(tx, one, why, now_ms, again_at(one, now_ms))
                        return
                    await webhooks.delivered(tx, one, now_ms)
            except GuestwireError:  # it is still to be sent, and may go once more
                return

    async def _sent(self, receiver: WebhookRow, one: Delivery) -> str | None:
        """Why the receiver did not take it; None: it did."""
        now_s = self._clock().wall_ms // 1000
        body = json.dumps({"event": one.event, "at": one.at, "alarm": one.document}, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json", "User-Agent": "guestwire-controller",
            "Guestwire-Delivery": str(one.id), HEADER: signature(receiver.secret, body, now_s),
        }  # fmt: skip
        try:
            async with (
                asyncio.timeout(WITHIN_S),
                self._client.stream("POST", receiver.url, content=body, headers=headers) as answer,
            ):
                if answer.is_success:
                    return None
                return f"HTTP status {answer.status_code}"
        except TimeoutError:
            return f"no answer within {WITHIN_S:g} s"
        except httpx.HTTPError as err:
            return f"{type(err).__name__}: {err}"[:300]
        except (httpx.InvalidURL, UnicodeError) as err:
            return f"its URL cannot be used: {err}"[:300]


def again_at(one: Delivery, now_ms: int) -> int | None:
    """When to send again what was not taken, Unix ms: after 5 s, doubling to an hour; None: a day is over."""
    if now_ms - one.at >= GIVE_UP_MS:
        return None
    return now_ms + int(min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(one.tries, 20)))
