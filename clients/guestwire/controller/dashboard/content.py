"""What is served: bytes with their type, packed once, and the answer that a browser gets of them. Nothing here knows what is in them."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from starlette.responses import Response

PLACE: Final = "/web/"
"""Below which all builds are."""
KINDS: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""The type of a file, by the end of its name. A text without one, such as a licence, is text."""
PLAIN: Final = "text/plain; charset=utf-8"
PACKED_ALREADY: Final = frozenset({".png", ".webp", ".woff2"})
_SMALL: Final = 512
_ETAG: Final = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it is served. `packed`: with gzip, where that is worth it. `tag`: what the ETag is made of."""

    body: bytes
    packed: bytes | None
    kind: str
    tag: str


def content(name: str, body: bytes) -> Content:
    """A file of this name. It packs: not in the loop."""
    end = PurePosixPath(name).suffix
    packed = None
    if len(body) >= _SMALL and end not in PACKED_ALREADY:
        packed = gzip.compress(body, 9, mtime=0)
        packed = packed if len(packed) < len(body) * 0.9 else None
    return Content(body, packed, KINDS.get(end, PLAIN), hashlib.sha256(body).hexdigest()[:32])


def answer(made: Content, asked: Mapping[str, str], headers: Mapping[str, str]) -> Response:
    """The answer to a GET or HEAD with these headers (`asked`: in small letters, `:method` is the method)."""
    packed = made.packed is not None and takes_gzip(asked.get("accept-encoding", ""))
    body = made.packed if packed and made.packed is not None else made.body
    # what is packed is another representation: with the same strong tag a cache could mix up parts of the two
    tags = (f'"{made.tag}"', f'"{made.tag}-gzip"')
    about = {**headers, "ETag": tags[packed]}
    if made.packed is not None:
        about["Vary"] = "Accept-Encoding"
    if seen(asked.get("if-none-match", ""), tags):
        return Response(status_code=304, headers=about)
    if packed:
        about["Content-Encoding"] = "gzip"
    about["Content-Length"] = str(len(body))
    about["Content-Type"] = made.kind
    return Response(b"" if asked.get(":method") == "HEAD" else body, headers=about)


def takes_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding has gzip, or anything, with a weight that is not 0."""
    for one in accepted.lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() in ("gzip", "*"):
            return re.fullmatch(r"q=0(\.0*)?", weight.strip()) is None
    return False


def seen(if_none_match: str, tags: tuple[str, ...]) -> bool:
    """Whether If-None-Match names one of the tags: compared weakly (RFC 9110, 13.1.2)."""
    return if_none_match.strip() == "*" or any(tag in tags for tag in _ETAG.findall(if_none_match))
