"""`guestwire demo`: a whole fleet on this machine, gone when it ends."""

from pathlib import Path
from typing import Literal

import click

from guestwire.cli.exit_codes import USAGE
from guestwire.cli.settings import Settings, Verb, pass_settings


@click.command("demo", cls=Verb)
@click.option("--hosts", type=click.IntRange(0, 64), default=2, show_default=True, help="How many simulated hosts.")
@click.option(
    "--driver",
    type=click.Choice(["auto", "simulated", "libvirt"]),
    default="auto",
    show_default=True,
    help="auto: simulated hosts, and this machine itself where libvirt is usable. libvirt: this machine alone.",
)
@click.option(
    "--guest",
    "guests",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Define this guest (TOML, YAML or JSON) on the libvirt host, and take it away at the end. Repeatable.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The broker's port; a free one where left out.")
@click.option(
    "--transport",
    type=click.Choice(["auto", "mqtt5", "aiomqtt"]),
    default="auto",
    show_default=True,
    help="The MQTT transport of the agents and of the context.",
)
@click.option("--embedded", is_flag=True, help="Use the embedded broker even where mosquitto is found.")
@click.option(
    "--controller/--no-controller",
    default=True,
    show_default=True,
    help="With a controller, where what it needs is installed.",
)
@click.option(
    "--controller-port",
    type=click.IntRange(0, 65535),
    help="Where the controller is served; 5000 where that is free, else any.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything here; a directory that goes away at the end where left out.",
)
@pass_settings
def demo(
    settings: Settings, hosts: int, driver: Literal["auto", "simulated", "libvirt"], guests: tuple[Path, ...], port: int,
    transport: Literal["auto", "mqtt5", "aiomqtt"], embedded: bool, controller: bool,
    controller_port: int | None, directory: Path | None,
) -> None:  # fmt: skip
    """Start a broker, a fleet of hosts and a controller, make them known as the context `demo`, and wait for Ctrl-C.

    In another terminal `guestwire guest list` works at once. Ctrl-C ends every process and takes everything away.
    """
    import asyncio

    from guestwire.cli import demo_controller
    from guestwire.cli.demo_fleet import Plan, run_demo
    from guestwire.cli.libvirt_daemons import can_start
    from guestwire.cli.libvirt_probe import missing_package, why_not

    reason, start_libvirt = "", False
    if driver != "simulated":
        reason = missing_package() or why_not()
        if reason and not missing_package() and can_start():
            reason, start_libvirt = "", True
    if driver == "libvirt" and reason:
        raise click.UsageError(f"libvirt is not usable here: {reason}")
    if guests and (driver == "simulated" or reason):
        raise click.UsageError("--guest needs the libvirt host" + (f": {reason}" if reason else "."))
    simulated = 0 if driver == "libvirt" else hosts
    real = driver != "simulated" and not reason
    if not simulated and not real:
        click.echo("error: a demo without any host", err=True)
        raise click.exceptions.Exit(USAGE)
    lacking = demo_controller.missing() if controller else ""
    plan = Plan(
        simulated, real, start_libvirt, reason, guests, port, transport, embedded, directory,
        controller=controller and not lacking, controller_port=controller_port, why_no_controller=lacking,
    )  # fmt: skip
    code = asyncio.run(run_demo(settings, plan))
    if code:
        raise click.exceptions.Exit(code)
