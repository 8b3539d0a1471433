"""`guestwire connection`: the ways that a controller has to sites and hosts: by a broker, by TCP and TLS, by a local socket."""

from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.exit_codes import UNREACHABLE
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.watching import watch_option

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import ConnectionSeen

STYLES = {"up": "good", "connecting": "busy", "waiting": "warn", "failed": "bad"}
TESTED_S = 15.0
"""How long a connection is given to stand."""
_connection = click.argument("name", metavar="CONNECTION", shell_complete=names("connections"))


@click.group("connection", cls=Noun)
def connection() -> None:
    """The ways that a controller has to sites and hosts: list, show, add, test, remove."""


@connection.command("list")
@watch_option
@pass_settings
def list_connections(settings: Settings, watch: bool) -> None:
    """Every connection, and how it fares."""
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> None:
        await show(settings, controller, _view, controller.connections.list, "connection", watch=watch)

    with_controller(settings, work)


@connection.command("show")
@_connection
@pass_settings
def show_connection(settings: Settings, name: str) -> None:
    """One connection."""
    _written(settings, with_controller(settings, lambda controller: controller.connections.show(name)))


@connection.command("add")
@click.argument("name")
@click.option("--site", metavar="ID", required=True, help="The site that it leads to.")
@click.option(
    "--broker",
    "brokers",
    metavar="URL",
    multiple=True,
    help="mqtt://HOST:PORT or mqtts://..., to all hosts. Repeatable.",
)
@click.option(
    "--address",
    metavar="HOST[:PORT]",
    help="Where the agent of --host listens, by TCP and TLS; port 6000 where none is given.",
)
@click.option("--agent-socket", metavar="PATH", help="The socket of the agent of --host, on the controller's machine.")
@click.option("--host", metavar="ID", help="With --address and --agent-socket: the host that is there.")
@click.option("--ca", metavar="PATH", help="The CA that the other end is checked against.")
@click.option("--certificate", metavar="PATH", help="The controller's certificate.")
@click.option("--certificate-key", metavar="PATH", help="Its key.")
@click.option("--username", metavar="NAME", help="The user name at the broker.")
@click.option("--password-file", metavar="PATH", help="A file with the password.")
@click.option("--key", metavar="PATH", help="The key that the controller signs with.")
@click.option("--trust", metavar="PATH", help="Where it keeps the site's trust document.")
@click.option("--root", metavar="PATH", help="The public key of the site's root.")
@click.option(
    "--client", metavar="ID", help="The controller's name there; that of its key or certificate where left out."
)
@pass_settings
def add(settings: Settings, /, name: str, **given: Any) -> None:
    """Have a connection from now on. Paths are those of files at the controller, whole from / on.

    One of --broker, --address and --agent-socket says by which way. What the configuration file has stays its own.
    """
    given["socket"] = given.pop("agent_socket")
    ways = {"brokers": "mqtt", "address": "tcp", "socket": "socket"}
    chosen = [way for field, way in ways.items() if given[field]]
    if len(chosen) != 1:
        raise click.UsageError("Give one of --broker, --address and --agent-socket.")
    body = {"name": name, "via": chosen[0], **{field: value for field, value in given.items() if value}}

    async def work(controller: "Controller") -> "ConnectionSeen":
        await controller.connections.make(body)
        return await _settled(controller, name, settings, ("up", "failed", "waiting"))

    found = with_controller(settings, work)
    _written(settings, found)
    if found.state != "up":
        failures.remark(
            settings, f"it is added all the same, and tried again by itself: guestwire connection test {name}"
        )


@connection.command("test")
@_connection
@pass_settings
def test(settings: Settings, name: str) -> None:
    """Whether a connection stands: waits for it, --timeout at most, and ends with 6 where it does not."""

    async def work(controller: "Controller") -> "ConnectionSeen":
        return await _settled(controller, name, settings)

    found = with_controller(settings, work)
    _written(settings, found)
    if found.state != "up":
        raise click.exceptions.Exit(UNREACHABLE)


@connection.command("remove")
@_connection
@pass_settings
def remove(settings: Settings, name: str) -> None:
    """End a connection. Its hosts stay known; nothing is heard of them by this way."""
    from guestwire.cli.confirm import ask

    ask(settings, "remove the connection", 3, [name])
    with_controller(settings, lambda controller: controller.connections.remove(name, revised=False))
    failures.remark(settings, f"{name} is removed")


async def _settled(
    controller: "Controller", name: str, settings: Settings, states: tuple[str, ...] = ("up", "failed")
) -> "ConnectionSeen":
    """A connection once it stands or cannot, or as it is after a while."""
    import asyncio

    from guestwire.cli.progress import progress
    from guestwire.cli.waking import waking

    found = await controller.connections.show(name)
    async with waking(controller, settings, "connection") as wake, progress(settings, "connection", 1) as shown:
        shown.begin(name)
        try:
            async with asyncio.timeout(settings.timeout or TESTED_S):
                while found.state not in states:
                    await wake.wait()
                    found = await controller.connections.show(name)
        except TimeoutError:
            return found
    return found


def _written(settings: Settings, found: "ConnectionSeen") -> None:
    from guestwire.cli.output import write_one
    from guestwire.cli.times import clock_time

    facts = [
        ("connection", f"{found.name}{' (of the configuration file)' if found.configured else ''}"),
        ("leads to", found.site if found.host is None else f"{found.site}/{found.host}"),
        ("by", f"{found.via}: {', '.join(found.where)}"),
        ("as", found.client or "-"),
        ("state", f"{found.state}{f' since {clock_time(found.up_at)}' if found.up_at else ''}"),
    ]
    if found.error is not None:
        facts.append(("why", f"{found.error['code']}: {found.error['message']}"))
    if found.trust_revision:
        facts.append(("trust document", ".".join(str(part) for part in found.trust_revision)))
    write_one(settings, found, _view(), facts)


def _view() -> "View[ConnectionSeen]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import ago
    from guestwire.link.clock import now

    at = now().wall_ms
    return View(
        columns=(
            Column("CONNECTION", lambda c: c.name),
            Column("STATE", lambda c: c.state, style=lambda c: STYLES.get(c.state)),
            Column("UP", lambda c: ago(c.up_at or None, at)),
            Column("SITE", lambda c: c.site),
            Column("HOST", lambda c: c.host or "all"),
            Column("VIA", lambda c: c.via),
            Column("FROM FILE", lambda c: "yes" if c.configured else "-", wide=True),
            Column("AS", lambda c: c.client or "-", wide=True),
            Column("WHERE", lambda c: ", ".join(c.where)),
            Column("WHY", lambda c: "-" if c.error is None else f"{c.error['code']}: {c.error['message']}"),
        ),
        name=lambda c: c.name,
        document=lambda c: c.document,
        none="no connections: `guestwire connection add --help`",
    )
