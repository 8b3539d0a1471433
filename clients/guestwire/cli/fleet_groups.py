"""`guestwire fleet group`: selections of hosts with a name, for targets and for the scopes of roles."""

from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import FleetHost, HostGroup

_name = click.argument("name", metavar="GROUP", shell_complete=names("groups"))


@click.group("group", cls=Noun)
def group() -> None:
    """Selections of hosts with a name."""


@group.command("list")
@pass_settings
def list_groups(settings: Settings) -> None:
    """Every group, and how many hosts it has now."""
    from guestwire.cli.fleet_views import group_view
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "list[HostGroup]":
        return await controller.groups.list()

    write_all(settings, group_view(), with_controller(settings, work))


@group.command("show")
@_name
@pass_settings
def show(settings: Settings, name: str) -> None:
    """The hosts that a group has now."""
    from guestwire.cli.fleet_views import fleet_view
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "list[FleetHost]":
        await controller.groups.show(name)
        return await controller.hosts.list(q=f"group={name}")

    write_all(settings, fleet_view(), with_controller(settings, work))


@group.command("put")
@_name
@click.argument("selection", nargs=-1, required=True)
@click.option("--description", default="", help="What it is for.")
@pass_settings
def put(settings: Settings, name: str, selection: tuple[str, ...], description: str) -> None:
    """Make a group of the hosts of a SELECTION (see `fleet list`), or change what it has."""
    from guestwire.cli.fleet_views import group_view
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "HostGroup":
        return await controller.groups.put(name, {"selection": " ".join(selection), "description": description})

    write_all(settings, group_view(), [with_controller(settings, work)])


@group.command("delete")
@_name
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Delete a group. Its hosts stay; a role that was given on it is for nothing then."""
    from guestwire.cli.confirm import ask

    ask(settings, "delete the group", 3, [name])

    async def work(controller: "Controller") -> None:
        await controller.groups.remove(name)

    with_controller(settings, work)
    failures.remark(settings, f"{name}: deleted")
