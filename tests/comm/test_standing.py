"""How the services stand: guests over all their ways, and what is missing."""

from dataclasses import dataclass

from tests.support.comm_process import document

from guestwire.comm.conversation import Conversation
from guestwire.comm.standing import counts, peers
from guestwire.comm.storms import Bucket
from guestwire.comm.throttle import Throttle
from guestwire.model.events import Event


@dataclass
class Line:
    party: str
    kind: str
    pid: int | None = None


def talk(number: int, bucket: Bucket, way: Line, requests: int) -> Conversation:
    made = Conversation(number, way, 1000 - number, bucket)
    made.requests = requests
    return made


def test_a_guest_is_one_row_over_its_ways_and_its_bucket_counts_once() -> None:
    shared, own = Bucket(Throttle(1, 1)), Bucket(Throttle(1, 1))
    for _ in range(3):
        shared.throttle.take(1, 0.0)
    shared.denied = 4
    rows = peers([
        talk(1, shared, Line("a", "doorbell", 77), 2), talk(2, shared, Line("a", "serial"), 3),
        talk(3, own, Line("HOST", "socket", 5), 1), talk(4, own, Line("HOST", "socket", 6), 1),
    ])  # fmt: skip
    assert [(row.name, row.kind, row.ways, row.pid) for row in rows] == [
        ("HOST", "process", ("socket",), 5), ("HOST", "process", ("socket",), 6), ("a", "guest", ("doorbell", "serial"), 77),
    ]  # fmt: skip
    assert (rows[2].requests, rows[2].throttled, rows[2].denied, rows[2].since) == (5, 2, 4, 998)


def test_rows_are_counted_by_kind() -> None:
    assert counts(document("a", events=(Event(name="e"),)))["events"] == 1
