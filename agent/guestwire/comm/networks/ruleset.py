"""The firewall of all networks as one text for `nft -f -`: loaded whole, in one transaction, or not at all.

Every policed network has a chain per hook. A frame gets there by the port it came in or goes out by; and where that port is
not known yet (a tap that appeared a moment ago), by the MAC of a member's card, and is dropped there: what is not known does
not pass. So nothing leaks between a tap's appearance and the rules that know it. The drops of a network are counted by one
named counter, which keeps its numbers from text to text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from guestwire.comm.networks.access_rules import Hook, access_rules, named
from guestwire.comm.networks.plan import NetPlan
from guestwire.comm.networks.ports import Port

_PRIORITY = -200
"""NF_BR_PRI_FILTER_BRIDGED. Not 0: there br_netfilter takes IP frames away (NF_BR_PRI_BRNF), and a chain that was registered
before the host's first bridge never sees them."""

HOOKS: tuple[Hook, ...] = ("forward", "input", "output")


@dataclass(frozen=True)
class Dropped:
    """What a network's counter says."""

    packets: int = 0
    bytes: int = 0


def counter_name(plan: NetPlan) -> str:
    return f"n{plan.id}"


def tables(mark: str) -> tuple[str, str]:
    """Family and name of the two tables that are ours."""
    return f"bridge {mark}", f"inet {mark}"


def ruleset(
    mark: str, plans: Sequence[NetPlan], ports: Sequence[Port], counted: Mapping[str, Dropped] | None = None
) -> str:
    """The text, empty when the networks need no table. It says nothing of tables that were there before: `replacing`."""
    policed = [plan for plan in plans if plan.policed]
    translated = [plan for plan in plans if plan.host_address is not None]
    lines: list[str] = []
    bridge, inet = tables(mark)
    if policed:
        lines += [f"table {bridge} {{", *_indented(_bridge_table(plans, ports, counted or {})), "}"]
    if translated:
        lines += [f"table {inet} {{", *_indented(_inet_table(translated)), "}"]
    return "".join(f"{line}\n" for line in lines)


def replacing(text: str, there: Sequence[str]) -> str:
    """The text that puts a ruleset in the place of those tables of ours that are there, in one transaction."""
    return "".join(f"delete table {table}\n" for table in there) + text


def _bridge_table(plans: Sequence[NetPlan], ports: Sequence[Port], counted: Mapping[str, Dropped]) -> Iterator[str]:
    policed = [plan for plan in plans if plan.policed]
    for plan in policed:
        so_far = counted.get(counter_name(plan), Dropped())
        yield f"counter {counter_name(plan)} {{"
        yield f"\tpackets {so_far.packets} bytes {so_far.bytes}"
        yield "}"
    for plan in policed:
        own = [port for port in ports if port.network == plan.id]
        for hook in HOOKS:
            yield from _chain(f"{counter_name(plan)}_{hook}", _network_rules(plan, own, hook))
    for hook in HOOKS:
        yield from _chain(
            hook, _dispatch(plans, ports, hook), f"type filter hook {hook} priority {_PRIORITY}; policy accept;"
        )


def _dispatch(plans: Sequence[NetPlan], ports: Sequence[Port], hook: Hook) -> Iterator[str]:
    chains = {plan.id: f"goto {counter_name(plan)}_{hook}" for plan in plans if plan.policed}
    # a known port of a network without rules: the frame may come from a member of another network, by way of a switch
    by_port = {f'"{port.name}"': chains.get(port.network, "accept") for port in ports}
    by_mac = {mac: chains[plan.id] for plan in plans if plan.policed for mac in plan.macs.values()}
    matches = {"iifname": by_port, "oifname": by_port, "ether saddr": by_mac, "ether daddr": by_mac}
    absent = {"forward": (), "input": ("oifname", "ether daddr"), "output": ("iifname", "ether saddr")}[hook]
    for match, verdicts in matches.items():
        if match not in absent and verdicts:
            yield f"{match} vmap {{ " + ", ".join(f"{key} : {verdict}" for key, verdict in verdicts.items()) + " }"


def _network_rules(plan: NetPlan, ports: Sequence[Port], hook: Hook) -> Iterator[str]:
    drop = f"counter name {counter_name(plan)} drop"
    known = [port.name for port in ports if port.side != "unknown"]
    if plan.airgap or not known:
        yield drop
        return
    for match in {"forward": ("iifname", "oifname"), "input": ("iifname",), "output": ("oifname",)}[hook]:
        yield f"{match} != {named(known)} {drop}"
    apart = [port.name for port in ports if port.guest in plan.isolated]
    if apart and hook == "forward":
        yield f"iifname {named(apart)} oifname {named(apart)} {drop}"
    if plan.acl:
        yield from access_rules(plan, ports, hook, drop)


def _inet_table(plans: Sequence[NetPlan]) -> Iterator[str]:
    yield from _chain("input", _each(plans, _to_host), "type filter hook input priority 0; policy accept;")
    yield from _chain("forward", _each(plans, _through_host), "type filter hook forward priority 0; policy accept;")
    yield from _chain("output", _each(plans, _from_host), "type filter hook output priority 0; policy accept;")
    yield from _chain(
        "postrouting", _each(plans, _masquerade), "type nat hook postrouting priority 100; policy accept;"
    )


def _each(plans: Sequence[NetPlan], rules: Callable[[NetPlan], Iterator[str]]) -> Iterator[str]:
    for plan in plans:
        yield from rules(plan)


def _to_host(plan: NetPlan) -> Iterator[str]:
    """A guest reaches the host by the gateway's address and by no other that the host has: an access list tells HOST from
    REMOTE by that."""
    address = plan.host_address
    assert address is not None
    if plan.airgap:
        yield f'iifname "{plan.bridge}" drop'
    elif address.version == 4:
        own = f"{address.ip}, {address.network.broadcast_address}, 255.255.255.255, 224.0.0.0/4"
        yield f'iifname "{plan.bridge}" ip daddr != {{ {own} }} drop'
    else:
        yield f'iifname "{plan.bridge}" ip6 daddr != {{ {address.ip}, fe80::/10, ff00::/8 }} drop'


def _through_host(plan: NetPlan) -> Iterator[str]:
    address = plan.host_address
    assert address is not None
    if plan.airgap:
        yield f'iifname "{plan.bridge}" drop'
    else:
        # with br_netfilter frames from guest to guest come by here too
        yield f'iifname "{plan.bridge}" oifname "{plan.bridge}" accept'
        yield f'iifname "{plan.bridge}" {_ip(plan)} saddr != {address.network} drop'
        yield f'oifname "{plan.bridge}" ct state established,related accept'
    yield f'oifname "{plan.bridge}" drop'


def _from_host(plan: NetPlan) -> Iterator[str]:
    if plan.airgap:
        yield f'oifname "{plan.bridge}" drop'


def _masquerade(plan: NetPlan) -> Iterator[str]:
    address = plan.host_address
    assert address is not None
    inside = f"{_ip(plan)} saddr {address.network} {_ip(plan)} daddr != {address.network}"
    yield f'oifname != "{plan.bridge}" {inside} masquerade'


def _ip(plan: NetPlan) -> str:
    return "ip" if plan.host_address is None or plan.host_address.version == 4 else "ip6"


def _chain(name: str, rules: Iterator[str], hook: str = "") -> Iterator[str]:
    yield f"chain {name} {{"
    if hook:
        yield f"\t{hook}"
    for rule in rules:
        yield f"\t{rule}"
    yield "}"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"\t{line}" for line in lines)
