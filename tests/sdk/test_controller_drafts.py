"""Drafts at a controller, as commands read and write them: how often it is asked for what."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.sdk.controller_drafts import ControllerStore

TEXT = "schema = 1\n\n[hosts.h1.guests.web]\nvcpus = 2\n"


class Asked:
    """A controller with drafts, and how often it was connected to. `quicker`: somebody else has changed them all meanwhile."""

    def __init__(self, *hosts: str) -> None:
        self.drafts = {host: {"text": TEXT.replace("h1", host), "at": 7, "revision": 1} for host in hosts}
        self.connections = 0
        self.quicker = False

    async def __call__(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        self.connections += 1
        return await work(SimpleNamespace(site="plant", ref=lambda host: f"plant/{host}", http=self))

    async def pages(self, path: str) -> AsyncIterator[dict[str, str]]:
        for site, host in (("lab", "h1"), *(("plant", host) for host in self.drafts)):
            yield {"site": site, "host": host}

    async def ask(self, method: str, path: str, *, body: Any = None, etag: str | None = None, **_: Any) -> Any:
        host = path.rpartition("/")[2]
        if host not in self.drafts:
            raise GuestwireError("NOT-FOUND")
        if method == "PUT":
            if self.quicker:
                raise GuestwireError("REVISION-STALE")
            assert etag == f'"{self.drafts[host]["revision"]}"'
            self.drafts[host] = {"text": body["text"], "at": 8, "revision": 2}
        return SimpleNamespace(document=self.drafts[host], etag=f'"{self.drafts[host]["revision"]}"')


def store(asked: Asked, folder: Path) -> ControllerStore:
    return ControllerStore(folder, "c", asked)


def test_all_drafts_are_read_over_one_connection(tmp_path: Path) -> None:
    asked = Asked("h1", "h2", "h3")
    found = store(asked, tmp_path).read()
    assert list(found) == ["h1", "h2", "h3"]
    for draft in found.values():
        assert draft.exists
        assert (draft.touched_ms, [guest.vcpus for guest in draft.desired().guests]) == (7, [2])
    assert asked.connections == 1
    assert list(store(asked, tmp_path).read(["h2", "h9"])) == ["h2"]


def test_a_draft_that_was_read_is_changed_from_that(tmp_path: Path) -> None:
    asked = Asked("h1")
    draft = store(asked, tmp_path).read()["h1"]
    draft.change(lambda text: text.replace("= 2", "= 3"))
    assert "vcpus = 3" in draft.text()
    again = store(asked, tmp_path).read()["h1"]
    asked.quicker = True
    with pytest.raises(GuestwireError, match="REVISION-STALE"):
        again.change(lambda text: text.replace("= 3", "= 4"))
