"""The dashboard among what the controller is asked: the page for every address that is a page's, and the files of builds.

It comes before anybody asks who somebody is: the form that they log in with is in it. It holds nothing that is not in the program that
everybody can have; what is of this installation comes by the API.
"""

import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from guestwire.controller.dashboard.assets import Assets, Build
from guestwire.controller.dashboard.content import PLACE, Content, answer
from guestwire.model.errors import GuestwireError

READING: Final = frozenset({"GET", "HEAD"})
FAVICON: Final = "/favicon.ico"
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
OTHERS: Final = ("api", "metrics", "healthz", "readyz")
"""What the first part of an address is where it is none of the dashboard's."""
_NAMED: Final = ("/hosts/", "/projects/", "/users/")
"""Below these an address has names that people chose, and these may have a dot."""
_A_FILE: Final = re.compile(
    r"\.(html?|php\d?|aspx?|jsp|cgi|m?js|ts|css|map|json|xml|txt|ico|png|jpe?g|gif|svg|webp|woff2?|wasm|zip|t?gz|tar|sql|bak|ya?ml"
    r"|ini|conf|env|log|md|pdf|py|sh)$",
    re.IGNORECASE,
)


class Dashboard:
    """Answers what is asked of the dashboard; all else goes on to the API."""

    def __init__(self, app: ASGIApp, assets: Assets) -> None:
        self._app = app
        self._assets = assets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = None
        if scope["type"] == "http" and scope["method"] in READING:
            response = await self._answer(scope["path"], {**Headers(scope=scope), ":method": scope["method"]})
        await (self._app if response is None else response)(scope, receive, send)

    async def _answer(self, path: str, asked: Mapping[str, str]) -> Response | None:
        """None: it is none of the dashboard's. Raises NOT-FOUND for a file that there is not."""
        if path.startswith(PLACE) or path == PLACE.rstrip("/"):
            return await self._file(path.removeprefix(PLACE), asked)
        if path.lstrip("/").partition("/")[0] in OTHERS:
            return None
        newest = await self._assets.newest()
        if newest.page is None:
            return None
        if path == FAVICON and newest.icon is not None:
            return answer(newest.icon, asked, {"Cache-Control": ASK_AGAIN})
        if _A_FILE.search(path) and not path.startswith(_NAMED):
            raise _no_such_file()
        return _page(newest.page, newest, asked)

    async def _file(self, rest: str, asked: Mapping[str, str]) -> Response:
        name, _, inner = rest.partition("/")
        build = await self._assets.build(name)
        found = None if build is None else await build.content(inner)
        if found is None:
            raise _no_such_file()
        return answer(found, asked, {"Cache-Control": FOR_EVER})


def _page(made: Content, build: Build, asked: Mapping[str, str]) -> Response:
    return answer(made, asked, {"Cache-Control": ASK_AGAIN, "Content-Security-Policy": build.policy})


def _no_such_file() -> GuestwireError:
    return GuestwireError("NOT-FOUND", "There is no such file.")
