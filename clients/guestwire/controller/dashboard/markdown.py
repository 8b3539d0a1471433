"""A document as a fragment of HTML, for the help: headings that can be linked to, links that stay in the dashboard. Pure.

The documents are ours, and yet no HTML of theirs gets through: what is none of Markdown's is shown as it is written, and comments are left
out.
"""

import html
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

HELP: Final = "/help/"
OPENAPI: Final = "/api/v1/openapi.json"
IMAGES: Final = (".svg", ".png")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Heading:
    """`anchor`: the id that its element has."""

    level: int
    text: str
    anchor: str


def headings(source: str) -> tuple[Heading, ...]:
    """The headings of a document, without rendering it."""
    return tuple(_anchored((len(mark), text) for mark, text in _heading_lines(source)))


def plain(source: str) -> str:
    """What a document says, to be searched in: without fences' marks, links' addresses and comments."""
    text = _LINK.sub(r"\1", _COMMENT.sub("", source))
    lines = (line for line in text.splitlines() if not _FENCE.match(line) and not re.fullmatch(r"[|\s:-]*", line))
    return "\n".join(re.sub(r"^[#>|\s]+|[`*|]+", " ", line).strip() for line in lines)


def rendered(source: str, name: str, known: Callable[[str], bool], files: str) -> str:
    """The fragment. `name`: the document's, as `controller/api`; `known`: whether there is a document, or an image, of a name; `files`: where
    images are served."""
    parser = MarkdownIt("commonmark", {"html": True}, renderer_cls=_Fragment).enable("table")
    tokens = parser.parse(source)
    _anchor(tokens)
    _name_columns(tokens)
    for token in _all(tokens):
        if token.type == "link_open":
            _lead(token, name, known)
        elif token.type == "image":
            token.attrs["src"] = files + _reached(name, str(token.attrs.get("src", "")))
            token.attrs["loading"] = "lazy"
    return str(parser.renderer.render(tokens, parser.options, {}))


class _Fragment(RendererHTML):
    """Rules of our own. A block of code may be wider than the page: it can be reached, and scrolled, by keyboard."""

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        language = html.escape(tokens[idx].info.strip().split(" ")[0], quote=True)
        said = f' class="language-{language}"' if language else ""
        return f'<pre tabindex="0"><code{said}>{html.escape(tokens[idx].content)}</code></pre>\n'

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f'<pre tabindex="0"><code>{html.escape(tokens[idx].content)}</code></pre>\n'

    def html_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return html.escape(_COMMENT.sub("", tokens[idx].content).strip())

    def html_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return html.escape(_COMMENT.sub("", tokens[idx].content))


def _heading_lines(source: str) -> Iterator[tuple[str, str]]:
    fence = ""
    for line in source.splitlines():
        if fenced := _FENCE.match(line):
            if not fence:
                fence = fenced[1]
            elif line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif not fence and (found := _HEADING.match(line)):
            yield found[1], found[2]


def _anchored(found: Iterator[tuple[int, str]]) -> Iterator[Heading]:
    """Anchors as the documents themselves link to them; the second of two that are the same gets a number."""
    given: dict[str, int] = {}
    for level, written in found:
        text = re.sub(r"[`*]", "", _LINK.sub(r"\1", written)).strip()
        anchor = re.sub(r"[^\w -]", "", text.lower()).strip().replace(" ", "-")
        times = given[anchor] = given.get(anchor, 0) + 1
        yield Heading(level, text, anchor if times == 1 else f"{anchor}-{times - 1}")


def _anchor(tokens: Sequence[Token]) -> None:
    opened = [place for place, token in enumerate(tokens) if token.type == "heading_open"]
    found = ((int(tokens[place].tag[1:]), tokens[place + 1].content) for place in opened)
    for place, heading in zip(opened, _anchored(found), strict=True):
        tokens[place].attrs["id"] = heading.anchor


def _name_columns(tokens: Sequence[Token]) -> None:
    """A cell in the head of a table names its column; an empty one names nothing, and is a cell as others are."""
    for place, token in enumerate(tokens):
        if token.type == "th_open":
            if tokens[place + 1].content:
                token.attrs["scope"] = "col"
            else:
                token.tag = tokens[place + 2].tag = "td"


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())


def _lead(token: Token, name: str, known: Callable[[str], bool]) -> None:
    """Have a link lead into the dashboard; one to a file that is not shown here leads nowhere."""
    target = str(token.attrs.pop("href", ""))
    if target.startswith(("http://", "https://")):
        token.attrs.update(href=target, rel="noopener noreferrer", target="_blank")
        return
    file, sharp, anchor = target.partition("#")
    reached = _reached(name, file) if file else f"{name}.md"
    if reached.endswith(".md") and known(reached.removesuffix(".md")):
        token.attrs["href"] = f"{HELP}{reached.removesuffix('.md')}{sharp}{anchor}"
    elif reached == "reference/openapi.json":
        token.attrs["href"] = OPENAPI


def _reached(name: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
