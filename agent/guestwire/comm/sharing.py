"""A document without repetitions in memory: a thousand events that name the same sixty guests name them once. Pure."""

from guestwire.model.communication import CommDocument


def shared(document: CommDocument) -> CommDocument:
    """The same document."""
    names: dict[str, str] = {}
    lists: dict[tuple[str, ...], tuple[str, ...]] = {}

    def once(parties: tuple[str, ...]) -> tuple[str, ...]:
        found = lists.get(parties)
        if found is None:
            found = lists[parties] = tuple(names.setdefault(name, name) for name in parties)
        return found

    return document.model_copy(
        update={
            "events": tuple(
                event.model_copy(update={"signal": once(event.signal), "wait": once(event.wait)})
                for event in document.events
            ),
            "queues": tuple(queue.model_copy(update={"writers": once(queue.writers)}) for queue in document.queues),
        }
    )
