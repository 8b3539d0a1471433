"""The events of a document: those of the project, and the hidden ones that queues and locks wait on. Pure."""

from collections.abc import Iterator

from guestwire.comm.directs import is_native
from guestwire.comm.event_rows import Declared, EventKind
from guestwire.comm.placement import Placements
from guestwire.model.access import effective_access, parse_access
from guestwire.model.communication import CommDocument
from guestwire.model.events import HOST, Event
from guestwire.shm.layouts import LOCK_EVENT, QUEUE_EVENT, SPACE_EVENT


def project_events(document: CommDocument) -> tuple[Event, ...]:
    """The project's events, and of the hidden ones those that only need processes of the host: the kernel can do both."""
    queues = tuple(
        Event.model_construct(name=QUEUE_EVENT + queue.name, signal=queue.writers, wait=(queue.reader,))
        for queue in document.queues
        if queue.reader == HOST and set(queue.writers) == {HOST}
    )
    return (*document.events, *queues)


def declared_events(document: CommDocument, placements: Placements) -> Iterator[Declared]:
    """What the table of events is to have. Many events have the same parties: each set of them is there once."""
    sets: dict[tuple[str, ...], frozenset[str]] = {}
    for event in document.events:
        kind: EventKind = "direct" if event.delivery == "direct" else "native" if is_native(event) else "arbitrated"
        signal, wait = (sets.setdefault(names, frozenset(names)) for names in (event.signal, event.wait))
        yield Declared(event.name, event.reset == "manual", event.initial, signal, wait, kind)
    readers = {}
    for queue in document.queues:
        writers = frozenset(queue.writers)
        readers[queue.name] = queue.reader
        kind = "native" if queue.reader == HOST and writers == {HOST} else "arbitrated"
        yield Declared(QUEUE_EVENT + queue.name, False, False, writers, frozenset({queue.reader}), kind, hidden=True)
    for ring in placements.rings:
        yield Declared(
            f"{SPACE_EVENT}{ring.number}", False, False, frozenset({readers.get(ring.queue, "")}),
            frozenset({ring.writer}), hidden=True,
        )  # fmt: skip
    parties = (HOST, *(guest.name for guest in document.guests))
    areas = {area.name: area for area in reversed(document.areas)}
    writers_of: dict[str, frozenset[str]] = {}
    for lock in placements.locks:
        if lock.kind == "shared":
            users = writers_of.get(lock.area)
            if users is None:
                area = areas[lock.area]
                users = frozenset(party for party in parties if parse_access(effective_access(area, party)).write)
                writers_of[lock.area] = users
            yield Declared(LOCK_EVENT + lock.name, False, False, users, users, hidden=True)
