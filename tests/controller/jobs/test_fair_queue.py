"""Turns: hosts one after the other, each host's work in the order in which it came."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.fair_queue import FairQueue

A, B, C = (HostRef("plant", name) for name in "abc")


def everybody(_: HostRef) -> bool:
    return True


def test_hosts_take_turns() -> None:
    queue = FairQueue()
    for host, work in ((A, "a1"), (A, "a2"), (A, "a3"), (B, "b1"), (C, "c1"), (B, "b2")):
        queue.put(host, work)
    assert [queue.next(everybody) for _ in range(7)] == ["a1", "b1", "c1", "a2", "b2", "a3", None]
    assert len(queue) == 0


def test_who_may_not_is_left_out_and_keeps_the_place() -> None:
    queue = FairQueue()
    queue.put(A, "a1")
    queue.put(B, "b1")
    assert queue.next(lambda host: host == B) == "b1"
    assert queue.next(lambda host: host == B) is None
    assert queue.next(everybody) == "a1"


def test_work_waits_once_and_can_be_taken_out() -> None:
    queue = FairQueue()
    queue.put(A, "a1")
    queue.put(A, "a1")
    queue.put(A, "a2")
    assert "a1" in queue
    queue.remove("a1")
    queue.remove("a1")
    assert [queue.next(everybody), queue.next(everybody)] == ["a2", None]


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 20))))
def test_nothing_is_lost_and_each_host_keeps_its_order(work: list[tuple[HostRef, int]]) -> None:
    queue, wanted = FairQueue(), {A: [], B: [], C: []}  # type: ignore[var-annotated]
    for host, number in work:
        name = f"{host}#{number}"
        if name not in queue:
            wanted[host].append(name)
        queue.put(host, name)
    got: dict[HostRef, list[str]] = {A: [], B: [], C: []}
    while (name := queue.next(everybody)) is not None:
        got[HostRef("plant", name.partition("#")[0].partition("/")[2])].append(name)
    assert got == wanted
