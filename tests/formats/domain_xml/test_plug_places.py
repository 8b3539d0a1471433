"""Where areas' devices may be plugged: the order of places, what is taken, and room for more."""

from xml.etree.ElementTree import Element, fromstring

import pytest

from guestwire.formats.domain_xml.plug_places import PlugPlace, add_bridges, plug_places

MIB = 1 << 20


def domain(ports: int = 4, *, used: tuple[tuple[int, int], ...] = (), bridge: bool = True, window: str = "") -> Element:
    """With root ports 1 to `ports`, and then a bridge in the first of them."""
    controllers = "".join(
        f"<controller type='pci' index='{index}' model='pcie-root-port'><address type='pci' bus='0x00' slot='0x02' "
        f"function='0x{index % 8}'/></controller>"
        for index in range(1, ports + 1)
    )
    if bridge:
        controllers += (
            f"<controller type='pci' index='{ports + 1}' model='pcie-to-pci-bridge'>"
            "<address type='pci' bus='0x01' slot='0x00'/></controller>"
        )
    devices = "".join(
        f"<shmem><address type='pci' bus='0x{bus:02x}' slot='0x{slot:02x}'/></shmem>" for bus, slot in used
    )
    namespace = "http://libvirt.org/schemas/domain/qemu/1.0"
    line = f"<q:commandline><q:arg value='-global'/><q:arg value='{window}'/></q:commandline>" if window else ""
    return fromstring(
        f"<domain xmlns:q='{namespace}'><devices><controller type='pci' index='0' model='pcie-root'/>"
        f"{controllers}{devices}</devices>{line}</domain>"
    )


def test_a_guest_that_starts_has_them_behind_bridges_first() -> None:
    places = plug_places(domain(), frozenset(), starting=True)
    assert [(place.bus, place.slot) for place in places[:2]] == [(5, 31), (5, 30)]
    assert [(place.bus, place.slot) for place in places[-3:]] == [(4, 0), (3, 0), (2, 0)], "1 is the bridge's"
    assert len(places) == 31 + 3


def test_a_guest_that_runs_has_them_in_root_ports_first() -> None:
    made = domain(used=((3, 0), (5, 31)), window="pcie-root-port.pref64-reserve=268435456")
    places = plug_places(made, frozenset({(4, 0), (5, 30)}), starting=False)
    assert places[0] == PlugPlace(2, 0, 256 * MIB)
    assert places[1] == PlugPlace(5, 29, MIB)
    assert len(places) == 1 + 29


@pytest.mark.parametrize("window", ["", "pcie-root-port.pref64-reserve=no", "other=1"])
def test_a_port_without_a_reserve_takes_little(window: str) -> None:
    places = plug_places(domain(bridge=False, window=window), frozenset(), starting=False)
    assert {place.window for place in places} == {2 * MIB}


@pytest.mark.parametrize(("devices", "bridges"), [(34, 0), (35, 1), (65, 1), (66, 2)])
def test_room_is_made_for_more(devices: int, bridges: int) -> None:
    made = domain()
    assert add_bridges(made, devices) == (bridges > 0)
    assert len(made.findall("devices/controller[@model='pcie-to-pci-bridge']")) == 1 + bridges
    assert len({found.get("index") for found in made.findall("devices/controller")}) == 6 + 2 * bridges
    assert not add_bridges(made, devices)


def test_buses_have_8_bits() -> None:
    made = domain()
    add_bridges(made, 1 << 20)
    assert max(int(found.get("index", "0")) for found in made.findall("devices/controller")) < 256


@pytest.mark.parametrize(
    "text", ["<domain/>", "<domain><devices/></domain>", "<domain><devices><a/></devices></domain>"]
)
def test_a_domain_without_buses_has_no_place(text: str) -> None:
    assert plug_places(fromstring(text), frozenset(), starting=True) == []
