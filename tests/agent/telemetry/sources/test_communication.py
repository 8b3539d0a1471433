"""What guests share, under the names of the catalogue, from a real guestwire-comm."""

import pytest
from heard_telemetry import sampled
from tests.support.comm_process import CommProcess, Peer, comm_fixtures, document

from guestwire.agent.telemetry.sources.communication import communication_sources
from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event

WHOLE = document(
    "a", "b", areas=(MemoryArea(name="shared", size=65536),),
    events=(Event(name="go", signal=("a",), wait=("b",)), Event(name="ring", signal=("a",), wait=("b",), delivery="direct")),
    queues=(Queue(name="q", area="shared", slots=8, slot_bytes=64, writers=("a",), reader="b"),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip

comm, client = comm_fixtures(WHOLE)


async def test_what_guests_share(comm: CommProcess, client: CommClient) -> None:
    counters, rules = communication_sources(client)
    with Peer(comm.attach, "a") as a:
        a.send("SET", handle=a.open("go")["handle"])
        assert a.silent()
        found = await sampled(counters)
    values = found.values
    assert values['guestwire_area_size_bytes{area="shared"}'] == 65536
    assert values['guestwire_area_attached{area="shared"}'] == 1
    assert values['guestwire_event_signals_total{event="go"}'] == 1
    assert values['guestwire_event_waiters{event="go"}'] == 0
    assert values['guestwire_event_set{event="go"}'] == 1
    assert 'guestwire_event_set{event="ring"}' not in values, "the kernel alone knows"
    assert values['guestwire_queue_slots{queue="q"}'] == 8
    assert values['guestwire_queue_depth{queue="q"}'] == values['guestwire_queue_put_total{queue="q"}'] == 0
    assert values['guestwire_lock_held{lock="l"}'] == 0
    assert values['guestwire_comm_attached{kind="guest"}'] == 1
    assert values['guestwire_comm_guest_requests_total{guest="a"}'] > 0
    assert values["guestwire_comm_resident_bytes"] > 1 << 20
    began = found.starts["guestwire_comm_cpu_seconds_total"]
    assert found.starts['guestwire_event_signals_total{event="go"}'] == began > 0
    assert found.starts['guestwire_event_signals_total{event="ring"}'] == 0, "its word outlives the process"
    assert found.starts['guestwire_queue_put_total{queue="q"}'] == 0
    assert (await sampled(rules)).values == {}, "there are no networks"


async def test_without_guestwire_comm_nothing_is_known(comm: CommProcess, client: CommClient) -> None:
    await comm.kill()
    for source in communication_sources(client):
        with pytest.raises(GuestwireError) as raised:
            await sampled(source)
        assert raised.value.code in ("COMM-NOT-STARTED", "COMM-LOST")
