"""How the services stand, as `comm-status` shows it."""

from collections.abc import Iterable, Mapping

from guestwire.comm.conversation import HOST, Conversation
from guestwire.comm.holdings import Holdings
from guestwire.model.communication import CommDocument
from guestwire.protocol import comm_models as w

STRANDED = (
    "It is attached to a guestwire-comm that is gone: its events and locks answer COMM-NOT-STARTED, its areas and what goes "
    "over its serial channel work on. Shut it down and start it when that suits."
)


def comm_status(
    state: w.CommState,
    holdings: Holdings,
    talks: Iterable[Conversation],
    *,
    started_at: int,
    document_hash: str,
    stranded: Iterable[str],
    missing: Mapping[str, str],
) -> w.CommStatus:
    """`degraded`: they run, and guests are attached to an instance before."""
    left = tuple(w.Stranded(guest=name, remedy=STRANDED) for name in stranded)
    return w.CommStatus(
        state="degraded" if left and state == "running" else state, instance=holdings.instance, started_at=started_at,
        document_hash=document_hash, peers=tuple(peers(talks)), stranded=left, regions=len(holdings.held.regions),
        region_bytes=holdings.store.total_bytes, counts=counts(holdings.held.document), missing=dict(missing),
    )  # fmt: skip


def counts(document: CommDocument) -> dict[str, int]:
    """Rows of a document by kind."""
    return {name: len(getattr(document, name)) for name in ("guests", "areas", "events", "queues", "locks", "networks")}


def peers(talks: Iterable[Conversation]) -> list[w.CommPeer]:
    """A row for each guest, over all its ways, and for each process of the host."""
    grouped: dict[tuple[str, int], list[Conversation]] = {}
    for talk in talks:
        grouped.setdefault((talk.way.party, talk.number if talk.way.party == HOST else 0), []).append(talk)
    return [_peer(name, grouped[name, number]) for name, number in sorted(grouped)]


def _peer(name: str, talks: list[Conversation]) -> w.CommPeer:
    buckets = {talk.throttle for talk in talks}
    return w.CommPeer(
        name=name, kind="process" if name == HOST else "guest", ways=tuple(talk.way.kind for talk in talks),
        peer=talks[-1].number, pid=next((talk.way.pid for talk in talks if talk.way.pid), None),
        since=min(talk.since_ms for talk in talks), ready=any(talk.ready for talk in talks),
        requests=sum(talk.requests for talk in talks), denied=sum(bucket.denied for bucket in buckets),
        throttled=sum(bucket.times for bucket in buckets),
    )  # fmt: skip
