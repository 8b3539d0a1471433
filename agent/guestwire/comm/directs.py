"""Where the words of direct and native events lie, and on which vector a waiting guest is rung. Pure.

A pair of guests has a region of its own for the direct events between them, which both may write all over; native events share
one that only processes of the host have. A word and a vector stay where they are as long as their event is declared.
"""

import hashlib
from collections.abc import Iterable, Mapping

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST, REMOTE, Event
from guestwire.shm.layouts import DIRECT, NUMBERS

REGION_BYTES = (1 << 20) - NUMBERS["GW_DATA_OFFSET"]
OFFSETS = range(NUMBERS["GW_DATA_OFFSET"], NUMBERS["GW_DATA_OFFSET"] + REGION_BYTES - DIRECT.size + 1, DIRECT.size)
"""Where the words of a region are."""
HOST_REGION = "direct:HOST"
VECTORS = range(1, NUMBERS["GW_VECTORS"])


class DirectPlace(Model):
    """`offset`: of its gw_direct in the region. `signal`, `wait`: who; `vector` 0: native, nobody is rung."""

    event: str
    region: str
    offset: int
    signal: str
    wait: str
    vector: int
    manual: bool
    initial: bool = False


def is_native(event: Event) -> bool:
    """Whether processes of the host signal and wait, and no guest: the kernel can do all of it. The cloud may too: for it
    guestwire-comm is one more process."""
    return HOST in event.signal and HOST in event.wait and {*event.signal, *event.wait} <= {HOST, REMOTE}


def place_directs(events: Iterable[Event], before: Mapping[str, DirectPlace]) -> dict[str, DirectPlace]:
    """The places by event. Raises EVENTS-EXHAUSTED: a guest waits for more direct events than its doorbell has vectors, or a
    region has no room for another word."""
    wanted = [event for event in events if event.delivery == "direct" or is_native(event)]
    places: dict[str, DirectPlace] = {}
    free = _Free()
    for event in wanted:
        old = before.get(event.name)
        if old is not None and _fits(old, event) and free.have(old):
            places[event.name] = old.model_copy(update={"manual": event.reset == "manual", "initial": event.initial})
    for event in wanted:
        if event.name not in places:
            native = is_native(event)
            signal, wait = _ends(event)
            region = HOST_REGION if native else region_of(signal, wait)
            places[event.name] = DirectPlace(
                event=event.name, region=region, offset=free.offset(region, event.name), signal=signal, wait=wait,
                vector=0 if native else free.vector(wait, event.name), manual=event.reset == "manual",
                initial=event.initial,
            )  # fmt: skip
    return places


class _Free:
    """Words of regions and vectors of guests that nobody has yet, the lowest first."""

    def __init__(self) -> None:
        self._offsets: dict[str, set[int]] = {}
        self._vectors: dict[str, set[int]] = {}
        self._next: dict[str, int] = {}

    def have(self, place: DirectPlace) -> bool:
        """Somebody has it. False, and nothing is taken: somebody else had it before, or there is no such place."""
        offsets = self._offsets.setdefault(place.region, set())
        vectors = self._vectors.setdefault(place.wait, set())
        if place.offset in offsets or place.offset not in OFFSETS:
            return False
        if place.vector and (place.vector in vectors or place.vector not in VECTORS):
            return False
        offsets.add(place.offset)
        vectors.add(place.vector)
        return True

    def offset(self, region: str, event: str) -> int:
        taken = self._offsets.setdefault(region, set())
        start = self._next.get(region, OFFSETS.start)
        found = next((offset for offset in range(start, OFFSETS.stop, OFFSETS.step) if offset not in taken), None)
        if found is None:
            text = f"there are more events between two guests, or between processes of the host, than the {len(OFFSETS)} words of their region."
            raise GuestwireError("EVENTS-EXHAUSTED", text, field=f"events.{event}")
        taken.add(found)
        self._next[region] = found
        return found

    def vector(self, guest: str, event: str) -> int:
        taken = self._vectors.setdefault(guest, set())
        found = next((vector for vector in VECTORS if vector not in taken), None)
        if found is None:
            text = f"{guest} waits for more direct events than the {len(VECTORS)} its doorbell has vectors for."
            raise GuestwireError("EVENTS-EXHAUSTED", text, field=f"events.{event}")
        taken.add(found)
        return found


def _fits(old: DirectPlace, event: Event) -> bool:
    return (old.signal, old.wait) == _ends(event) and (old.vector == 0) == is_native(event)


def _ends(event: Event) -> tuple[str, str]:
    return (HOST, HOST) if is_native(event) else (event.signal[0], event.wait[0])


def region_of(one: str, other: str) -> str:
    """The region of a pair of guests."""
    return "direct:" + hashlib.sha256("/".join(sorted((one, other))).encode()).hexdigest()[:16]


def pairs(places: Mapping[str, DirectPlace]) -> dict[tuple[str, str], frozenset[int]]:
    """(signaller, waiter) -> the waiter's vectors that the signaller may ring."""
    found: dict[tuple[str, str], set[int]] = {}
    for place in places.values():
        if place.vector:
            found.setdefault((place.signal, place.wait), set()).add(place.vector)
    return {pair: frozenset(vectors) for pair, vectors in found.items()}
