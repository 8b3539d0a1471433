"""The feed: what changed in the controller, for those who watch. It keeps nothing: who comes later reads the database first.

A subscriber that does not keep up gets the newest state of each thing (changes of one key replace one another), and once it
is behind by more things than its bound, it is told to read everything anew.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from guestwire.controller.host_ref import HostRef

ChangeKind = Literal[
    "host", "group", "job", "approval", "window", "rollout", "draft", "project", "alarm", "rule", "webhook", "notice",
    "connection", "user",
]  # fmt: skip
BEHIND = 20_000
"""Different things that one subscriber may have before it."""


@dataclass(frozen=True, slots=True)
class Change:
    """`document`: the thing as JSON has it, None when it is gone. `hosts`: which hosts it is about, which decides who may see it;
    empty: it is about no host. `all_hosts`: it is for who may see all of them, for it tells of all; else one is enough.
    `no_host_yet`: it will be about hosts, nobody knows which, and is for who may see every host."""

    kind: ChangeKind
    key: str
    document: dict[str, Any] | None
    hosts: tuple[HostRef, ...] = ()
    all_hosts: bool = False
    no_host_yet: bool = False


class Subscriber:
    """What one watcher has not seen yet. `lost`: it was behind too far, and everything must be read anew."""

    def __init__(self, behind: int = BEHIND) -> None:
        self._behind = behind
        self._waiting: dict[tuple[str, str], Change] = {}
        self._some = asyncio.Event()
        self.lost = False

    def put(self, change: Change) -> None:
        """One more; it takes the place of an earlier one about the same thing."""
        key = (change.kind, change.key)
        if key not in self._waiting and len(self._waiting) >= self._behind:
            self._waiting.clear()
            self.lost = True
        if not self.lost:
            self._waiting.pop(key, None)
            self._waiting[key] = change
        self._some.set()

    async def take(self) -> tuple[Change, ...]:
        """Everything that waits, oldest first, once there is something. Empty when it was lost: `lost` is reset by `begin`."""
        await self._some.wait()
        self._some.clear()
        changes = tuple(self._waiting.values())
        self._waiting.clear()
        return changes

    def begin(self) -> None:
        """From here on: before everything is read anew."""
        self._waiting.clear()
        self._some.clear()
        self.lost = False


class Feed:
    """Where services say what changed, after it is committed."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()

    def publish(self, change: Change) -> None:
        """Tell everybody who watches. Never blocks."""
        for subscriber in self._subscribers:
            subscriber.put(change)

    @property
    def watched(self) -> bool:
        """Whether anybody watches: what nobody sees need not be made."""
        return bool(self._subscribers)

    @contextmanager
    def subscribe(self, behind: int = BEHIND) -> Iterator[Subscriber]:
        """A subscriber while the block lasts."""
        subscriber = Subscriber(behind)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
