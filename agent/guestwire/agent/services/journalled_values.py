"""Kernel values that are written for a while and then put back, over kills of the agent.

Before a value is written its original is in the journal's note, so a kill at any moment leaves nothing that the next call
does not know of. Values do not outlive a boot of the host, so neither does what was noted in another one. A value that
somebody else changed meanwhile is theirs: it is neither written again nor put back, and the log says so.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from guestwire.agent.audit import Log
from guestwire.agent.services.ports import KernelValues
from guestwire.model.errors import GuestwireError
from guestwire.model.tuning import KernelValue, same, taken

_SAID = 8
"""How many paths one line of the log names."""

Now = Mapping[str, str | None]
"""What files hold, by path; None: there is no such file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that we write. `taken`: what the kernel made of `wanted`; None: it is about to be written, and was `earlier`
    until then. `mates`: whatever the caller must remember of it (the siblings of a CPU that goes offline)."""

    path: str
    original: str
    wanted: str
    taken: str | None = None
    earlier: str | None = None
    mates: tuple[int, ...] = ()

    def is_ours(self, now: str) -> bool:
        """Whether the file holds what we wrote, or would hold if we had been killed."""
        if self.taken is not None:
            return same(self.path, self.taken, now)
        return taken(self.path, self.wanted, now) or (self.earlier is not None and same(self.path, self.earlier, now))

    def is_original(self, now: str) -> bool:
        return same(self.path, self.original, now)

    def is_changed(self, now: str) -> bool:
        """Whether somebody else wrote to it since."""
        return not self.is_ours(now) and not (self.taken is None and self.is_original(now))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that the kernel did not take, and why."""

    value: str
    reason: str
    code: str = "UNSUPPORTED"
    errno: int | None = None


class JournalledValues:
    """One set of values, under one key of the journal's notes. Calls must not overlap."""

    def __init__(
        self,
        key: str,
        kernel: KernelValues,
        note: Callable[[str], bytes | None],
        set_note: Callable[[str, bytes], Awaitable[None]],
        log: Log,
    ) -> None:
        self._key = key
        self._kernel = kernel
        self._note = note
        self._set_note = set_note
        self._log = log
        self.refused: dict[str, Refusal] = {}
        """What the last `bring` could not write or put back, by path."""
        self._said: set[str] = set()
        """Paths of which the log has said that somebody else changed them."""

    def any(self) -> bool:
        """Whether anything is noted, of whatever boot."""
        return bool(self._noted()["values"])

    def entries(self, boot_id: str) -> tuple[Entry, ...]:
        """What was written in this boot of the host and not put back, in the order of writing."""
        noted = self._noted()
        if noted["boot_id"] != boot_id:
            return ()
        return tuple(Entry(**{**value, "mates": tuple(value["mates"])}) for value in noted["values"])

    async def bring(
        self, boot_id: str, values: Sequence[KernelValue], now: Now, mates: Callable[[str], tuple[int, ...]]
    ) -> None:
        """Put back, in reverse, what is not among `values`; then write these in order. `now` has what all their files hold,
        and those of `entries`. What the kernel refuses is in `refused`. Raises JOURNAL-FULL, and what reading raises."""
        entries = {entry.path: entry for entry in self.entries(boot_id)}
        wanted = {value.path for value in values}
        self.refused = {path: why for path, why in self.refused.items() if path in wanted or path in entries}
        before = set(self.refused)
        stuck = await self._put_back([entry for path, entry in entries.items() if path not in wanted], now)
        planned = {value.path: self._planned(value, entries.get(value.path), now, mates) for value in values}
        await self._keep(boot_id, (*filter(None, planned.values()), *stuck))
        for value in values:
            entry = planned[value.path]
            if entry is not None and entry.taken is None:
                planned[value.path] = await self._write(value, entry)
        await self._keep(boot_id, (*filter(None, planned.values()), *stuck))
        self._say("the kernel refuses values", set(self.refused) - before)

    # -- pieces

    def _planned(
        self, value: KernelValue, entry: Entry | None, now: Now, mates: Callable[[str], tuple[int, ...]]
    ) -> Entry | None:
        """The entry to be noted; without `taken` its value is to be written. None: there is nothing to do."""
        path, current = value.path, now.get(value.path)
        if current is None:
            return None
        if same(path, value.value, current):
            self.refused.pop(path, None)
            return None if entry is None else replace(entry, wanted=value.value, taken=current, earlier=None)
        if entry is not None and entry.is_changed(current):
            self._left_alone(entry, current)
            return replace(entry, taken=entry.wanted) if entry.taken is None else entry
        self._said.discard(path)
        if entry is not None and entry.taken is not None and same(path, entry.wanted, value.value):
            return entry
        refusal = self.refused.get(path)
        if not value.required and refusal is not None and refusal.value == value.value:
            return entry  # asked already: such as a managed interrupt stay where they are
        if entry is None:
            return Entry(path, current, value.value, mates=mates(path))
        return replace(entry, wanted=value.value, taken=None, earlier=current)

    async def _write(self, value: KernelValue, entry: Entry) -> Entry | None:
        """Write a value; the entry that stays of it, None when the original is there (again)."""
        got, refusal = await self._attempt(value.path, value.value)
        if got is None or taken(value.path, value.value, got):
            self.refused.pop(value.path, None)
            return None if got is None else replace(entry, taken=got, earlier=None)
        self.refused[value.path] = refusal
        before = entry.original if entry.earlier is None else entry.earlier
        if not same(value.path, before, got):
            got = (await self._attempt(value.path, before))[0]
        if got is None or entry.is_original(got):
            return None
        return replace(entry, wanted=got, taken=got, earlier=None)

    async def _put_back(self, entries: Sequence[Entry], now: Now) -> list[Entry]:
        """Those that stay, because the kernel did not take their original back."""
        stuck = []
        for entry in reversed(entries):
            current = now.get(entry.path)
            if current is None or entry.is_original(current):
                got: str | None = entry.original
            elif not entry.is_ours(current):
                self._left_alone(entry, current)
                got = entry.original  # to us it is done
            else:
                got, refusal = await self._attempt(entry.path, entry.original)
            if got is None or taken(entry.path, entry.original, got):
                self.refused.pop(entry.path, None)
                self._said.discard(entry.path)
            else:
                self.refused[entry.path] = refusal
                stuck.append(replace(entry, wanted=got, taken=got, earlier=None))
        return stuck[::-1]

    async def _attempt(self, path: str, value: str) -> tuple[str | None, Refusal]:
        """Write once; what the file holds then, and what to say if that is wrong."""
        try:
            got = await self._kernel.write(path, value)
            return got, Refusal(value, f"the kernel made {got!r} of {value!r}")
        except GuestwireError as err:
            errno = err.detail.get("errno")
            refusal = Refusal(value, err.message, err.code, errno if isinstance(errno, int) else None)
            # it may have had its effect all the same
            return (await self._kernel.read([path])).get(path), refusal

    def _left_alone(self, entry: Entry, current: str) -> None:
        if entry.path not in self._said:
            self._said.add(entry.path)
            self._log.warning(
                "somebody else changed a kernel value: it is left alone", path=entry.path, ours=entry.taken or entry.wanted,
                original=entry.original, now=current,
            )  # fmt: skip

    def _say(self, text: str, paths: Iterable[str]) -> None:
        if named := sorted(paths):
            reasons = {path: self.refused[path].reason for path in named[:_SAID]}
            self._log.warning(text, count=len(named), refused=reasons)

    def _noted(self) -> dict[str, Any]:
        raw = self._note(self._key)
        found: dict[str, Any] = json.loads(raw) if raw else {"boot_id": "", "values": []}
        return found

    async def _keep(self, boot_id: str, entries: Iterable[Entry]) -> None:
        noted: dict[str, Any] = {"boot_id": boot_id, "values": [asdict(entry) for entry in entries]}
        data = json.dumps(noted).encode()
        if data != self._note(self._key) and (noted["values"] or self.any()):
            await self._set_note(self._key, data)
