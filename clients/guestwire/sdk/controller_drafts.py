"""Drafts that a controller keeps: read and written there, with the same text and the same edits as one on this machine.

A change is made from the text as it was read, and refused (REVISION-STALE) where somebody else was quicker. Which revision of its host a
draft was edited from is the controller's to say: it is pulled there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.sdk.bulk import each
from guestwire.sdk.project_store import Draft, ProjectStore, loaded

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller

T = TypeVar("T")
Ask = Callable[[Callable[["Controller"], Awaitable[T]]], Awaitable[T]]
"""Asks the controller something, over a connection of its own."""
Found = tuple[dict[str, Any], str | None]
"""A draft as the controller has it, and its ETag."""


class ControllerDraft(Draft):
    """The draft of a host at the controller. `path`: beside it is its text while a person edits it. `found`: as it was read
    already; a change is made from that. None: it is read whenever something of it is wanted."""

    def __init__(self, path: Path, host: str, ask: Ask[Any], found: Found | None = None) -> None:
        super().__init__(path, host)
        self._ask = ask
        self._found = found

    @property
    def where(self) -> str:
        return f"the draft of {self.host} at the controller"

    @property
    def exists(self) -> bool:
        return self._read() is not None

    @property
    def touched_ms(self) -> int:
        found = self._read()
        return 0 if found is None else int(found[0]["at"])

    def text(self) -> str:
        found = self._read()
        if found is None:
            raise GuestwireError("DRAFT-MISSING", f"The controller has no draft for {self.host}.")
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return str(found[0]["text"])

    def change(self, edit: Callable[[str], str]) -> Desired:
        found = self._read()
        before = "" if found is None else str(found[0]["text"])
        after = edit(before)
        wanted = self.of(loaded(after, self.path))
        if after != before:
            headers = {"If-None-Match": "*"} if found is None else {}
            etag = None if found is None else found[1]

            async def put(controller: "Controller") -> None:
                where = f"/drafts/{controller.ref(self.host)}"
                await controller.http.ask("PUT", where, body={"text": after}, etag=etag, headers=headers)

            self._change(put)
        return wanted

    def pull(self, how: Literal["replace", "merge"]) -> None:
        """Make it what its host has now; merge: with the draft's edits on top."""
        found = self._read()
        more: dict[str, Any] = {"discard": found[0]["revision"]} if how == "replace" and found is not None else {}
        if how == "merge":
            more["prefer"] = "mine"

        async def pulled(controller: "Controller") -> None:
            where = f"/drafts/{controller.ref(self.host)}/pull"
            await controller.http.ask("POST", where, body={"how": how, **more})

        self._change(pulled)

    def discard(self) -> None:
        """Throw it away. Raises DRAFT-MISSING, REVISION-STALE."""
        found = self._read()
        if found is None:
            raise GuestwireError("DRAFT-MISSING", f"The controller has no draft for {self.host}.")
        etag = found[1]

        async def deleted(controller: "Controller") -> None:
            await controller.http.ask("DELETE", f"/drafts/{controller.ref(self.host)}", etag=etag)

        self._change(deleted)

    def _read(self) -> Found | None:
        """The draft, with its ETag; None: there is none."""
        return self._found or at_once(self._ask, lambda controller: _there(controller, self.host))

    def _change(self, work: Callable[["Controller"], Awaitable[None]]) -> None:
        at_once(self._ask, work)
        self._found = None


class ControllerStore(ProjectStore):
    """The drafts of a site at a controller. What hosts were like when they were last asked is remembered on this machine."""

    def __init__(self, root: Path, context: str, ask: Ask[Any]) -> None:
        super().__init__(root, context)
        self._ask = ask

    def draft(self, host: str) -> ControllerDraft:
        return ControllerDraft(self._path(host), host, self._ask)

    def drafts(self) -> tuple[Draft, ...]:
        return tuple(self.draft(host) for host in at_once(self._ask, _hosts))

    def read(self, hosts: Collection[str] | None = None) -> dict[str, Draft]:
        async def every(controller: "Controller") -> dict[str, Draft]:
            async def one(host: str) -> ControllerDraft | None:
                found = await _there(controller, host)
                return None if found is None else ControllerDraft(self._path(host), host, self._ask, found)

            wanted = [host for host in await _hosts(controller) if hosts is None or host in hosts]
            outcomes = await each(wanted, one)
            for outcome in outcomes:
                if outcome.error is not None:
                    raise outcome.error
            return {outcome.target: outcome.result for outcome in outcomes if outcome.result is not None}

        found: dict[str, Draft] = at_once(self._ask, every)
        return found

    def forget(self, host: str) -> None:
        draft = self.draft(host)
        draft.discard()
        for path in (draft.edited_copy, draft.edited_from, self._base(host), self._plan(host)):
            path.unlink(missing_ok=True)


async def _hosts(controller: "Controller") -> list[str]:
    """The hosts of the site that the controller has a draft for."""
    return [one["host"] async for one in controller.http.pages("/drafts") if one["site"] == controller.site]


async def _there(controller: "Controller", host: str) -> Found | None:
    """The draft of a host as it is now; None: there is none."""
    try:
        said = await controller.http.ask("GET", f"/drafts/{controller.ref(host)}")
    except GuestwireError as err:
        if err.code in ("NOT-FOUND", "DRAFT-MISSING"):
            return None
        raise
    return said.document, said.etag


def at_once(ask: Ask[T], work: Callable[["Controller"], Awaitable[T]]) -> T:
    """The answer, waited for where it is asked, be that within a loop or not: whoever reads a file waits for it as well."""

    async def asked() -> T:
        return await ask(work)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(asked())
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, asked()).result()
