"""Lists in pages: `?limit=&cursor=` -> {"items": [...], "next": cursor | null}.

A cursor is the sort key of the last item of a page, packed so that nobody reads anything into it. It is not signed: whoever
writes their own gets what they may see, from another place on.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, overload

from fastapi import Query

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError

MOST = 500
USUAL = 100
LONGEST_CURSOR = 1024
_INT_BITS = 63
_T = TypeVar("_T")
_A = TypeVar("_A", str, int)
_B = TypeVar("_B", str, int)
_C = TypeVar("_C", str, int)
Key = tuple[str | int, ...]


class Listing(Model, Generic[_T]):
    """A page of a list. `next`: what to give as `cursor` for the page after it; null: this was the last."""

    items: tuple[_T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of a list somebody wants."""

    limit: int = USUAL
    key: tuple[Any, ...] | None = None

    @property
    def fetch(self) -> int:
        """How many to read: one more than is shown tells whether there is another page."""
        return self.limit + 1

    @overload
    def after(self, first: type[_A], /) -> tuple[_A] | None: ...
    @overload
    def after(self, first: type[_A], second: type[_B], /) -> tuple[_A, _B] | None: ...
    @overload
    def after(self, first: type[_A], second: type[_B], third: type[_C], /) -> tuple[_A, _B, _C] | None: ...
    def after(self, *types: Any) -> Any:
        """The sort key after which the page begins, which has values of these types; None: from the beginning. Raises
        CURSOR-INVALID."""
        if self.key is None:
            return None
        if len(self.key) != len(types) or any(
            type(part) is not kind for part, kind in zip(self.key, types, strict=True)
        ):
            raise GuestwireError("CURSOR-INVALID", field="cursor")
        return self.key


async def page(
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many items a page has at most.")] = USUAL,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="`next` of the page before; none: the first page.")
    ] = None,
) -> Page:
    """The page that a request asks for. Raises CURSOR-INVALID."""
    return Page(limit, None if cursor is None else _opened(cursor))


def listing(items: Sequence[_T], page: Page, key: Callable[[_T], Key]) -> Listing[_T]:
    """A page of items that were read by `page.fetch`. `key`: the sort key of an item, as `page.after` gives it back."""
    shown = tuple(items[: page.limit])
    return Listing(items=shown, next=cursor(key(shown[-1])) if len(items) > page.limit else None)


def cursor(key: Key) -> str:
    """A sort key as the `next` of a page."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _opened(text: str) -> tuple[Any, ...]:
    try:
        key = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        sound = type(key) is list and 0 < len(key) <= 4 and all(_is_sound(part) for part in key)
    except (binascii.Error, ValueError, RecursionError):
        sound = False
    if not sound:
        raise GuestwireError("CURSOR-INVALID", field="cursor")
    return tuple(key)


def _is_sound(part: object) -> bool:
    """Whether a database takes it: text without NUL and lone surrogates, 64-bit integers."""
    if type(part) is int:
        return part.bit_length() <= _INT_BITS
    return type(part) is str and "\0" not in part and part.encode("utf-8", "replace") == part.encode("utf-8", "ignore")
