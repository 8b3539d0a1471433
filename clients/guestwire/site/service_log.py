"""What hosts asked of the site's service, and what became of it: a file that is only ever added to, a line of JSON each.

No secret is in it: a code is named by nothing, a key by its id.
"""

import json
import os
from pathlib import Path

from guestwire.site.files import PRIVATE


class ServiceLog:
    """`write` is durable when it returns. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, at_ms: int, peer: str, what: str, outcome: str, **more: object) -> None:
        """`peer`: the address it came from; `outcome`: a code of the error table, or ok."""
        line = json.dumps({"at": at_ms, "peer": peer, "what": what, "outcome": outcome, **more}) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
