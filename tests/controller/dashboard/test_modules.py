"""Which modules a module needs, read from its text."""

import pytest

from guestwire.controller.dashboard.modules import imported, needed, resolved

SOURCES = [
    ('import { a, b as c } from "./a.js";', ("./a.js",)),
    ("import x, * as y from './a.js'", ("./a.js",)),
    ('import "./a.js";import"b";export*from"c";', ("./a.js", "b", "c")),
    ('export { a } from "./a.js";\nexport * as b from "./b.js";', ("./a.js", "./b.js")),
    ('import {\n  a,\n  b,\n} from "./a.js";', ("./a.js",)),
    ('  import { $a, _b } from "./a.js";', ("./a.js",)),
    ('const x = await import("./a.js");\nimport("./b.js");', ()),
    ('/**\n * import { a } from "./a.js";\n */\n// import "b"', ()),
    ('/** @type {import("./a.js").A} */\nlet a;', ()),
    ('export const from = "./a.js";\nexport default "x";', ()),
    ("const text = 'import \"./a.js\"';", ()),
    ('import "./a.js";\nimport { b } from "./a.js";', ("./a.js",)),
]
IMPORTS = {"lit": "vendor/lit/index.js", "lit/": "vendor/lit/", "lit/x/": "vendor/x/"}


@pytest.mark.parametrize(("source", "found"), SOURCES)
def test_what_is_imported(source: str, found: tuple[str, ...]) -> None:
    assert imported(source) == found


@pytest.mark.parametrize(
    ("name", "importer", "file"),
    [
        ("./b.js", "core/a.js", "core/b.js"),
        ("../b.js", "core/a.js", "b.js"),
        ("../../b.js", "core/a.js", None),
        ("lit", "core/a.js", "vendor/lit/index.js"),
        ("lit/map.js", "core/a.js", "vendor/lit/map.js"),
        ("lit/x/map.js", "core/a.js", "vendor/x/map.js"),
        ("other", "core/a.js", None),
        ("https://elsewhere.example/a.js", "core/a.js", None),
    ],
)
def test_where_a_name_leads(name: str, importer: str, file: str | None) -> None:
    assert resolved(name, importer, IMPORTS) == file


def test_what_is_needed_is_met_once() -> None:
    files = {
        "a.js": 'import "./b.js";\nimport "./c.js";',
        "b.js": 'import "./a.js";\nimport "./c.js";',
        "c.js": 'import "./gone.js";',
    }
    assert needed("a.js", {}, files.get) == ("a.js", "b.js", "c.js")
    assert needed("gone.js", {}, files.get) == ()
