"""Watches consoles for the text that makes a guest ready, and keeps who said so by the guest library (heartbeat); the guest
agent's coming is an event of the driver."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import Protocol

from guestwire.agent.services.guest_table import Row
from guestwire.agent.services.ports import OFF, BeforeItRuns
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

BEATING_AT_MOST = 1024
RETRY_S = 5.0
"""When the console is somebody else's for now."""


class Consoles(Protocol):
    """Where consoles are read: as the driver's `console`."""

    def console(self, uuid: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class Readiness:
    """One watcher for each running guest that has yet to show its text. `proven` is called with the guest's uuid; False: it is
    not known to run yet."""

    def __init__(self, consoles: Consoles, proven: Callable[[str], bool], vital: Vital) -> None:
        self._consoles = consoles
        self._proven = proven
        self._vital = vital
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._starting: set[str] = set()
        self._shown: set[str] = set()
        """The guests, by uuid, that showed their text before they were known to run."""
        self._beating: set[str] = set()
        """The guests, by name, that said since they were turned on that they are at work."""

    async def __aenter__(self) -> "Readiness":
        return self

    async def __aexit__(self, *_: object) -> None:
        watchers = tuple(self._watchers.values())
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    @contextmanager
    def starting(self, guest: Guest) -> Iterator[BeforeItRuns | None]:
        """While a guest is turned on: its watcher, if it needs one, comes before it runs, by what is given to the driver. A
        guest may say what makes it ready a few ms later, and says it once."""
        uuid, rule = guest.uuid or "", guest.ready_when
        self._starting.add(uuid)
        self._shown.discard(uuid)
        try:
            text = rule.text if rule.by == "console_text" else None
            yield None if text is None else partial(self._listen, uuid, text.encode())
        finally:
            self._starting.discard(uuid)

    async def _listen(self, uuid: str, text: bytes) -> None:
        listening = asyncio.Event()
        self._start_watching(uuid, text, listening)
        await listening.wait()

    def heartbeat(self, name: str, row: Row | None) -> None:
        """A guest said that it is at work; `row` None: nobody knows it yet."""
        if len(self._beating) < BEATING_AT_MOST:
            self._beating.add(name)
        if row is not None and row.observed.state == "running":
            self._prove_beating(row)

    def rebooted(self, guest: Guest) -> None:
        """It must say so again."""
        self._beating.discard(guest.name)
        self._shown.discard(guest.uuid or "")

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
            if uuid in self._starting:
                return
        if row is None or row.observed.state in OFF:
            self._shown.discard(uuid)
        if row is not None and row.observed.state == "running" and not row.proven_ready:
            self._prove_beating(row)
            if uuid in self._shown and self._proven(uuid):
                self._shown.discard(uuid)
                return
            rule = row.guest.ready_when
            # a console is one reader's: of another host's guest it is that host's
            text = rule.text if rule.by == "console_text" and not row.observed.of_other else None
        watcher = self._watchers.get(uuid)
        if text is None:
            if watcher is not None:
                self._watchers.pop(uuid).cancel()
        elif watcher is None or watcher.done():
            self._start_watching(uuid, text.encode(), asyncio.Event())

    def _start_watching(self, uuid: str, text: bytes, listening: asyncio.Event) -> None:
        if (earlier := self._watchers.pop(uuid, None)) is not None:
            earlier.cancel()
        watcher = asyncio.create_task(self._watch(uuid, text, listening), name=f"ready-{uuid}")
        self._vital.watch(watcher, may_return=True)
        self._watchers[uuid] = watcher

    async def _watch(self, uuid: str, text: bytes, listening: asyncio.Event) -> None:
        """`listening` is set when the console is open, or cannot be had for now."""
        try:
            while not await self._seen_once(uuid, text, listening):
                listening.set()
                await asyncio.sleep(RETRY_S)
        finally:
            listening.set()

    async def _seen_once(self, uuid: str, text: bytes, listening: asyncio.Event) -> bool:
        """Whether there is nothing more to watch for: the text was seen, or the console ended: the guest stopped, and a start
        makes a new watcher."""
        try:
            if await self._seen(uuid, text, listening) and not self._proven(uuid):
                self._shown.add(uuid)
        except GuestwireError:  # stopped just now, or the console is somebody else's
            return False
        return True

    async def _seen(self, uuid: str, text: bytes, listening: asyncio.Event) -> bool:
        tail = b""
        async with self._consoles.console(uuid) as output:
            listening.set()
            async for chunk in output:
                tail += chunk
                if text in tail:
                    return True
                tail = tail[-len(text) :]
        return False
