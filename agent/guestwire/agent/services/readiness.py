"""Watches consoles for the text that makes a guest ready, and keeps who said so by the guest library (heartbeat); the guest
agent's coming is an event of the driver."""

import asyncio
from collections.abc import Callable, Iterable

from guestwire.agent.services.guest_table import Row
from guestwire.agent.services.ports import OFF, Guests
from guestwire.agent.vital import Vital
from guestwire.model.errors import GuestwireError

BEATING_AT_MOST = 1024
RETRY_S = 5.0
"""When the console is somebody else's for now."""


class Readiness:
    """One watcher for each running guest that has yet to show its text. `proven` is called with the guest's uuid."""

    def __init__(self, driver: Guests, proven: Callable[[str], None], vital: Vital) -> None:
        self._driver = driver
        self._proven = proven
        self._vital = vital
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._beating: set[str] = set()
        """The guests, by name, that said since they were turned on that they are at work."""

    async def __aenter__(self) -> "Readiness":
        return self

    async def __aexit__(self, *_: object) -> None:
        watchers = tuple(self._watchers.values())
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    def heartbeat(self, name: str, row: Row | None) -> None:
        """A guest said that it is at work; `row` None: nobody knows it yet."""
        if len(self._beating) < BEATING_AT_MOST:
            self._beating.add(name)
        if row is not None and row.observed.state == "running":
            self._prove_beating(row)

    def rebooted(self, name: str) -> None:
        """It must say so again."""
        self._beating.discard(name)

    def _prove_beating(self, row: Row) -> None:
        if not row.proven_ready and row.guest.ready_when.by == "heartbeat" and row.guest.name in self._beating:
            self._proven(row.uuid)

    def follow(self, rows: Iterable[Row]) -> None:
        """Start and stop watchers so that they fit the guests as they are now."""
        known = {row.uuid: row for row in rows}
        for uuid in [uuid for uuid in self._watchers if uuid not in known]:
            self.follow_one(uuid, None)
        for uuid, row in known.items():
            self.follow_one(uuid, row)

    def follow_one(self, uuid: str, row: Row | None) -> None:
        """The same for one guest; None: it is gone."""
        text = None
        if row is not None and row.observed.state in OFF:
            self._beating.discard(row.guest.name)
        if row is not None and row.observed.state == "running" and not row.proven_ready:
            self._prove_beating(row)
            rule = row.guest.ready_when
            # a console is one reader's: of another host's guest it is that host's
            text = rule.text if rule.by == "console_text" and not row.observed.of_other else None
        watcher = self._watchers.get(uuid)
        if text is None:
            if watcher is not None:
                self._watchers.pop(uuid).cancel()
        elif watcher is None or watcher.done():
            watcher = asyncio.create_task(self._watch(uuid, text.encode()), name=f"ready-{uuid}")
            self._vital.watch(watcher, may_return=True)
            self._watchers[uuid] = watcher

    async def _watch(self, uuid: str, text: bytes) -> None:
        while True:
            try:
                if await self._seen(uuid, text):
                    self._proven(uuid)
                    return
            except GuestwireError:  # stopped just now, or the console is somebody else's
                await asyncio.sleep(RETRY_S)
            else:
                return  # the console ended: the guest stopped, and a start makes a new watcher

    async def _seen(self, uuid: str, text: bytes) -> bool:
        tail = b""
        async with self._driver.console(uuid) as output:
            async for chunk in output:
                tail += chunk
                if text in tail:
                    return True
                tail = tail[-len(text) :]
        return False
