"""How virtual networks are written."""

from guestwire.cli.named import Row
from guestwire.cli.output import Column, View, plain
from guestwire.protocol.comm_models import NetView, PortView


def net_view() -> View[Row[NetView]]:
    """The columns of networks."""
    return View(
        columns=(
            Column("NETWORK", lambda r: r.address),
            Column("MODE", lambda r: r.of.mode),
            Column("STATE", lambda r: _state(r.of), style=lambda r: _style(r.of)),
            Column("CIDR", lambda r: r.of.cidr or "-"),
            Column("BRIDGE", lambda r: r.of.bridge),
            Column("UPLINK", lambda r: r.of.uplink or "-", wide=True),
            Column("DHCP", lambda r: "yes" if r.of.dhcp else "no", wide=True),
            Column("RULES", lambda r: str(r.of.acl_rules or "-"), right=True, wide=True),
            Column("DROPPED", lambda r: str(r.of.dropped), right=True),
            Column("UP", lambda r: f"{sum(port.up for port in r.of.ports)}/{len(r.of.ports)}", right=True),
        ),
        name=lambda r: r.address,
        document=Row.document,
        none="no networks",
    )


def net_facts(row: Row[NetView]) -> list[tuple[str, str]]:
    """A network in full, but for its ports."""
    net = row.of
    facts = [
        ("network", row.address),
        ("state", _state(net)),
        ("mode", net.mode),
        ("bridge", net.bridge),
        ("uplink", net.uplink or "none"),
        ("addresses", f"{net.cidr or '-'}, {'leased to members' if net.dhcp else 'without DHCP'}"),
        ("access rules", str(net.acl_rules or "none")),
        ("dropped", f"{net.dropped} packets"),
    ]
    if net.airgap:
        facts.append(("to do", f"nothing passes: `net airgap {row.address} off` releases it"))
    return facts if row.verified else [*facts, ("verified", "no: nobody signed this")]


def port_view() -> View[PortView]:
    """The columns of a network's ports."""
    return View(
        columns=(
            Column("GUEST", lambda p: p.guest),
            Column("MAC", lambda p: p.mac),
            Column("IP", lambda p: p.ip or "-"),
            Column("TAP", lambda p: p.tap or "-"),
            Column("ISOLATED", lambda p: "yes" if p.isolated else "no", style=lambda p: "warn" if p.isolated else None),
            Column("UP", lambda p: "yes" if p.up else "no", style=lambda p: "good" if p.up else None),
            Column("RECEIVED", lambda p: str(p.rx_bytes), right=True, wide=True),
            Column("SENT", lambda p: str(p.tx_bytes), right=True, wide=True),
        ),
        name=lambda p: p.guest,
        document=plain,
    )


def _state(net: NetView) -> str:
    return "air-gapped" if net.airgap else "up" if net.up else "down"


def _style(net: NetView) -> str:
    return "warn" if net.airgap else "good" if net.up else "bad"
