"""One command at a time works on the directory of a site: the lock that each holds while it reads, changes and writes.

It is a file beside `trust`, and the one that clients hold which keep a newer trust document in that file.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from guestwire.model.errors import GuestwireError
from guestwire.site.layout import Layout

WAIT_S = 5.0
_LOOK_S = 0.02


@contextmanager
def site_locked(layout: Layout, wait_s: float = WAIT_S) -> Iterator[None]:
    """The lock, while the block lasts. Raises EXISTS when another process holds it for `wait_s`, KEY-FILE-INVALID where there
    is no such directory."""
    path = layout.trust.with_name(f".{layout.trust.name}.lock")
    try:
        file = path.open("a")
    except OSError as err:
        raise GuestwireError("KEY-FILE-INVALID", f"{layout.base}: {err.strerror}. Is this a site's directory?") from err
    with file:
        ends = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise GuestwireError("EXISTS", "Another `guestwire site` command works on this site.") from None
                time.sleep(_LOOK_S)
        yield
