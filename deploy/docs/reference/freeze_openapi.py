"""Write deploy/docs/reference/openapi.json, the API as programs may count on it: `python deploy/docs/reference/freeze_openapi.py`.

It is not written when that would break a program that was written against it: what would is said, and the exit code is 1.
tests/controller/test_describing.py says when it is stale.
"""

import asyncio
import json
import sys
from pathlib import Path

from guestwire.controller.describing import described, frozen

ROOT = Path(__file__).resolve().parents[3]
FROZEN = Path(__file__).with_name("openapi.json")


def main() -> int:
    """Write the document, unless it breaks the one that is there."""
    sys.path.insert(0, str(ROOT / "tests/support"))
    from openapi_changes import breaking

    wanted = frozen(asyncio.run(described()))
    lines = breaking(json.loads(FROZEN.read_text(encoding="utf-8")), json.loads(wanted)) if FROZEN.exists() else []
    for line in lines:
        sys.stderr.write(f"breaking: {line}\n")
    if lines:
        sys.stderr.write("openapi.json is as it was: such changes belong into a higher version of the API (/api/v2)\n")
        return 1
    FROZEN.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
