"""A page of what somebody may see, out of a list that has more: read on until the page is full."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K")
CHUNK = 500


async def visible_page(
    read: Callable[[K | None, int], Awaitable[Sequence[T]]],
    after: K | None,
    limit: int,
    key: Callable[[T], K],
    sees: Callable[[T], bool],
    chunk: int = CHUNK,
) -> Sequence[T]:
    """Up to `limit` things after a key. `read`: so many things after a key, in order; `key`: that of a thing; `chunk`: how many are
    read at once."""
    found: list[T] = []
    while len(found) < limit:
        rows = await read(after, chunk)
        found += [row for row in rows if sees(row)]
        if len(rows) < chunk:
            break
        after = key(rows[-1])
    return found[:limit]
