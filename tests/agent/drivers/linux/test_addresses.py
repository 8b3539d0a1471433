"""The addresses of interfaces: what the kernel of this machine tells, and answers of netlink byte by byte."""

import struct
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from guestwire.agent.drivers.linux import addresses
from guestwire.agent.drivers.linux.addresses import parsed, read_addresses


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def address(family: int, prefix: int, index: int, *attributes: bytes) -> bytes:
    return message(20, struct.pack("=BBBBI", family, prefix, 0, 0, index) + b"".join(attributes))


def test_answers_of_the_kernel() -> None:
    own, other = ip_address("10.0.0.1").packed, ip_address("10.0.0.2").packed
    plain = address(2, 24, 3, attribute(1, own), attribute(2, own), attribute(3, b"eth0:1\0"))
    tunnel = address(2, 32, 4, attribute(1, other), attribute(2, own))
    six = address(10, 64, 3, attribute(1, ip_address("fe80::1").packed))
    found = [(3, "10.0.0.1/24"), (4, "10.0.0.1/32"), (3, "fe80::1/64")]
    assert parsed(plain + tunnel + six) == (found, False)
    assert parsed(plain + message(3, bytes(4))) == (found[:1], True)
    assert parsed(message(2, struct.pack("=i", -1)) + plain) == ([], True), "the kernel refuses"
    assert parsed(address(2, 24, 3) + message(16, b"")) == ([], False), "none of its own, and something else"
    assert parsed(address(45, 0, 3, attribute(2, b"\x08")) + plain) == (found[:1], False), "of another family (MCTP)"
    assert parsed(bytes(16)) == ([], True), "no length ends it"


def test_an_interface_that_goes_meanwhile_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_dumped", lambda: iter([(1 << 30, "10.0.0.1/24"), (1, "127.0.0.1/8")]))
    assert list(read_addresses().values()) == [("127.0.0.1/8",)]


def test_this_machine() -> None:
    found = read_addresses()
    assert found["lo"][0] == "127.0.0.1/8"
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        number, _, prefix, _, _, name = line.split()
        assert str(ip_interface((bytes.fromhex(number), int(prefix, 16)))) in found[name]
