"""How many drives at once: in all, and per host; what hosts work on does not keep others from being sent to."""

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.in_flight import DriveLimits, InFlight

A, B = HostRef("plant", "a"), HostRef("plant", "b")


def test_a_host_takes_its_part_and_no_more() -> None:
    flights = InFlight(DriveLimits(sending=3, sending_per_host=2, running=4, running_per_host=2))
    flights.begin(A)
    assert flights.may(A)
    flights.begin(A)
    assert not flights.may(A)
    assert flights.may(B)
    assert not flights.full
    flights.begin(B)
    assert flights.full
    flights.accepted(A)
    assert (flights.sending, flights.running) == (2, 1)
    assert not flights.full
    assert not flights.may(A), "it works on as much as it may, and soon more"
    flights.end(A, accepted=True)
    assert flights.may(A)
    flights.accepted(B)
    flights.accepted(A)
    flights.begin(B)
    assert not flights.full
    flights.begin(A)
    assert flights.full, "somebody must listen to what runs"
    for host in (A, B):
        flights.end(host, accepted=True)
        flights.end(host, accepted=False)
    assert (flights.sending, flights.running, flights.full) == (0, 0, False)
