"""Somebody who is told of alarms by a webhook: a real server, and how its people see that it was the controller who told it."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from guestwire.controller.serving import serving

WITHIN_S = 10.0


class WebhookReceiver:
    """Keeps what comes, headers and body; answers with `status`."""

    def __init__(self) -> None:
        self.status = 204
        self.came: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue(100)
        self.url = ""
        self.on_request: Callable[[], None] = lambda: None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while (part := await receive()).get("more_body") or part["type"] == "http.request":
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        self.on_request()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        self.came.put_nowait(({key.decode(): value.decode() for key, value in scope["headers"]}, body))

    async def next(self) -> dict[str, Any]:
        """What comes next."""
        async with asyncio.timeout(WITHIN_S):
            return dict(json.loads((await self.came.get())[1]))


@asynccontextmanager
async def webhook_receiver() -> AsyncIterator[WebhookReceiver]:
    """One that listens while the block lasts."""
    receiver = WebhookReceiver()
    async with serving(receiver, ("127.0.0.1", 0)) as url:
        receiver.url = f"{url}/alarms"
        yield receiver


def signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the controller signed this body, and says when."""
    moment, _, made = headers["guestwire-signature"].partition(",")
    wanted = hmac.new(secret.encode(), moment.removeprefix("t=").encode() + b"." + body, hashlib.sha256)
    return made == f"v1={wanted.hexdigest()}"
