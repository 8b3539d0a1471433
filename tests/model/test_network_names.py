from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.model.network_names import bridge_name, derived_mac, leases, network_id, service_address
from guestwire.model.networks import Member, VirtualNet


def net(cidr: str | None, *members: str | tuple[str, str], mode: str = "isolated") -> VirtualNet:
    pairs = [(member, None) if isinstance(member, str) else member for member in members]
    found = tuple(Member(guest=guest, ip=ip) for guest, ip in pairs)
    return VirtualNet(name="plant", cidr=cidr, members=found, mode=mode)


def test_names_are_stable():
    """They are in the leases and firewalls of guests: another value is a broken installation."""
    assert bridge_name(net(None)) == "gw-96044d9734"
    assert bridge_name(net(None).model_copy(update={"bridge": "br0"})) == "br0"
    assert derived_mac("host1", "a", 0) == "02:28:aa:99:e9:f9"


@given(st.text(max_size=255))
@settings(max_examples=50)
def test_a_bridge_name_fits_an_interface(name: str):
    made = bridge_name(VirtualNet(name=name))
    assert len(made) <= 15
    assert made.isascii()
    assert made.endswith(network_id(name))


@given(st.text(), st.text(), st.integers(0, 9))
@settings(max_examples=50)
def test_a_derived_mac_is_local_and_unicast(host: str, guest: str, card: int):
    first = int(derived_mac(host, guest, card)[:2], 16)
    assert (first & 1, first & 2) == (0, 2)
    assert derived_mac(host, guest, card) != derived_mac(host, guest, card + 1)


@pytest.mark.parametrize(
    ("network", "service", "found"),
    [
        (net("10.77.0.0/24", "a", "b"), "10.77.0.1", {"a": "10.77.0.10", "b": "10.77.0.11"}),
        (net("10.77.0.0/24", "a", ("b", "10.77.0.10")), "10.77.0.1", {"a": "10.77.0.11", "b": "10.77.0.10"}),
        # the tenth and on are taken: the low ones
        (net("10.77.0.0/28", *"abcdef"), "10.77.0.1",
         dict(zip("abcdef", [f"10.77.0.{n}" for n in (10, 11, 12, 13, 14, 2)], strict=True))),
        (net("10.77.0.0/29", "a", "b"), "10.77.0.1", {"a": "10.77.0.2", "b": "10.77.0.3"}),
        (net("10.77.0.0/30", "a", "b"), "10.77.0.1", {"a": "10.77.0.2"}),
        (net("10.77.0.0/31", "a"), None, {}),
        (net("10.77.0.7/32", "a"), None, {}),
        (net("10.77.0.0/24", "a", ("b", "10.77.0.9"), mode="bridge"), None, {"b": "10.77.0.9"}),
        (net("10.77.0.0/24", "a", mode="nat"), "10.77.0.1", {"a": "10.77.0.10"}),
        (net(None, "a", ("b", "10.1.1.1")), None, {"b": "10.1.1.1"}),
        (net("nonsense", "a", ("b", "nonsense")), None, {"b": "nonsense"}),
        (net("fd00::/64", "a", ("b", "fd00:0::000a")), "fd00::1", {"a": "fd00::b", "b": "fd00::a"}),
    ],
)  # fmt: skip
def test_addresses(network: VirtualNet, service: str | None, found: dict[str, str]):
    assert (service_address(network), leases(network)) == (service, found)


@given(st.integers(20, 32), st.lists(st.integers(0, 400), max_size=40, unique=True), st.integers(0, 80))
@settings(max_examples=50)
def test_every_lease_is_a_usable_address_of_its_own(length: int, given_ones: list[int], others: int):
    block = ip_network(f"10.64.0.0/{length}")
    fixed = [(f"g{n}", str(block[n])) for n in given_ones if 1 < n < block.num_addresses - 1]
    network = net(str(block), *fixed, *(f"o{n}" for n in range(others)))
    found = leases(network)
    addresses = [ip_address(text) for text in found.values()]
    assert len(set(addresses)) == len(addresses)
    usable = set(block.hosts()) - {block[1]} if block.num_addresses > 2 else set()
    assert set(addresses) <= usable
    # nobody is left out while there is room
    assert len(found) == min(len(network.members), len(usable))
