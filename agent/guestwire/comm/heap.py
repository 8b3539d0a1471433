"""How the C library keeps memory that is free: little, and in one heap. A document of a thousand events passes through this
process in several forms; what they took is to go back to the host. mallopt(3)."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _ARENA_MAX = -1, -8


def keep_little_free() -> None:
    """From now on; nothing where the C library has no such settings."""
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_TRIM_THRESHOLD, 64 << 10)
        library.malloc_trim(0)
