"""`guestwire boot` and `guestwire shutdown`: the guests of a host all together, as kvmrt-boot and kvmrt-shutdown do."""

from typing import TYPE_CHECKING, Literal

import click

from guestwire.cli.project_options import GUESTS, HOST
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.protocol.config_models import GuestOutcomes, GuestsBoot, GuestsShutdown
    from guestwire.sdk.answers import Answer, CallOptions
    from guestwire.sdk.client import Client
    from guestwire.sdk.host_api import HostApi

ALWAYS_ASK = 3


@click.command("boot", cls=Verb)
@HOST
@GUESTS
@click.option(
    "--all", "everything", is_flag=True, help="Every guest that is not disabled, not only those of autostart."
)
@click.option("--clean", is_flag=True, help="None may be running yet, and no error is tolerated.")
@click.option(
    "--wait",
    type=click.Choice(["running", "ready"]),
    default="running",
    show_default=True,
    help="When a guest counts as started: the power is on, or it is ready.",
)
@pass_settings
def boot(
    settings: Settings,
    host: str,
    guests: tuple[str, ...],
    everything: bool,
    clean: bool,
    wait: Literal["running", "ready"],
) -> None:
    """Start the guests of HOST in their order: those named, else those whose autostart is on.

    The configuration is validated first. Guests that run already are only tuned anew, and what fails there is told and
    ignored; with --clean it is an error.
    """
    from guestwire.protocol.config_models import GuestsBoot

    if guests and everything:
        raise click.UsageError("Name guests, or give --all.")
    request = GuestsBoot(guests=guests, all=everything, clean=clean, wait=wait)
    _all_together(settings, "boot", host, request)


@click.command("shutdown", cls=Verb)
@HOST
@GUESTS
@click.option("-v", "--serial", is_flag=True, help="One after the other, not all at once.")
@click.option("--force", is_flag=True, help="Take the power of those that are not off in time.")
@click.option(
    "--within",
    "within_s",
    type=click.IntRange(1, 1800),
    default=90,
    show_default=True,
    metavar="SECONDS",
    help="How long each may take.",
)
@pass_settings
def shutdown(
    settings: Settings, host: str, guests: tuple[str, ...], serial: bool, force: bool, within_s: int
) -> None:  # fmt: skip
    """Shut the guests of HOST down, all that run or those named, in the reverse of their order."""
    from guestwire.cli.confirm import ask
    from guestwire.protocol.config_models import GuestsShutdown

    targets = [f"{host}/{guest}" for guest in guests] or [f"every guest of {host}"]
    ask(settings, "shut down", 2 if guests else ALWAYS_ASK, targets)
    request = GuestsShutdown(guests=guests, serial=serial, force=force, within_s=within_s)
    _all_together(settings, "shutdown", host, request)


def _all_together(settings: Settings, verb: str, host: str, request: "GuestsBoot | GuestsShutdown") -> None:
    """Do it, with the host's progress, and a line for each guest."""
    from guestwire.cli.config_views import outcome_view
    from guestwire.cli.exit_codes import of_several
    from guestwire.cli.output import write_all
    from guestwire.cli.progress import progress
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.model.errors import BY_CODE

    async def work(client: "Client") -> "GuestOutcomes":
        chosen = one_host(client, host)
        async with progress(settings, verb, 1) as shown:
            shown.begin(chosen)
            hearing = options(settings).hearing(lambda report: shown.report(chosen, report))
            answer = await _call(client.host(chosen), request, hearing)
            shown.end(chosen)
            return answer.reply

    outcomes = with_client(settings, work).guests
    write_all(settings, outcome_view(host), outcomes)
    # a newer host may know errors that this table does not
    failed = [outcome.code or "INTERNAL" for outcome in outcomes if outcome.result == "failed"]
    if code := of_several(code if code in BY_CODE else "INTERNAL" for code in failed):
        raise click.exceptions.Exit(code)


async def _call(
    api: "HostApi", request: "GuestsBoot | GuestsShutdown", options: "CallOptions"
) -> "Answer[GuestOutcomes]":
    from guestwire.protocol.config_models import GuestsBoot

    if isinstance(request, GuestsBoot):
        return await api.guests_boot(request, options)
    return await api.guests_shutdown(request, options)
