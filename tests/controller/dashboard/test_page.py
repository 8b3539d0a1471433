"""The page: at which addresses it is, what is put into it, and what it may load."""

import base64
import hashlib
import json
import re

import pytest
from api_world import code

from guestwire.controller.dashboard.assets import WEB
from guestwire.controller.dashboard.page import BOOT, page

PAGES = (
    "/", "/jobs", "/jobs/", "/hosts/demo/h1.plant/cpu", "/hosts/demo/h1/guests/net.sh", "/help/controller/api", "/apis",
    "/projects/line.json", "/?q=x&mode=config", "/web2", "/hosts/demo/a%20b",
)  # fmt: skip
NOT_PAGES = ("/x.js", "/wp-login.php", "/robots.txt", "/.env", "/a/b.PNG", "/index.html", "/help/controller/api.md")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_address_has_the_page(site, path):
    answer = await site.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text == (await site.get("/")).text


@pytest.mark.parametrize("path", NOT_PAGES)
async def test_what_looks_like_a_file_is_none(site, path):
    answer = await site.get(path)
    assert (answer.status_code, code(answer)) == (404, "NOT-FOUND")


async def test_the_api_stays_what_it_was(site):
    for path in ("/api/v1/nothing", "/api", "/api/", "//api/v1/nothing", "/metrics"):
        answer = await site.get(path)
        assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED"), path
    assert (await site.get("/healthz")).json() == {"ok": True}
    assert (await site.get("/readyz")).json()["ready"] is True
    document = (await site.get("/api/v1/openapi.json")).json()
    assert not [path for path in document["paths"] if not path.startswith(("/api/v1/", "/healthz", "/readyz"))]
    posted = await site.client.post(site.url + "/jobs")
    assert posted.status_code == 401


async def test_a_name_that_is_not_ours_has_no_page(site):
    for path in ("/", await site.base() + "main.js"):
        answer = await site.get(path, Host="evil.example")
        assert (answer.status_code, code(answer)) == (421, "HOST-NAME-REFUSED")


async def test_the_page_is_asked_for_each_time(site):
    tag = (await site.get("/")).headers["etag"]
    assert (await site.get("/jobs", If_None_Match=tag)).status_code == 304
    site.write("styles/new.css", "")
    changed = await site.get("/jobs", If_None_Match=tag)
    assert changed.status_code == 200
    assert "styles/new.css" in changed.text


async def test_who_asks_does_not_matter(site):
    """An old session, or a token that does not count, must not keep anybody from logging in."""
    assert (await site.get("/", Cookie="guestwire_session=old")).status_code == 200
    assert (await site.get("/", Authorization="Bearer gwt_wrong")).status_code == 200
    assert not await site.world.rows()


async def test_the_policy(site):
    answer = await site.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    scripts = re.findall(r"<script(?: type=.importmap.)?>(.*?)</script>", answer.text, re.DOTALL)
    assert scripts[0] == site.web.joinpath("boot.js").read_text()
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    assert policy.pop("script-src") == f"'self' 'sha256-{digests[0]}' 'sha256-{digests[1]}'"
    assert policy.pop("style-src") == "'self' 'unsafe-inline'"
    assert policy.pop("img-src") == "'self' data:"
    assert {policy.pop(name) for name in ("font-src", "connect-src", "manifest-src")} == {"'self'"}
    assert set(policy.values()) == {"'none'"}
    assert set(policy) == {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert answer.headers["x-frame-options"] == "DENY"


async def test_what_is_put_into_the_page(site):
    text, base = (await site.get("/")).text, await site.base()
    found = re.search(r'<script type="importmap">(.*?)</script>', text)
    assert found is not None
    assert json.loads(found[1]) == {"imports": {"lit": f"{base}vendor/lit/index.js", "lit/": f"{base}vendor/lit/"}}
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)">', text)
    assert styles == [f"{base}styles/{name}.css" for name in ("tokens", "base", "parts", "area")]
    early = re.findall(r'<link rel="modulepreload" href="([^"]+)">', text)
    assert early == [base + name for name in ("core/a.js", "vendor/lit/index.js", "core/b.js", "vendor/lit/map.js")]
    assert text.count('<script type="module"') == 1
    assert f'<script type="module" src="{base}main.js"></script>' in text
    assert "{{" not in text
    for address in (*styles, *early, f"{base}main.js", f"{base}icon.svg"):
        assert (await site.get(address)).status_code == 200


async def test_the_icon(site):
    answer = await site.get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    (site.web / "icon.svg").unlink()
    assert (await site.get("/favicon.ico")).status_code == 404


async def test_where_there_is_no_page(site):
    (site.web / "index.html").unlink()
    assert code(await site.get("/")) == "UNAUTHENTICATED"


def test_what_is_in_the_page_itself_does_not_end_before_its_end() -> None:
    boot = WEB.joinpath(BOOT).read_text("utf-8")
    assert not re.search(r"</|<!--|<script", boot)
    assert boot.isascii(), "its digest is of bytes"


def test_an_import_map_cannot_end_its_script() -> None:
    files = {"index.html": b"<!-- importmap -->", "vendor/manifest.json": b'{"imports": {"</script>": "x.js"}}'}
    made = page(files, "/web/b/")
    assert made is not None
    assert made.text.count("</script>") == 1


def test_the_view_that_most_begin_with_comes_with_the_program():
    files = {
        "index.html": b"<!-- preload -->", "main.js": b'import "./core/api.js";', "core/api.js": b"",
        "views/fleet/overview.js": b'import "./table.js";\nimport "../../core/api.js";', "views/fleet/table.js": b"",
    }  # fmt: skip
    made = page(files, "/web/1/")
    assert made is not None
    early = re.findall(r'<link rel="modulepreload" href="/web/1/([^"]+)">', made.text)
    assert early == ["core/api.js", "views/fleet/overview.js", "views/fleet/table.js"]
