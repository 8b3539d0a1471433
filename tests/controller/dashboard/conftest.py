"""The dashboard over a folder of the test's own, in the whole application, served over HTTP."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from api_world import World, api_world

from guestwire.controller.api import health
from guestwire.controller.api.app import Parts, application
from guestwire.controller.api.limits import Limits
from guestwire.controller.dashboard.assets import Assets
from guestwire.controller.serving import serving
from guestwire.controller.store.database import open_database

TEMPLATE = """<!doctype html><html lang="en"><head><title>x</title><link rel="icon" href="{{base}}icon.svg">
<!-- boot -->
<!-- importmap -->
<!-- styles -->
<!-- preload -->
</head><body></body></html>"""
FILES = {
    "index.html": TEMPLATE,
    "boot.js": "const first = 1 < 2;\n",
    "main.js": 'import { a } from "./core/a.js";\nimport("./views/late.js");\nimport "lit";\n' + "// long\n" * 200,
    "core/a.js": 'export * from "./b.js";\nexport const a = 1;\n',
    "core/b.js": 'import { map } from "lit/map.js";\nimport { late } from "../core/a.js";\n',
    "views/late.js": "export const late = 1;\n",
    "styles/tokens.css": ":root {}",
    "styles/parts.css": ".part {}",
    "styles/base.css": "body {}",
    "styles/area.css": ".area {}",
    "vendor/manifest.json": '{"packages": [], "imports": {"lit": "lit/index.js", "lit/": "lit/"}}',
    "vendor/lit/index.js": 'import"@lit/none";export*from"./map.js";',
    "vendor/lit/map.js": "export const map = 1;",
    "vendor/lit/LICENSE": "words",
    "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "font.woff2": "x" * 2000,
    "types/api.d.ts": "export {};",
    "tsconfig.json": "{}",
    "core/__pycache__/a.js": "old",
    "stray.py": "secret = 1",
}
DOCUMENTS = {
    "index.md": "# First\n\n- [Second](second.md#two-words)\n- [Inner](inner/index.md)\n\n![picture](images/a.svg)\n",
    "second.md": "# Second\n\n## Two words\n\nFound here.\n",
    "inner/index.md": "# Inner\n\n[up](../second.md), [api](../reference/openapi.json), [gone](../x.json)\n",
    "images/a.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "generate.py": "secret = 1",
}
AS_A_BROWSER = httpx.Limits(max_connections=6)


@dataclass(frozen=True)
class Site:
    """A controller that serves. `web`, `documents`: its folders."""

    world: World
    url: str
    client: httpx.AsyncClient
    web: Path
    documents: Path

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(self.url + path, headers=_named(headers))

    async def head(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.head(self.url + path, headers=_named(headers))

    async def base(self) -> str:
        """Where the newest build is, as the page says."""
        text = (await self.get("/")).text
        return text.partition('href="')[2].partition("icon.svg")[0]

    def write(self, name: str, text: str) -> None:
        write(self.web, {name: text})


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {"Accept-Encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
async def site(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Site]:
    """A controller's API with a dashboard. It lets an address have few requests, and many files."""
    shutil.copy(sqlite_template, tmp_path / "controller.db")
    web, documents = tmp_path / "web", tmp_path / "docs"
    write(web, FILES)
    write(documents, DOCUMENTS)
    async with open_database(f"sqlite:///{tmp_path / 'controller.db'}") as database, api_world(database) as world:
        app = application(
            Parts(
                identities=world.identities, database=database, log=world.log, clock=world.clock,
                limits=Limits(address_burst=60), routers=(), outside=(health.router(database, dict),),
                dashboard=Assets(web, documents, "1"),
            )
        )  # fmt: skip
        async with serving(app, ("127.0.0.1", 0)) as url, httpx.AsyncClient(limits=AS_A_BROWSER) as client:
            yield Site(world, url, client, web, documents)
