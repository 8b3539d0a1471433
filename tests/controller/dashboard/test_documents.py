"""The help: every document of the project, its headings, its links; and that nothing of a document is taken for HTML."""

import html
import json
import re

import pytest
from api_world import code

from guestwire.controller.dashboard.assets import DOCUMENTS
from guestwire.controller.dashboard.documents import Documents
from guestwire.controller.dashboard.markdown import headings, plain, rendered


def fragment(source: str, name: str = "inner/page", known: tuple[str, ...] = ("inner/other", "top")) -> str:
    return rendered(source, name, known.__contains__, "/web/b/docs/")


@pytest.fixture(scope="module")
def own() -> Documents:
    """The project's."""
    files = (path for path in DOCUMENTS.rglob("*") if path.suffix in (".md", ".svg", ".png"))
    return Documents({path.relative_to(DOCUMENTS).as_posix(): path.read_bytes() for path in files}, "/web/b/")


def document(documents: Documents, name: str) -> str:
    found = documents.content(name)
    assert found is not None, name
    return found.body.decode()


async def test_over_http(site):
    base = await site.base()
    listed = (await site.get(base + "docs/index.json")).json()
    assert [(one["path"], one["title"], one["section"]) for one in listed["pages"]] == [
        ("index", "First", "First"),
        ("second", "Second", "First"),
        ("inner/index", "Inner", "Inner"),
    ]
    assert listed["pages"][1]["headings"] == [{"level": 2, "text": "Two words", "anchor": "two-words"}]
    assert "Found here." in (await site.get(base + "docs/search.json")).json()["second"]
    first = await site.get(base + "docs/index.html")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert "immutable" in first.headers["cache-control"]
    assert 'href="/help/second#two-words"' in first.text
    image = re.findall(r'src="([^"]+)"', first.text)
    assert image == [f"{base}docs/images/a.svg"]
    assert (await site.get(image[0])).headers["content-type"] == "image/svg+xml"
    assert code(await site.get(base + "docs/nothing.html")) == "NOT-FOUND"
    assert code(await site.get(base + "docs/index.md")) == "NOT-FOUND"
    inner = (await site.get(base + "docs/inner/index.html")).text
    assert 'href="/help/second"' in inner


def test_links() -> None:
    assert 'href="/help/inner/other#a-b"' in fragment("[x](other.md#a-b)")
    assert 'href="/help/top"' in fragment("[x](../top.md)")
    assert 'href="/help/inner/page#here"' in fragment("[x](#here)", known=("inner/page",))
    assert 'href="/api/v1/openapi.json"' in fragment("[x](../reference/openapi.json)")
    out = fragment("[x](https://elsewhere.example/a)")
    assert 'href="https://elsewhere.example/a"' in out
    assert 'rel="noopener noreferrer"' in out
    for nowhere in ("[x](../../pyproject.toml)", "[x](schemas/a.json)", "[x](javascript:alert%281%29)", "[x](gone.md)"):
        assert "href" not in fragment(nowhere)


def test_nothing_is_taken_for_html() -> None:
    text = fragment(
        '<script>alert(1)</script>\n\na <img src=x onerror="y"> b <!-- gone --> c\n\n<!-- gone\ntoo -->\n\n    <b>\n\n`<i>`'
    )
    assert "<script" not in text
    assert "<img" not in text
    assert "gone" not in text
    for shown in ("&lt;script&gt;", "&lt;img", "&lt;b&gt;", "&lt;i&gt;"):
        assert shown in text


def test_code_can_be_reached_by_keyboard() -> None:
    assert fragment("```sh\na < b\n```") == '<pre tabindex="0"><code class="language-sh">a &lt; b\n</code></pre>\n'


def test_a_table_names_its_columns() -> None:
    text = fragment("| | b |\n|---|---|\n| 1 | 2 |")
    assert text.count("<th") - text.count("<thead") == 1
    assert '<th scope="col">b</th>' in text
    assert "<td></td>" in text


def test_headings_that_are_the_same_have_anchors_of_their_own() -> None:
    source = "# A `b`\n\n## Same\n\n```\n# not one\n```\n\n## Same ##\n\n### [x](y.md), *z*!"
    assert [one.anchor for one in headings(source)] == ["a-b", "same", "same-1", "x-z"]
    assert re.findall(r'id="([^"]+)"', fragment(source)) == ["a-b", "same", "same-1", "x-z"]


def test_plain_text() -> None:
    text = plain("# Title\n\n<!-- gone -->\n\n| a | `b` |\n|---|---|\n\n[link](x.md)\n\n```sh\ncode\n```")
    assert text.split() == ["Title", "a", "b", "link", "code"]


def test_every_document_is_listed_and_made(own: Documents) -> None:
    listed = json.loads(document(own, "docs/index.json"))["pages"]
    paths = [one["path"] for one in listed]
    assert paths[0] == "index"
    assert len(paths) == len(set(paths)) == len(list(DOCUMENTS.rglob("*.md")))
    folders = [path.rpartition("/")[0] for path in paths]
    assert [one for place, one in enumerate(folders) if one not in folders[:place]] == list(dict.fromkeys(folders))
    assert all(one["title"] and one["section"] for one in listed)
    assert json.loads(document(own, "docs/search.json")).keys() == set(paths)


def test_the_headings_listed_are_those_of_the_pages(own: Documents) -> None:
    for one in json.loads(document(own, "docs/index.json"))["pages"]:
        text = document(own, f"docs/{one['path']}.html")
        found = re.findall(r'<h[2-6] id="([^"]+)">(.*?)</h', text)
        made = [(anchor, html.unescape(re.sub("<[^>]+>", "", inner))) for anchor, inner in found]
        assert made == [(each["anchor"], each["text"]) for each in one["headings"]], one["path"]


def test_the_links_of_the_pages_lead_somewhere(own: Documents) -> None:
    pages = json.loads(document(own, "docs/index.json"))["pages"]
    texts = {one["path"]: document(own, f"docs/{one['path']}.html") for one in pages}
    wrong = []
    for path, text in texts.items():
        for file, _, anchor in re.findall(r'href="/help/([^"#]+)(#([^"]+))?"', text):
            if file not in texts or (anchor and f'id="{anchor}"' not in texts[file]):
                wrong.append(f"{path}: {file}#{anchor}")
        wrong += [f"{path}: {src}" for src in re.findall(r'src="/web/b/([^"]+)"', text) if own.content(src) is None]
    assert not wrong
