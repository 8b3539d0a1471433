"""Bodies over 48 KiB travel in signed parts: this puts them together again, bounded in number, bytes and time."""

from collections.abc import Hashable

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import BODY_LIMIT, Envelope, body_hash

COMPLETE_WITHIN_S = 10.0
MAX_OPEN = 16
"""Bodies under assembly at once: at most 16 MiB; the oldest gives way."""
MAX_OF_ONE = 4
"""Of one sender: beyond that his own oldest gives way, and nobody else's."""


class _Open:
    __slots__ = ("deadline", "digest", "of", "parts", "sender")

    def __init__(self, digest: bytes, of: int, deadline: float, sender: Hashable) -> None:
        self.sender = sender
        self.digest = digest
        self.of = of
        self.deadline = deadline
        self.parts: dict[int, bytes] = {}


class Assembly:
    """Collects parts by key. Feed it only envelopes whose signature was checked: memory is spent on trust."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Open] = {}

    def add(self, key: Hashable, envelope: Envelope, mono: float, sender: Hashable = None) -> bytes | None:
        """The whole body once its last part is in; None before. Parts of another body under the same key start anew.

        Raises BODY-MISMATCH when the whole does not fit its hash, so it has to be sent again, and PARTS-TIMEOUT with the
        first part of the next sending (which is kept) when the one before was not complete in time."""
        i, of = envelope.header.part
        if of == 1:
            return envelope.body
        late = self._forget_late(mono)
        entry = self._open.get(key)
        if entry is None or entry.of != of or entry.digest != envelope.header.body_hash:
            self._open.pop(key, None)
            mine = [] if sender is None else [one for one, open_ in self._open.items() if open_.sender == sender]
            if len(mine) >= MAX_OF_ONE:
                del self._open[mine[0]]
            while len(self._open) >= MAX_OPEN:
                del self._open[next(iter(self._open))]
            entry = self._open[key] = _Open(envelope.header.body_hash, of, mono + COMPLETE_WITHIN_S, sender)
        entry.parts[i] = envelope.body
        if len(entry.parts) == of:
            del self._open[key]
            whole = b"".join(entry.parts[n] for n in range(1, of + 1))
            if len(whole) > BODY_LIMIT or body_hash(whole) != entry.digest:
                raise GuestwireError("BODY-MISMATCH")
            return whole
        if key in late:
            raise GuestwireError("PARTS-TIMEOUT")
        return None

    def _forget_late(self, mono: float) -> set[Hashable]:
        late = {key for key, entry in self._open.items() if entry.deadline <= mono}
        for key in late:
            del self._open[key]
        return late

    def __len__(self) -> int:
        return len(self._open)
