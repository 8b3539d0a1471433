"""Access lists as nft rules of the bridge family, which knows no connections: what a list means, frame by frame.

A list is about ARP, IPv4 and IPv6; other frames do not pass a network that has one. ARP, neighbour discovery, and DHCP with
the server's side always pass. Then the first rule that fits decides; a frame that none fits is dropped. A frame goes to
every port it is flooded to on its own, so broadcasts are decided per receiver.
  deny   drops all that goes from src to dst
  allow  lets it pass, and what answers it: TCP segments that open no connection (RFC 9293: SYN without ACK), ICMP errors
         and echo replies, and UDP from the port (all UDP where the rule names no port: an answer looks like a question)
So a deny in front of an allow of the other direction stops that one's answers too: put it behind.
HOST is the host's own end and the network's DHCP server, REMOTE what is reached through the uplink or the host.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import product
from typing import Literal

from guestwire.comm.networks.plan import NetPlan
from guestwire.comm.networks.ports import Port
from guestwire.model.networks import AclRule

Hook = Literal["forward", "input", "output"]
"""Between two ports, from a port to the host, from the host to a port."""

End = Literal["src", "dst"]
Server = Literal["HOST", "REMOTE"]

_UNANSWERED = "tcp flags & (syn | ack) != syn"
_ERRORS = {
    4: "icmp type { echo-reply, destination-unreachable, time-exceeded, parameter-problem }",
    6: "icmpv6 type { echo-reply, destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
}
_DHCP_PORTS = ((68, 67), (546, 547))


@dataclass(frozen=True)
class Test:
    """A condition of nft, "" for none. `version`: of IP, where only such a packet can fit."""

    text: str
    version: int | None = None


def named(names: Sequence[str]) -> str:
    """Interface names as an nft set."""
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"


def access_rules(plan: NetPlan, ports: Sequence[Port], hook: Hook, drop: str) -> Iterator[str]:
    """The list as the rules of one hook; `drop` is the statement that drops and counts."""
    parties = Parties(plan, ports, hook)
    yield f"ether type != {{ arp, ip, ip6 }} {drop}"
    yield "ether type arp accept"
    yield "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept"
    server: Server = "REMOTE" if plan.mode == "bridge" else "HOST"
    if plan.served or plan.mode == "bridge":
        if (to_server := parties.side("dst", server)) is not None:
            for asked, served in _DHCP_PORTS:
                yield f"{to_server} udp sport {asked} udp dport {served} accept".lstrip()
        if (from_server := parties.side("src", server)) is not None:
            yield f"{from_server} icmpv6 type nd-router-advert accept".lstrip()
            for asked, served in _DHCP_PORTS:
                yield f"{from_server} udp sport {served} udp dport {asked} accept".lstrip()
    for rule in plan.acl:
        verdict = "accept" if rule.action == "allow" else drop
        for conditions in _whole(parties.pairs(rule.src, rule.dst), _asks(rule)):
            yield f"{conditions} {verdict}".lstrip()
        if rule.action == "allow":
            for conditions in _whole(parties.pairs(rule.dst, rule.src), _answers(rule)):
                yield f"{conditions} accept".lstrip()
    yield drop


def _whole(pairs: Sequence[tuple[Test, Test]], protocols: Sequence[Test]) -> Iterator[str]:
    """Every way in which source, destination and protocol fit together; one packet has one version of IP."""
    for (source, target), protocol in product(pairs, protocols):
        if len({test.version for test in (source, target, protocol)} - {None}) <= 1:
            yield " ".join(test.text for test in (source, target, protocol) if test.text)


def _asks(rule: AclRule) -> list[Test]:
    if rule.protocol == "icmp":
        return [Test("meta l4proto { icmp, ipv6-icmp }")]
    if rule.port is None:
        return [Test("" if rule.protocol == "any" else f"meta l4proto {rule.protocol}")]
    return [Test(f"{protocol} dport {rule.port}") for protocol in _transports(rule)]


def _answers(rule: AclRule) -> list[Test]:
    found = [Test(text, version) for version, text in _ERRORS.items()]
    for protocol in _transports(rule):
        source = f"meta l4proto {protocol}" if rule.port is None else f"{protocol} sport {rule.port}"
        found.append(Test(f"{source} {_UNANSWERED}" if protocol == "tcp" else source))
    return found


def _transports(rule: AclRule) -> tuple[str, ...]:
    return {"any": ("tcp", "udp"), "tcp": ("tcp",), "udp": ("udp",), "icmp": ()}[rule.protocol]


class Parties:
    """Who is who in one hook of one network."""

    def __init__(self, plan: NetPlan, ports: Sequence[Port], hook: Hook) -> None:
        self._plan = plan
        self._ports = ports
        self._hook = hook

    def pairs(self, source: str, target: str) -> list[tuple[Test, Test]]:
        """The conditions for frames from one party to another; empty: the hook sees none."""
        first, second = self._test(source, "src"), self._test(target, "dst")
        return [] if first is None or second is None else [(first, second)]

    def side(self, end: End, party: Server) -> str | None:
        """Of a DHCP server: its end whatever its addresses, which are broadcasts; None: not in this hook."""
        if self._at_host(end):
            return "" if party == "HOST" else None
        return self._from_ports(end, [port.name for port in self._ports if port.side == party.lower()])

    def _test(self, party: str, end: End) -> Test | None:
        if party == "*":
            return Test("")
        kinds: Mapping[str, Callable[[], Test | None]] = {
            "HOST": lambda: self._outer(end, "host"),
            "REMOTE": lambda: self._outer(end, "remote"),
        }
        if party in kinds:
            return kinds[party]()
        if "/" in party:
            return _within(ip_network(party, strict=False), end)
        return self._on_ports(end, [port.name for port in self._ports if port.guest == party])

    def _outer(self, end: End, side: Literal["host", "remote"]) -> Test | None:
        if not self._at_host(end):
            return self._on_ports(end, [port.name for port in self._ports if port.side == side])
        address = self._plan.host_address
        if address is None:
            return Test("") if side == "host" else None
        # with mode nat the host's end is its own and that of everything beyond it: the addresses tell
        own = {
            4: [str(address.ip), str(address.network.broadcast_address), "255.255.255.255", "224.0.0.0/4"],
            6: [str(address.ip), "fe80::/10", "ff00::/8"],
        }[address.version]
        addresses = "{ " + ", ".join(own if end == "dst" else own[:1]) + " }"
        other = "" if side == "host" else "!= "
        return Test(f"{_ip(address.version)} {end[0]}addr {other}{addresses}", address.version)

    def _at_host(self, end: End) -> bool:
        """Whether that end of a frame is the host's in this hook: it is at no port."""
        return (self._hook, end) in {("input", "dst"), ("output", "src")}

    def _on_ports(self, end: End, names: list[str]) -> Test | None:
        text = self._from_ports(end, names)
        return None if text is None else Test(text)

    def _from_ports(self, end: End, names: list[str]) -> str | None:
        if self._at_host(end) or not names:
            return None
        return f"{'iifname' if end == 'src' else 'oifname'} {named(names)}"


def _within(block: IPv4Network | IPv6Network, end: End) -> Test:
    if block.prefixlen == 0:
        return Test(f"meta protocol {_ip(block.version)}", block.version)
    return Test(f"{_ip(block.version)} {end[0]}addr {block}", block.version)


def _ip(version: int) -> str:
    return "ip" if version == 4 else "ip6"
