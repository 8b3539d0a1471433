"""`guestwire net`: virtual networks between guests. A network is HOST/NET."""

from typing import TYPE_CHECKING, Any

import click

from guestwire.cli.change_options import change_options
from guestwire.cli.completing import guests_beside, hosts, names_of
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from guestwire.cli.named import NameAddress
    from guestwire.model.desired import Desired

NAME = click.argument("name", metavar="HOST/NET", shell_complete=names_of("net_list", "networks"))
GUEST = click.argument("guest", metavar="GUEST", shell_complete=guests_beside("name"))


@click.group("net", cls=Noun)
def net() -> None:
    """Virtual networks: list, show, create, isolate, airgap, ...

    A network is named HOST/NET. All that changes one changes the active configuration of the host, in one go.
    """


@net.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1, shell_complete=hosts)
@pass_settings
def list_networks(settings: Settings, hosts: tuple[str, ...]) -> None:
    """The networks of the hosts named; without HOST of every host that is there. UP: how many ports are, of how many."""
    from guestwire.cli.named import write_list
    from guestwire.cli.net_views import net_view

    write_list(settings, hosts, net_view(), lambda api, said: api.net_list(said), lambda reply: reply.networks)


@net.command("show")
@NAME
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One network, and the port of each guest; -o wide with what passed it."""
    from guestwire.cli.named import asked, write_below
    from guestwire.cli.net_views import net_facts, net_view, port_view
    from guestwire.cli.output import write_one
    from guestwire.protocol.comm_models import NameRef

    row = asked(settings, name, lambda api, one, said: api.net_show(NameRef(name=one), said))
    write_one(settings, row, net_view(), net_facts(row))
    write_below(settings, port_view(), row.of.ports)


@net.command("create")
@NAME
@click.option(
    "--mode", type=click.Choice(["isolated", "nat", "bridge"]),
    help="Guests and host only (else), outwards through the host, or onto an adapter.",
)  # fmt: skip
@click.option("--cidr", metavar="CIDR", help="Its addresses, such as 10.200.1.0/24; the host has the first.")
@click.option("--uplink", metavar="ADAPTER", help="The host's adapter that mode bridge is onto.")
@click.option("--bridge", metavar="NAME", help="The name of the Linux bridge; else derived.")
@click.option("--no-dhcp", is_flag=True, help="Guests are not told their addresses.")
@click.option(
    "--member", "members", metavar="GUEST,...", multiple=True, shell_complete=guests_beside("name"),
    help="Guests on it from the start. Repeatable.",
)  # fmt: skip
@change_options
@pass_settings
def create(
    settings: Settings, /, name: str, mode: str | None, cidr: str | None, uplink: str | None, bridge: str | None,
    no_dhcp: bool, members: tuple[str, ...], **flags: Any,
) -> None:  # fmt: skip
    """Make a virtual network: planned, shown, asked and applied in one go."""
    from guestwire.cli.one_change import add_named, parties
    from guestwire.formats import toml_text

    said = (
        ("mode", mode), ("cidr", cidr), ("uplink", uplink), ("bridge", bridge), ("dhcp", "false" if no_dhcp else None)
    )  # fmt: skip

    def values(desired: "Desired") -> list[tuple[str, str]]:
        given = [(key, value) for key, value in said if value is not None]
        return [*given, *(("members+", toml_text.value({"guest": one})) for one in parties(desired, members))]

    add_named(settings, "network", name, values, flags)


@net.command("delete")
@NAME
@change_options
@pass_settings
def delete(settings: Settings, /, name: str, **flags: Any) -> None:
    """Take a network away, with its bridge. Refused while a guest's card is on it."""
    from guestwire.cli.one_change import remove_named

    remove_named(settings, "network", name, flags)


@net.command("isolate")
@NAME
@click.argument("guests", metavar="GUEST...", nargs=-1, required=True, shell_complete=guests_beside("name"))
@click.option("--off", is_flag=True, help="Not isolated any more.")
@change_options
@pass_settings
def isolate(settings: Settings, /, name: str, guests: tuple[str, ...], off: bool, **flags: Any) -> None:
    """Keep guests of a network from each other. They still reach the host, the uplink and guests that are not isolated."""
    from guestwire.cli.net_members import isolated

    _edit(settings, name, lambda desired, target: isolated(desired, target, guests, on=not off), flags)


@net.command("airgap")
@NAME
@click.argument("state", type=click.Choice(["on", "off"]))
@change_options
@pass_settings
def airgap(settings: Settings, /, name: str, state: str, **flags: Any) -> None:
    """Let nothing pass a network any more, or release it. Guests keep their cards and addresses."""
    from guestwire.cli.net_members import airgapped

    _edit(settings, name, lambda desired, target: airgapped(desired, target, on=state == "on"), flags)


@net.group("member", cls=Noun)
def member() -> None:
    """Guests that are members of a network: their addresses. A guest's card is set with `guest set`."""


@member.command("add")
@NAME
@GUEST
@click.option("--ip", metavar="ADDRESS", help="Its address; else derived.")
@click.option("--mac", metavar="MAC", help="Its card's MAC address; else the card's own, or derived.")
@click.option("--isolated", is_flag=True, help="Kept from other guests that are isolated too.")
@change_options
@pass_settings
def add(
    settings: Settings, /, name: str, guest: str, ip: str | None, mac: str | None, isolated: bool, **flags: Any
) -> None:  # fmt: skip
    """Make a guest a member of a network: planned, shown, asked and applied in one go."""
    from guestwire.cli.net_members import with_member

    def edit(desired: "Desired", target: "NameAddress") -> "Desired":
        return with_member(desired, target, guest, ip=ip, mac=mac, isolated=isolated)

    _edit(settings, name, edit, flags)


@member.command("remove")
@NAME
@GUEST
@change_options
@pass_settings
def remove(settings: Settings, /, name: str, guest: str, **flags: Any) -> None:
    """Make a guest no member of a network. One with a card on it stays there, with a derived address."""
    from guestwire.cli.net_members import without_member

    _edit(settings, name, lambda desired, target: without_member(desired, target, guest), flags)


def _edit(
    settings: Settings, name: str, edit: "Callable[[Desired, NameAddress], Desired]", flags: dict[str, Any]
) -> None:
    from guestwire.cli.one_change import change_named

    change_named(settings, name, edit, flags)
