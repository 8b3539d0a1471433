"""What is to be done with hosts because of what they said: read what they have, tell one that it counts its epochs from too low.

Each host has one errand of a kind at a time, a few hosts are dealt with at once, and after something that befell many of them
they have their turns one after the other.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from guestwire.controller.fleet.inventory import Inventory
from guestwire.controller.fleet.registry import Errands, Registry
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import HostCalls
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import EpochBehind
from guestwire.protocol.operations import BY_NAME

AT_ONCE: Final = 64
"""Hosts that are dealt with at once: what is read of them goes into one transaction."""
SPREAD_S: Final = 1.0
"""An inventory is read after a random time up to this: what a host says comes in several pieces."""
AGAIN_S: Final = (2.0, 15.0, 60.0, 300.0)
"""How long after each failure it is tried again, about."""
Kind = Literal["inventory", "epoch-behind"]
Key = tuple[HostRef, Kind]


@dataclass(slots=True)
class _Errand:
    due: float
    known: int = 0
    tries: int = 0


class ErrandRunner(Errands):
    """`async with` it. What waits is bounded by the number of hosts. `on_defect` hears of an errand that broke."""

    def __init__(
        self,
        inventory: Inventory,
        calls: HostCalls,
        registry: Registry,
        on_defect: Callable[[str, BaseException], None],
        *,
        at_once: int = AT_ONCE,
        spread_s: float = SPREAD_S,
        again_s: Sequence[float] = AGAIN_S,
    ) -> None:
        self._inventory = inventory
        self._calls = calls
        self._registry = registry
        self._on_defect = on_defect
        self._at_once = at_once
        self._spread_s = spread_s
        self._again_s = again_s
        self._wanted: dict[Key, _Errand] = {}
        self._under_way: set[Key] = set()
        self._order: list[tuple[float, Key]] = []
        self._some = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "ErrandRunner":
        self._workers = [asyncio.create_task(self._work(), name=f"errands-{n}") for n in range(self._at_once)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._wanted) + len(self._under_way)

    def inventory(self, ref: HostRef) -> None:
        self._want((ref, "inventory"), random.uniform(0, self._spread_s), 0)

    def epoch_behind(self, ref: HostRef, known: int) -> None:
        self._want((ref, "epoch-behind"), 0.0, known)

    def _want(self, key: Key, wait_s: float, known: int, tries: int = 0) -> None:
        if (errand := self._wanted.get(key)) is not None:
            errand.known = max(errand.known, known)
            return
        due = asyncio.get_running_loop().time() + wait_s
        self._wanted[key] = _Errand(due, known, tries)
        heapq.heappush(self._order, (due, key))
        self._some.set()

    async def _work(self) -> None:
        while True:
            key, errand = await self._next()
            self._under_way.add(key)
            try:
                await self._run(key, errand)
            except GuestwireError:
                if errand.tries < len(self._again_s) and self._registry.there(key[0]):
                    wait_s = self._again_s[errand.tries] * random.uniform(0.5, 1.5)
                    self._want(key, wait_s, errand.known, errand.tries + 1)
                elif (known := self._registry.get(key[0])) is not None:
                    known.restarted = True  # when it comes back it is read anew, though nothing may have changed
            except Exception as err:  # noqa: BLE001 - the entry point of every errand
                self._on_defect(key[1], err)
            finally:
                self._under_way.discard(key)

    async def _next(self) -> tuple[Key, _Errand]:
        """The errand that is due first, of a host that no other worker is at."""
        loop = asyncio.get_running_loop()
        while True:
            self._some.clear()
            left_s = self._order[0][0] - loop.time() if self._order else None
            if left_s is not None and left_s <= 0:
                _, key = heapq.heappop(self._order)
                errand = self._wanted.pop(key)
                if key in self._under_way:  # once more, after this time
                    self._want(key, 1.0, errand.known, errand.tries)
                    continue
                return key, errand
            try:
                async with asyncio.timeout(left_s):
                    await self._some.wait()
            except TimeoutError:
                continue

    async def _run(self, key: Key, errand: _Errand) -> None:
        ref, kind = key
        if kind == "inventory":
            await self._inventory.renew(ref)
            return
        row = BY_NAME["epoch-behind"]
        await self._calls.call(ref, row, EpochBehind(known=errand.known), timeout_s=row.timeout_s, accept_within_s=5.0)
