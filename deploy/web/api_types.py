"""Writes web/types/api.d.ts, the documents of the controller's API as the dashboard's code names them, from openapi.json.

`python deploy/web/api_types.py [FILE]`: with openapi-typescript, which `deploy/setup.sh test` installs into .cache/web-tools. Paths and
titles of the document are left out: the dashboard names paths as they are, and a title says its field's name again.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "deploy/docs/reference/openapi.json"
TYPES = ROOT / "clients/guestwire/controller/web/types/api.d.ts"
TOOL = ROOT / ".cache/web-tools/node_modules/.bin/openapi-typescript"
HEAD = "/* The documents of the controller's API. Made by deploy/web/api_types.py from deploy/docs/reference/openapi.json: `make docs`. */\n"


def without_titles(value: Any, *, names: bool = False) -> Any:
    """`names`: the keys are names of fields, of which one may be `title`."""
    if isinstance(value, list):
        return [without_titles(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_titles(one, names=key == "properties" and not names)
        for key, one in value.items()
        if names or key != "title"
    }


def types() -> str:
    """The text of api.d.ts."""
    document = json.loads(DOCUMENT.read_text("utf-8"))
    schemas = {"schemas": without_titles(document["components"]["schemas"], names=True)}
    with tempfile.TemporaryDirectory() as work:
        asked, made = Path(work, "openapi.json"), Path(work, "api.d.ts")
        asked.write_text(json.dumps({**document, "paths": {}, "components": schemas}), "utf-8")
        subprocess.run([TOOL, asked, "--output", made], check=True, cwd=work, capture_output=True)
        _, _, text = made.read_text("utf-8").partition("*/\n")
    return HEAD + text


def main(arguments: list[str]) -> int:
    if not TOOL.exists():
        print(
            "types: no openapi-typescript here (deploy/setup.sh test installs it): api.d.ts stays as it is",
            file=sys.stderr,
        )
        return 0
    target = Path(arguments[0]) if arguments else TYPES
    target.write_text(types(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
