"""The page: index.html with the addresses of one build put in, and the policy that it is served with. Pure.

The template has the marks `<!-- boot -->`, `<!-- importmap -->`, `<!-- styles -->`, `<!-- preload -->` (the program itself comes there too), and `{{base}}`
for the address of the build.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from guestwire.controller.dashboard.modules import needed

TEMPLATE: Final = "index.html"
BOOT: Final = "boot.js"
"""What is in the page itself: it sees to it that all else comes."""
PROGRAM: Final = "main.js"
FIRST_VIEW: Final = "views/fleet/overview.js"
"""Where most people begin. The program imports its views when they are opened: this one comes with it."""
VENDORED: Final = "vendor/manifest.json"
STYLES_FIRST: Final = ("tokens.css", "base.css", "shell.css", "parts.css")
"""The others follow in the order of their names."""


@dataclass(frozen=True, slots=True)
class Page:
    """`policy`: its Content-Security-Policy."""

    text: str
    policy: str


def page(files: Mapping[str, bytes], base: str) -> Page | None:
    """The page over these files, which are served below `base` ("/web/…/"). None: there is no template among them."""
    template = files.get(TEMPLATE)
    if template is None:
        return None
    imports = _imports(files)
    import_map = json.dumps({"imports": {name: base + file for name, file in imports.items()}}, separators=(",", ":"))
    # in a script element nothing is escaped: no address may end it
    import_map = import_map.replace("<", "\\u003c")
    boot = files.get(BOOT, b"").decode()
    parts = {
        "<!-- boot -->": f"<script>{boot}</script>",
        "<!-- importmap -->": f'<script type="importmap">{import_map}</script>',
        "<!-- styles -->": "\n".join(f'<link rel="stylesheet" href="{_quoted(base + one)}">' for one in _styles(files)),
        "<!-- preload -->": "\n".join(_program(files, imports, base)),
        "{{base}}": _quoted(base),
    }
    text = template.decode("utf-8", "replace")
    for mark, put in parts.items():
        text = text.replace(mark, put)
    return Page(text, policy(boot, import_map))


def policy(*scripts: str) -> str:
    """What the page may load and do: its own files and the API, and nothing from anywhere else. `scripts`: those in the page itself."""
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    return "; ".join((
        "default-src 'none'",
        " ".join(["script-src 'self'", *(f"'sha256-{one}'" for one in digests)]),
        # the terminal and the charts set styles of elements, by attributes too, with sizes that they measure
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ))  # fmt: skip


def _imports(files: Mapping[str, bytes]) -> dict[str, str]:
    """The import map: names, and the files they stand for."""
    said = json.loads(files.get(VENDORED, b"{}"))
    folder = VENDORED.rpartition("/")[0]
    return {name: f"{folder}/{file}" for name, file in said.get("imports", {}).items()}


def _styles(files: Mapping[str, bytes]) -> list[str]:
    found = [name for name in files if name.startswith("styles/") and name.endswith(".css")]
    first = {f"styles/{name}": place for place, name in enumerate(STYLES_FIRST)}
    return sorted(found, key=lambda name: (first.get(name, len(first)), name))


def _program(files: Mapping[str, bytes], imports: Mapping[str, str], base: str) -> list[str]:
    """The program, after all that it needs at once: else each module is asked for when the one that imports it is there."""

    def read(name: str) -> str | None:
        return None if (source := files.get(name)) is None else source.decode("utf-8", "replace")

    begins = (PROGRAM, FIRST_VIEW) if FIRST_VIEW in files else (PROGRAM,)
    early = dict.fromkeys(name for begin in begins for name in needed(begin, imports, read) if name != PROGRAM)
    return [
        *(f'<link rel="modulepreload" href="{_quoted(base + name)}">' for name in early),
        f'<script type="module" src="{_quoted(base + PROGRAM)}"></script>',
    ]


def _quoted(text: str) -> str:
    return html.escape(text, quote=True)
