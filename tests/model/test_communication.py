"""The part of a document that is guestwire-comm's, and the devices that follow from it."""

from guestwire.model.areas import MemoryArea
from guestwire.model.communication import CommDocument, Device, communication_of, devices, document_hash
from guestwire.model.desired import Desired
from guestwire.model.events import Event
from guestwire.model.guest import Guest, Nic
from guestwire.model.networks import Member, VirtualNet

RT = Guest(name="rt", id="GUEST0001", uuid="00000000-0000-4000-8000-000000000001", kind="rt", heap_mib=16)
COMM = Guest(name="gp", id="GUEST0002", uuid="00000000-0000-4000-8000-000000000002", kind="gp_comm")
CARD = Nic(network="lan", mac="02:00:00:00:00:01")
PLAIN = Guest(name="plain", id="GUEST0003", uuid="00000000-0000-4000-8000-000000000003", nics=(CARD,))
AREA = MemoryArea(
    name="m", size=1 << 20, default_access="R---", overrides={"rt": "RW--", "gp": "----", "plain": "RW--"}
)
DIRECT = Event(name="d", signal=("rt",), wait=("gp",), delivery="direct")
DESIRED = Desired(
    guests=(RT, COMM, PLAIN), areas=(AREA,), events=(DIRECT,),
    networks=(VirtualNet(name="lan", members=(Member(guest="rt"),)),),
)  # fmt: skip


def test_who_takes_part_and_what_they_share() -> None:
    document = communication_of(DESIRED, "h")
    assert [guest.name for guest in document.guests] == ["rt", "gp"]
    assert [(area.name, area.kind, area.size) for area in document.areas] == [
        ("m", "user", 1 << 20), ("heap_GUEST0001", "heap", (16 << 20) - 4096),
    ]  # fmt: skip
    assert [(member.guest, member.mac) for member in document.networks[0].members] == [
        ("rt", None), ("plain", "02:00:00:00:00:01"),
    ]  # fmt: skip


def test_the_devices_of_each_guest() -> None:
    document = communication_of(DESIRED, "h")
    assert devices(document, "rt") == {
        Device("area", "m", 2 << 20, True), Device("area", "heap_GUEST0001", 16 << 20, True), Device("direct", "gp", 0, True),
    }  # fmt: skip
    assert devices(document, "gp") == {Device("direct", "rt", 0, True)}
    assert devices(document, "plain") == frozenset()


def test_a_hash_is_of_what_a_document_means() -> None:
    document = communication_of(DESIRED, "h")
    assert document_hash(document) == document_hash(CommDocument.model_validate_json(document.model_dump_json()))
    assert document_hash(document) != document_hash(document.model_copy(update={"events": ()}))
    assert not CommDocument(areas=(AREA,)).needed
    assert document.needed
