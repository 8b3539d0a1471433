"""`guestwire comm`: the communication services of a host."""

from typing import TYPE_CHECKING

import click

from guestwire.cli.completing import hosts
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from guestwire.cli.comm_views import StatusRow
    from guestwire.protocol.comm_models import CommStatus
    from guestwire.sdk.answers import Answer, CallOptions
    from guestwire.sdk.client import Client
    from guestwire.sdk.host_api import HostApi

    Act = Callable[[HostApi, CallOptions], Awaitable[Answer[CommStatus]]]

ALWAYS_ASK = 3
HOST = click.argument("host", metavar="[HOST]", required=False, shell_complete=hosts)
FORCE = click.option("--force", is_flag=True, help="Though guests are attached: their calls fail from then on.")


@click.group("comm", cls=Noun)
def comm() -> None:
    """The communication services of a host, for areas, events, queues, locks and networks: status, start, stop, restart."""


@comm.command("status")
@HOST
@pass_settings
def status(settings: Settings, host: str | None) -> None:
    """State of the services, who is attached and how, and what to do where something is wrong.

    Without HOST: of the only one there is. Degraded means that guests are attached to services that are gone: they are
    listed with what to do.
    """
    _act(settings, host, lambda api, said: api.comm_status(said))


@comm.command("start")
@HOST
@pass_settings
def start(settings: Settings, host: str | None) -> None:
    """Start the services."""
    _act(settings, host, lambda api, said: api.comm_start(said), "start")


@comm.command("stop")
@HOST
@FORCE
@pass_settings
def stop(settings: Settings, host: str | None, force: bool) -> None:
    """Stop the services. Refused while guests are attached, unless forced. What is in memory areas stays."""
    from guestwire.protocol.comm_models import CommStop

    _act(settings, host, lambda api, said: api.comm_stop(CommStop(force=force), said), "stop", force=force)


@comm.command("restart")
@HOST
@FORCE
@pass_settings
def restart(settings: Settings, host: str | None, force: bool) -> None:
    """Stop and start the services. Refused while guests are attached, unless forced; those must be restarted then."""
    from guestwire.protocol.comm_models import CommStop

    _act(settings, host, lambda api, said: api.comm_restart(CommStop(force=force), said), "restart", force=force)


def _act(settings: Settings, host: str | None, act: "Act", verb: str = "", *, force: bool = False) -> None:
    """Ask where guests suffer, do it, and write how the services are then."""
    from guestwire.cli.comm_views import StatusRow, peer_view, status_facts, status_view
    from guestwire.cli.confirm import ask
    from guestwire.cli.named import write_below
    from guestwire.cli.output import write_one
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host

    async def work(client: "Client") -> "StatusRow":
        chosen = one_host(client, host)
        if force:
            ask(settings, f"{verb} the services that guests are attached to on", ALWAYS_ASK, [chosen])
        answer = await act(client.host(chosen), options(settings))
        return StatusRow(chosen, answer.reply, answer.verified)

    row = with_client(settings, work)
    write_one(settings, row, status_view(), status_facts(row))
    write_below(settings, peer_view(), row.status.peers)
