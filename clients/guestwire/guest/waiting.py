"""How long Python waits in C: in slices, because a signal (Ctrl-C) is handled between them, by the main thread."""

import threading
import time
from collections.abc import Callable

from guestwire.guest.errors import NUMBERS

SLICE_MS = 500
_FOREVER_MS = -1
TIMEOUT = NUMBERS["GW_TIMEOUT"]


def first_ms(timeout: float | None) -> int:
    """Milliseconds of the first slice of a wait for `timeout` seconds. Raises ValueError: it is negative."""
    if timeout is None or timeout * 1000 >= SLICE_MS:
        return SLICE_MS
    return milliseconds(timeout)


def milliseconds(seconds: float) -> int:
    """Rounded up: a wait does not end before its time. Raises ValueError: they are negative, or no number."""
    if not seconds >= 0:
        raise ValueError(f"a timeout is None or 0 and more seconds, not {seconds}")
    return -int(-seconds * 1000 // 1)


def wait_on(call: Callable[[int], int], timeout: float | None) -> int:
    """Go on with a wait whose first slice ended without result: the code of the last `call`, which is given the milliseconds
    of its slice."""
    if timeout is not None and timeout * 1000 < SLICE_MS:
        return TIMEOUT
    sliced = threading.current_thread() is threading.main_thread()
    end = None if timeout is None else time.monotonic() + timeout - SLICE_MS / 1000
    code = TIMEOUT
    while code == TIMEOUT:
        left = _FOREVER_MS if end is None else milliseconds(max(0.0, end - time.monotonic()))
        if left == 0:
            return TIMEOUT
        code = call(min(left, SLICE_MS) if sliced and left != _FOREVER_MS else SLICE_MS if sliced else left)
    return code
