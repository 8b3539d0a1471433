"""What a domain has for communication: who gets it, that it is ours, and how cards on the project's networks are read."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from settling import settled_document

from guestwire.formats.domain_xml.choices import Wiring
from guestwire.formats.domain_xml.communication import comm_devices, doorbell_of, read_kept
from guestwire.formats.domain_xml.differences import canonical
from guestwire.formats.domain_xml.names import QEMU_NAMESPACE
from guestwire.formats.domain_xml.policy import choices
from guestwire.formats.domain_xml.reader import from_xml
from guestwire.formats.domain_xml.writer import to_xml
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override
from guestwire.model.network_names import derived_mac

UUID = "0f7b5a8e-1111-4222-8333-444455556666"
GUEST = Guest(name="a", id="GUEST0001", uuid=UUID, kind="gp_comm")
CELL = Nic(network="cell")
MAC = "52:54:00:00:00:01"
WIRING = Wiring("host", {"cell": "gw-cell", "plant": "gw-plant"})
LINE = f"{{{QEMU_NAMESPACE}}}commandline"


def document(guest: Guest, wiring: Wiring | None = WIRING) -> Element:
    """As libvirt would answer it."""
    text = to_xml(guest, choices(guest, "qemu", comm=comm_devices(guest, "/run/gw"), wiring=wiring))
    return fromstring(settled_document(text))


def read(domain: Element) -> Guest:
    return from_xml(tostring(domain, encoding="unicode"))


def arguments(domain: Element) -> list[str | None]:
    return [argument.get("value") for argument in domain.findall(f"{LINE}/")]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"kind": "rt"}, True),
        ({"kind": "gp"}, False),
        ({"comm_enabled": False}, False),
        ({"uuid": None}, False),
        ({"arch": "aarch64"}, False),
        ({"overrides": (Override(op="replace", sel="./os/type/@machine", xml="pc"),)}, False),
        ({"overrides": (Override(op="replace", sel="os/type/@machine", xml="pc-q35-7.2"),)}, True),
        ({"overrides": (Override(op="add", sel="devices", xml="<shmem name='gw-doorbell'/>"),)}, False),
    ],
)
def test_who_gets_it(changes: dict[str, Any], wanted: bool) -> None:
    guest = GUEST.model_copy(update=changes)
    made = comm_devices(guest, "/run/gw")
    assert (made is not None) == wanted
    domain = fromstring(to_xml(guest, choices(guest, "qemu", comm=made)))
    found = doorbell_of(domain)
    assert found == (f"/run/gw/guests/{UUID}.doorbell" if wanted else found)


def test_without_communication_nothing_of_it_is_written() -> None:
    made = document(GUEST.model_copy(update={"kind": "gp"}))
    for path in ("devices/shmem", "devices/iommu", "features/ioapic", "devices/controller[@type='pci']", LINE):
        assert made.find(path) is None


def test_the_more_devices_the_more_ports() -> None:
    few, many = (
        comm_devices(GUEST.model_copy(update={"disks": (Disk(path="/srv/a.qcow2"),) * n}), "/run/gw") for n in (1, 30)
    )
    assert few is not None
    assert many is not None
    assert (few.ports, many.ports) == (8, 40)


def test_the_doorbell_has_a_port_of_its_own_whatever_the_overrides_brought() -> None:
    port = Override(op="add", sel="devices", xml="<controller type='pci' index='3' model='pcie-root-port'/>")
    made = document(GUEST.model_copy(update={"overrides": (port,)}))
    buses = {found.get("index"): found.get("model") for found in made.findall("devices/controller[@type='pci']")}
    assert set(buses) == {str(index) for index in range(3, 13)}
    place = made.find("devices/shmem/address")
    assert place is not None
    assert int(place.get("bus", ""), 16) == 11
    assert buses["12"] == "pcie-to-pci-bridge"


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        ((Override(op="remove", sel="devices/channel"),), ()),
        ((Override(op="add", xml="<qemu:commandline><qemu:arg value='-x'/></qemu:commandline>"),), ("-x",)),
        (
            (
                Override(op="add", xml="<qemu:commandline><qemu:arg value='-x'/></qemu:commandline>"),
                Override(op="add", sel="./.", xml="<qemu:commandline><qemu:arg value='-y'/></qemu:commandline>", optional=True),
            ),
            ("-x", "-y"),
        ),
    ],
)  # fmt: skip
def test_overrides_find_what_they_found_without_it(overrides: tuple[Override, ...], wanted: tuple[str, ...]) -> None:
    guest = GUEST.model_copy(update={"overrides": overrides})
    made = document(guest)
    assert arguments(made)[2:] == list(wanted)
    assert len(made.findall(LINE)) == 1
    assert read(made) == guest


def test_a_window_that_the_guest_asks_for_stands() -> None:
    wish = "pcie-root-port.pref64-reserve=1073741824"
    override = Override(
        op="add", xml=f"<qemu:commandline><qemu:arg value='-global'/><qemu:arg value='{wish}'/></qemu:commandline>"
    )
    assert arguments(document(GUEST.model_copy(update={"overrides": (override,)}))) == ["-global", wish]


def test_cards_go_to_the_bridges_of_the_projects_networks() -> None:
    guest = GUEST.model_copy(update={"kind": "gp", "nics": (CELL, Nic(network="other"), Nic(network="plant", mac=MAC))})
    made = document(guest)
    cards = [
        (card.get("type"), *(None if (found := card.find(tag)) is None else found.attrib for tag in ("source", "mac")))
        for card in made.findall("devices/interface")
    ]
    assert cards == [
        ("bridge", {"bridge": "gw-cell"}, {"address": derived_mac("host", "a", 0)}),
        ("network", {"network": "other"}, None),
        ("bridge", {"bridge": "gw-plant"}, {"address": MAC}),
    ]
    assert read(made) == guest
    assert [card.get("type") for card in document(guest, None).findall("devices/interface")] == ["network"] * 3


def card(number: int, path: str, **attributes: str) -> Callable[[Element], None]:
    def edit(domain: Element) -> None:
        found = domain.findall("devices/interface")[number].find(path)
        assert found is not None
        found.attrib.update(attributes)

    return edit


def another(source: str, mac: str) -> Callable[[Element], None]:
    xml = (
        f"<interface type='bridge'><mac address='{mac}'/><source bridge='{source}'/><model type='virtio'/></interface>"
    )

    def edit(domain: Element) -> None:
        devices = domain.find("devices")
        assert devices is not None
        devices.append(fromstring(xml))

    return edit


def without_card(domain: Element) -> None:
    devices = domain.find("devices")
    assert devices is not None
    devices.remove(devices.findall("interface")[0])


NEW = "52:54:00:00:00:09"


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        (card(0, "model", type="e1000e"), (Nic(network="cell", model="e1000e"), Nic(network="plant", mac=MAC))),
        (card(1, "model", type="e1000e"), (CELL, Nic(network="plant", mac=MAC, model="e1000e"))),
        (card(0, "source", bridge="br0"), (Nic(bridge="br0"), Nic(network="plant", mac=MAC))),
        (card(0, "source", bridge="gw-plant"), (Nic(network="plant"), Nic(network="plant", mac=MAC))),
        (card(1, "mac", address=NEW), (CELL, Nic(network="plant", mac=NEW))),
        (another("gw-cell", NEW), (CELL, Nic(network="plant", mac=MAC), Nic(network="cell", mac=NEW))),
        (without_card, (Nic(network="plant", mac=MAC),)),
    ],
    ids=["model", "model of one with a MAC", "bridge", "another network", "MAC", "one more", "one gone"],
)
def test_an_edited_card_is_read_in_the_guests_own_words(
    edit: Callable[[Element], None], wanted: tuple[Nic, ...]
) -> None:
    guest = GUEST.model_copy(update={"nics": (CELL, Nic(network="plant", mac=MAC))})
    made = document(guest)
    edit(made)
    assert read(made) == guest.model_copy(update={"nics": wanted})


def argument(domain: Element) -> None:
    domain.findall(LINE)[0].append(Element(f"{{{QEMU_NAMESPACE}}}arg", value="-no-hpet"))


def vectors(domain: Element) -> None:
    for found in domain.findall("devices/shmem/msi"):
        found.set("vectors", "4")


def no_doorbell(domain: Element) -> None:
    for devices in domain.findall("devices"):
        for found in devices.findall("shmem"):
            devices.remove(found)


def channel_elsewhere(domain: Element) -> None:
    for found in domain.findall("devices/channel/source"):
        found.set("path", "/tmp/x")


@pytest.mark.parametrize(
    "edits", [(argument,), (vectors,), (no_doorbell,), (channel_elsewhere,), (vectors, argument, channel_elsewhere)]
)
def test_what_another_tool_did_to_it_is_an_edit_that_a_definition_makes_again(
    edits: tuple[Callable[[Element], None], ...],
) -> None:
    made = document(GUEST)
    for edit in edits:
        edit(made)
    seen = read(made)
    assert seen.overrides
    assert seen.model_copy(update={"overrides": ()}) == GUEST
    again = document(seen)
    assert read(again) == seen
    for path in ("devices/shmem", "devices/channel", LINE, "devices/iommu"):
        written, wanted = ([canonical(found) for found in domain.findall(path)] for domain in (again, made))
        assert written == wanted, path


def test_an_edit_elsewhere_leaves_it_alone() -> None:
    guest = GUEST.model_copy(update={"boot": DirectBoot(kernel="/srv/k")})
    made = document(guest)
    made.findall("clock")[0].set("offset", "localtime")
    seen = read(made)
    assert [override.sel for override in seen.overrides] == ["./clock/@offset"]


@pytest.mark.parametrize(
    "broken", [None, 3, [], {}, {"comm": 3}, {"comm": {"ports": 1}}, {"wiring": {"host": 1, "bridges": {}}}]
)
def test_metadata_that_somebody_broke_says_nothing(broken: Any) -> None:
    assert read_kept(broken) == (None, None)
