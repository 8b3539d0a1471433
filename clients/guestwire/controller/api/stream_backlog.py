"""What one viewer has not been sent yet: the newest state of each thing, and at most so many of them. Beyond that the viewer begins anew:
nothing is left out in silence, and nothing grows. No I/O.
"""

import asyncio
from typing import Final

from guestwire.controller.api.stream_changes import Batch, Said, delta
from guestwire.controller.api.stream_view import View

BEHIND: Final = 5000
"""Different things that one viewer may have before it."""


class Backlog:
    """Batches that wait for one viewer. `lost`: it was behind too far; `begin` starts afresh."""

    def __init__(self, behind: int = BEHIND) -> None:
        self._behind = behind
        self._batch: Batch | None = None
        self._waiting: dict[tuple[str, str], Said] = {}
        self.some = asyncio.Event()
        """Set while there is something, or it was lost."""
        self.revision = 0
        self.told = 0
        """Everything up to here was taken: who has heard all that was said may go on from here."""
        self.lost = False

    def put(self, batch: Batch) -> None:
        """One batch more. While nothing waits it is kept as it is, so that viewers share its text."""
        self.revision = batch.revision
        if self.lost:
            return
        if self._batch is None and not self._waiting:
            self._batch = batch
        else:
            if self._batch is not None:
                self._merge(self._batch)
                self._batch = None
            self._merge(batch)
            if len(self._waiting) > self._behind:
                self.lose()
        self.some.set()

    def lose(self) -> None:
        """Everything must be read anew."""
        self._batch = None
        self._waiting.clear()
        self.lost = True
        self.some.set()

    def begin(self, revision: int) -> None:
        """From here on: just before everything is read."""
        self._batch = None
        self._waiting.clear()
        self.lost = False
        self.revision = self.told = revision
        self.some.clear()

    def take(self, view: View) -> str | None:
        """The message with everything that waits; None: there is nothing in it for this viewer."""
        self.some.clear()
        self.told = self.revision
        if self._batch is not None:
            batch, self._batch = self._batch, None
            return view.message(batch)
        texts = view.texts(self._waiting.values())
        self._waiting.clear()
        return delta(self.revision, texts) if texts else None

    def _merge(self, batch: Batch) -> None:
        for change in batch.changes:
            self._waiting.pop((change.kind, change.key), None)
            self._waiting[change.kind, change.key] = change
