"""What a host says without being asked, and where it goes when there is no broker."""

from guestwire.agent.announcer import WAITING_NOTICES, Announcer
from guestwire.link.transport import TransportError
from guestwire.protocol.executor import Now
from guestwire.protocol.notices import GuestNotice
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

KEY = SigningKey(bytes(range(32)))
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            Signer(principal="host:h1", public_key=KEY.public.raw.hex(), scope=Scope(operations=(), hosts=("h1",))),
        ),
    )
)
NOTICE = "gw/1/plant/host/h1/notice/guest"


class Outlet:
    def __init__(self, *, broken: bool = False) -> None:
        self.said: list[tuple[str, bytes, bool]] = []
        self.broken = broken

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        if self.broken:
            raise TransportError("LINK-LOST")
        self.said.append((topic, frame, retained))


def announcer() -> Announcer:
    return Announcer("plant", "h1", KEY, lambda: Now(1_000, 1.0))


def notice(made: Announcer, name: str = "plc") -> None:
    made.notice("guest", event="state", guest_id="GUEST0001", name=name, uuid="u", before="stopped", state="running")


def bodies(outlet: Outlet) -> list[GuestNotice]:
    return [
        read(frame, TRUST, "plant", "host:h1", "notice", None).read(GuestNotice)
        for topic, frame, _ in outlet.said
        if topic == NOTICE
    ]


def test_notices_are_signed_and_numbered_without_a_gap() -> None:
    made, outlet = announcer(), Outlet()
    made.broker_up(outlet)
    for _ in range(3):
        notice(made)
    assert [(b.seq, b.at, b.name) for b in bodies(outlet)] == [(1, 1000, "plc"), (2, 1000, "plc"), (3, 1000, "plc")]
    assert len({b.log for b in bodies(outlet)}) == 1
    assert all(read(frame, TRUST, "plant", "host:h1", "notice", None).verified for _, frame, _ in outlet.said)


def test_notices_wait_for_the_broker_in_order() -> None:
    made, outlet = announcer(), Outlet()
    notice(made, "a")
    notice(made, "b")
    made.broker_up(outlet)
    made.broker_down()
    notice(made, "c")
    assert [b.name for b in bodies(outlet)] == ["a", "b"]
    made.broker_up(outlet)
    assert [b.name for b in bodies(outlet)] == ["a", "b", "c"]


def test_a_broker_that_takes_nothing_loses_nothing() -> None:
    made, broken, sound = announcer(), Outlet(broken=True), Outlet()
    made._broker = broken
    notice(made)
    made.broker_up(sound)
    assert [b.seq for b in bodies(sound)] == [1]


def test_the_oldest_notices_give_way_and_are_counted() -> None:
    made, outlet = announcer(), Outlet()
    for _ in range(WAITING_NOTICES + 3):
        notice(made)
    made.broker_up(outlet)
    assert made.lost_notices == 3
    assert bodies(outlet)[0].seq == 4, "the gap shows in the numbers"


def test_what_is_retained_is_said_again_after_a_reconnect_and_to_a_new_socket() -> None:
    made, broker, local = announcer(), Outlet(), Outlet()
    made.state("capabilities", Empty(), 1)
    made.state("capabilities", Empty(), 2)
    made.broker_up(broker)
    made.add_local(local)
    topic = "gw/1/plant/host/h1/capabilities"
    for outlet in (broker, local):
        ((said, frame, retained),) = outlet.said
        assert (said, retained) == (topic, True)
        assert read(frame, TRUST, "plant", "host:h1", "capabilities", None).n == 2
