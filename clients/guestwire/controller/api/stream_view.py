"""What one kind of viewer sees of the changes: those of the kinds they asked for, about hosts that they may see and want.

Viewers who see the same share a view, and with it the text of every message. Decides only.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from guestwire.controller.api.stream_changes import Batch, Said, delta
from guestwire.controller.feed import ChangeKind
from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.access import Access, Visibility
from guestwire.controller.users.person import Person

KINDS: Final[frozenset[str]] = frozenset(get_args(ChangeKind))
ACTIONS: Final[Mapping[str, str]] = {
    "user": "user-read", "webhook": "webhook-set", "connection": "controller-read",
}  # fmt: skip
"""What it takes to see things of a kind, where that is more than seeing hosts."""

Matches = Callable[[Mapping[str, Any]], bool]
Query = Callable[[str], Matches]
"""Makes a question to documents of what somebody wrote. Raises INVALID-BODY for what is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer asked for. `hosts` empty: all. `q`: a query that documents answer; those that do not (any more) are sent as
    gone."""

    kinds: frozenset[str]
    hosts: frozenset[HostRef] = frozenset()
    q: str = ""


class View:
    """What viewers see who may the same and asked for the same."""

    def __init__(self, visibility: Visibility, kinds: frozenset[str], wanted: Wanted, matches: Matches | None) -> None:
        self.visibility = visibility
        self.kinds = kinds
        self.wanted = wanted
        self._matches = matches
        self._last: tuple[Batch, str | None] | None = None

    def message(self, batch: Batch) -> str | None:
        """The message with a batch; None: there is nothing in it. It is made once for all who share the view."""
        if self._last is None or self._last[0] is not batch:
            texts = self.texts(batch.changes)
            self._last = (batch, delta(batch.revision, texts) if texts else None)
        return self._last[1]

    def texts(self, changes: Iterable[Said]) -> list[str]:
        """What is to be sent of some changes."""
        return [text for change in changes if (text := self.text(change)) is not None]

    def text(self, change: Said) -> str | None:
        """What is to be sent of a change; None: nothing."""
        if change.kind not in self.kinds or (change.no_host_yet and not self.visibility.all):
            return None
        if change.hosts:
            sees = self.visibility.sees_all if change.all_hosts else self.visibility.sees_any
            if not sees(change.hosts):
                return None
            if self.wanted.hosts and self.wanted.hosts.isdisjoint(change.hosts):
                return None
        if self._matches is None or change.document is None or self._matches(change.document):
            return change.text
        return change.gone


def view(access: Access, person: Person, wanted: Wanted, query: Query) -> View:
    """What a person sees who asked for that. Raises INVALID-BODY for a query that is none."""
    kinds = frozenset(kind for kind in wanted.kinds if access.may(person, ACTIONS.get(kind, "read")))
    return View(access.visible(person), kinds, wanted, query(wanted.q) if wanted.q else None)


def words(q: str) -> Matches:
    """The plainest query: every word is somewhere in the document, whatever the case."""
    several = tuple(q.casefold().split())

    def matches(document: Mapping[str, Any]) -> bool:
        text = json.dumps(document, ensure_ascii=False).casefold()
        return all(word in text for word in several)

    return matches
