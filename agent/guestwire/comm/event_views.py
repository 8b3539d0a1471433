"""What people see of an event: its row in the table as the protocol's EventView."""

from guestwire.comm.event_rows import EventRow
from guestwire.protocol.comm_models import EventView
from guestwire.protocol.steps import Now


def event_view(row: EventRow, now: Now) -> EventView:
    """An event at that time. One that a peer made names nobody in its lists: it is everybody's."""
    declared = row.declared
    return EventView(
        name=row.name, reset="manual" if row.manual else "auto", delivery=row.kind, declared=declared is not None,
        set=row.is_set if row.kind == "arbitrated" else None,
        signal=() if declared is None else tuple(sorted(declared.signal)),
        wait=() if declared is None else tuple(sorted(declared.wait)),
        signals=row.signals, rate=round(row.rate.per_second(now.mono), 2), denied=row.denied,
        waiters=tuple(dict.fromkeys(wait.peer.party for wait in row.waiters)), last_by=row.last_by, last_at=row.last_at,
    )  # fmt: skip
