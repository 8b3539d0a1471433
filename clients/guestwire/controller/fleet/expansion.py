"""Groups inside selections: each is put in by what it selects, so that what is left names no group. Pure."""

from collections.abc import Mapping
from typing import Final

from guestwire.controller.fleet.selection import AllOf, AnyOf, Not, Selection, Term, Text, terms
from guestwire.model.errors import GuestwireError

MOST_TERMS: Final = 512
"""Of the whole: groups of groups grow quickly."""


def expanded(selection: Selection, groups: Mapping[str, Selection]) -> Selection:
    """The selection without groups. Raises NOT-FOUND for one that is not there, SELECTION-INVALID for one that is in itself
    and for a whole of too many terms."""
    found = _Expansion(groups).of(selection, ())
    if sum(1 for _ in terms(found)) > MOST_TERMS:
        raise GuestwireError("SELECTION-INVALID", f"With its groups it has more than {MOST_TERMS} terms.", field="q")
    return found


def named(selection: Selection) -> frozenset[str]:
    """The groups that it names itself."""
    return frozenset(term.value for term in terms(selection) if term.field == "group")


class _Expansion:
    def __init__(self, groups: Mapping[str, Selection]) -> None:
        self._groups = groups
        self._left = MOST_TERMS

    def of(self, selection: Selection, within: tuple[str, ...]) -> Selection:
        match selection:
            case Term(field="group"):
                return self._group(selection, within)
            case Not(part):
                return Not(self.of(part, within))
            case AllOf(parts):
                return AllOf(tuple(self.of(part, within) for part in parts))
            case AnyOf(parts):
                return AnyOf(tuple(self.of(part, within) for part in parts))
            case Term() | Text():
                return selection

    def _group(self, term: Term, within: tuple[str, ...]) -> Selection:
        name = term.value
        if name in within:
            way = " -> ".join((*within, name))
            raise GuestwireError("SELECTION-INVALID", f"A group is in itself: {way}.", field="q")
        if name not in self._groups:
            raise GuestwireError("NOT-FOUND", f"There is no group {name[:40]!r}.", field="q")
        self._left -= 1
        if self._left < 0:
            raise GuestwireError("SELECTION-INVALID", f"It names more than {MOST_TERMS} groups in all.", field="q")
        found = self.of(self._groups[name], (*within, name))
        return Not(found) if term.op == "!=" else found
