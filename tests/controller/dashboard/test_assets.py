"""The files of the dashboard over HTTP: what a browser may keep, what it gets packed, what it does not get at all."""

import asyncio
import gzip
import os
from pathlib import Path

import pytest
from api_world import code

from guestwire.controller.dashboard.assets import DOCUMENTS, WEB, Assets
from guestwire.controller.dashboard.content import content, seen, takes_gzip

KINDS = {
    "main.js": "text/javascript; charset=utf-8",
    "styles/base.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "font.woff2": "font/woff2",
    "vendor/manifest.json": "application/json",
    "vendor/lit/LICENSE": "text/plain; charset=utf-8",
    "schema.json": "application/json",
}


@pytest.mark.parametrize("name", KINDS)
async def test_a_file_is_kept_for_ever(site, name):
    answer = await site.get(await site.base() + name)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == KINDS[name]
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    if name != "schema.json":
        assert answer.content == (site.web / name).read_bytes()


async def test_what_is_packed(site):
    base = await site.base()
    packed = await site.get(base + "main.js", Accept_Encoding="br, gzip")
    plain = await site.get(base + "main.js")
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) == int(plain.headers["content-length"])
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    for name in ("font.woff2", "icon.svg"):
        assert "content-encoding" not in (await site.get(base + name, Accept_Encoding="gzip")).headers


async def test_what_the_browser_has_is_not_sent_again(site):
    path = await site.base() + "main.js"
    tag = (await site.get(path)).headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        answer = await site.get(path, If_None_Match=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert "immutable" in answer.headers["cache-control"]
    assert (await site.get(path, If_None_Match='"other"')).status_code == 200


async def test_head(site):
    for path in ("/", await site.base() + "main.js"):
        got, said = await site.get(path), await site.head(path)
        assert (said.status_code, said.content) == (200, b"")
        names = ("content-length", "etag", "content-type", "cache-control")
        assert [said.headers[name] for name in names] == [got.headers[name] for name in names]


async def test_files_that_there_are_not(site):
    base = await site.base()
    names = (
        "nothing.js",
        "",
        "core",
        "index.html",
        "stray.py",
        "tsconfig.json",
        "types/api.d.ts",
        "core/__pycache__/a.js",
    )
    inside = [base + name for name in names]
    for path in (*inside, "/web", "/web/", "/web/0123456789abcdef/main.js", base.rstrip("/"), "/web/main.js"):
        answer = await site.get(path)
        assert (answer.status_code, code(answer)) == (404, "NOT-FOUND"), path
        assert answer.headers["cache-control"] == "no-store"


async def asked(url: str, target: str) -> tuple[int, bytes]:
    """The answer to a request for an address as no client would write it."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    data = await reader.read()
    writer.close()
    return int(data.split(b" ", 2)[1]), data


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/web/x/../../stray.py", 404),
        ("{base}../../stray.py", 404),
        ("{base}%2e%2e/%2e%2e/stray.py", 404),
        ("{base}..%2f..%2fstray.py", 404),
        ("{base}core/../main.js", 404),
        ("{base}docs/../generate.py", 404),
        ("{base}docs/../../../../etc/passwd", 404),
        ("{base}docs/generate.py", 404),
        ("{base}//etc/passwd", 404),
        ("{base}main.js%00", 400),
        ("{base}main.js%0d%0aX: y", 400),
        ("{base}main.js%ff", 404),
        ("main.js", 404),
        ("..", 200),
    ],
)
async def test_nothing_else_is_served(site, target, status):
    given, data = await asked(site.url, target.format(base=await site.base()))
    assert given == status
    assert b"secret" not in data
    assert b"root:" not in data


async def test_a_file_that_changes_makes_a_build_and_the_one_before_stays(site):
    first = await site.base()
    assert await site.base() == first
    old = (await site.get(first + "core/a.js")).content
    site.write("core/a.js", "export const a = 22;\n")
    second = await site.base()
    assert second != first
    assert (await site.get(second + "core/a.js")).text == "export const a = 22;\n"
    assert (await site.get(first + "core/a.js")).content == old
    (site.web / "views/late.js").unlink()
    third = await site.base()
    assert (await site.get(third + "views/late.js")).status_code == 404
    assert (await site.get(second + "views/late.js")).status_code == 200
    assert (await site.get(first + "core/a.js")).status_code == 404


async def test_a_document_that_changes_makes_a_build(site):
    first = await site.base()
    (site.documents / "second.md").write_text("# Second, changed\n")
    second = await site.base()
    assert second != first
    assert "changed" in (await site.get(second + "docs/second.html")).text


async def test_a_file_that_was_only_touched_is_the_same_build(site):
    first = await site.base()
    os.utime(site.web / "main.js", (1, 1))
    assert await site.base() == first
    assert (await site.get(first + "main.js")).status_code == 200


async def test_all_files_at_once_are_not_too_many(site):
    """More than an address may ask of the API."""
    base = await site.base()
    answers = await asyncio.gather(*(site.get(f"{base}main.js?{number}") for number in range(120)))
    assert {answer.status_code for answer in answers} == {200}
    statuses = [(await site.get("/healthz")).status_code for _ in range(100)]
    assert 429 in statuses


async def test_after_a_start_the_files_come_before_the_page(site):
    """A browser that has the page asks for its files alone."""
    made = await Assets(site.web, site.documents, "1").newest()
    assert (await site.get(f"/web/{made.id}/main.js")).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("", False), ("br", False), ("gzip;q=0", False),
        ("gzip; q=0.00, br", False), ("gzip;q=0.001", True), ("xgzip", False),
    ],
)  # fmt: skip
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes


def test_tags_are_compared_weakly() -> None:
    assert seen('W/"a"', ('"a"',))
    assert not seen("a", ('"a"',))
    assert not seen("", ('"a"',))


def test_a_file_is_packed_once_and_always_the_same() -> None:
    made = content("a.js", b"x" * 1000)
    assert made.packed is not None
    assert gzip.decompress(made.packed) == b"x" * 1000
    assert made == content("a.js", b"x" * 1000)
    assert content("a.js", b"x").packed is None
    assert content("a.png", b"x" * 1000).packed is None


def test_the_files_of_the_program_are_there() -> None:
    assert (WEB / "index.html").is_file()
    assert (DOCUMENTS / "index.md").is_file()
    assert Path(DOCUMENTS).is_dir()
