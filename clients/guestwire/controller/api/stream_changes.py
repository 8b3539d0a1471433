"""Changes as the stream sends them: written as JSON once, whoever gets them, in batches, with a memory for who comes back.

No I/O, no clock. Who may see what is `stream_view`'s.
"""

import json
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef

REMEMBERED: Final = 20_000
"""Changes that somebody may have missed and still catch up with."""


class Said(NamedTuple):
    """A change, ready to be sent. `text`: it as JSON; `gone`: the same thing as one that is not there (any more)."""

    kind: str
    key: str
    hosts: tuple[HostRef, ...]
    document: dict[str, Any] | None
    text: str
    gone: str
    all_hosts: bool = False
    no_host_yet: bool = False


class Batch(NamedTuple):
    """What changed in one moment. `revision` counts them; a stream's epoch says whose count it is."""

    revision: int
    changes: tuple[Said, ...]


def said(change: Change) -> Said:
    """A change as JSON."""
    head = f'{{"kind":{json.dumps(change.kind)},"key":{json.dumps(change.key)},"document":'
    document = json.dumps(change.document, ensure_ascii=False, separators=(",", ":"))
    text, gone = f"{head}{document}}}", f"{head}null}}"
    return Said(
        change.kind, change.key, change.hosts, change.document, text, gone, change.all_hosts, change.no_host_yet
    )


def delta(revision: int, texts: Iterable[str]) -> str:
    """The message with some changes."""
    return f'{{"type":"delta","revision":{revision},"changes":[{",".join(texts)}]}}'


class History:
    """The last batches."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._batches: deque[Batch] = deque()
        self._size = 0
        self.revision = 0
        """Of the last batch."""

    def add(self, changes: Iterable[Change]) -> Batch:
        """One batch more."""
        batch = Batch(self.revision + 1, tuple(said(change) for change in changes))
        self.revision = batch.revision
        self._batches.append(batch)
        self._size += len(batch.changes)
        while self._size > self._remembered and len(self._batches) > 1:
            self._size -= len(self._batches.popleft().changes)
        return batch

    def forget(self) -> None:
        """Something was missed: nobody can catch up from before this."""
        self._batches.clear()
        self._size = 0
        self.revision += 1

    def since(self, revision: int) -> tuple[Said, ...] | None:
        """What changed after a revision, the newest state of each thing; None: that is not known any more, or never was."""
        if not 0 <= revision <= self.revision or revision < self.revision - len(self._batches):
            return None
        newest: dict[tuple[str, str], Said] = {}
        for batch in self._batches:
            if batch.revision > revision:
                for change in batch.changes:
                    newest.pop((change.kind, change.key), None)
                    newest[change.kind, change.key] = change
        return tuple(newest.values())
