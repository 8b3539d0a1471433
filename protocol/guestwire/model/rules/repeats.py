"""What must be unique and is not."""

from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple


class Repeat(NamedTuple):
    """A key that came before: where it is now, and where it was first."""

    key: Hashable
    path: str
    first: str


def repeats(keyed: Iterable[tuple[Hashable, str]]) -> Iterator[Repeat]:
    """Of (key, path) in the document's order: each one whose key came before."""
    first: dict[Hashable, str] = {}
    for key, path in keyed:
        if key in first:
            yield Repeat(key, path, first[key])
        else:
            first[key] = path
