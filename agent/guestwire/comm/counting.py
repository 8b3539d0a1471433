"""The counters of direct and native events: the guest library keeps them in the events' words, where we look now and then.
A guest may write anything there: they are numbers for people, and nothing is decided by them."""

from guestwire.comm.events import EventTable
from guestwire.comm.holdings import Holdings
from guestwire.comm.region import RegionKind
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import DIRECT


def count_words(table: EventTable, holdings: Holdings, at: Now) -> None:
    """Bring the table's counters up to date."""
    for place in holdings.held.directs.values():
        region = holdings.find(RegionKind.DIRECT, place.region)
        if region is not None and ":" not in place.event:
            signals = region.load64(place.offset + DIRECT.offsets["signals"])
            table.observe(place.event, signals, place.signal, at)
