"""The options of `guestwire site serve` that keep the broker and the hosts in step with the trust document, and what they mean."""

import asyncio
import os
import shlex
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from guestwire.cli.site_broker import broker_options, options_of
from guestwire.model.errors import GuestwireError

if TYPE_CHECKING:
    from guestwire.site.layout import Layout
    from guestwire.site.service_notes import ServiceNotes

AGAIN_S = 5.0
Run = Callable[[], Awaitable[None]]
F = TypeVar("F", bound=Callable[..., Any])


def keeping_options(command: F) -> F:
    """The options of a command; they reach it as keywords, for `asked`."""
    path = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--broker-restart", metavar="COMMAND", help="Starts the broker anew, where a reload is not enough."
        ),
        click.option(
            "--broker-reload", metavar="COMMAND", help='Has the broker read its files, as "systemctl reload mosquitto".'
        ),
        click.option("--broker-pid-file", type=path, help="Where mosquitto writes its process id: it is sent SIGHUP."),
        *broker_options("--broker-"),
        click.option(
            "--broker-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="Keep the broker's files in this folder as broker-config writes them, and have it read them again.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options asked for. `values`: those of the broker, `context`: through which hosts are given the document."""

    values: dict[str, Any]
    context: str | None

    @property
    def broker(self) -> Path | None:
        directory: Path | None = self.values["broker_dir"]
        return directory


def asked(values: dict[str, Any], context: str | None) -> Asked:
    """Raises click.UsageError where options do not go together."""
    ways = [values["broker_pid_file"], values["broker_reload"]]
    if values["broker_dir"] is None:
        if any((*ways, values["broker_restart"])):
            raise click.UsageError("Which files does the broker read? Name their folder by --broker-dir.")
    elif sum(way is not None for way in ways) != 1:
        raise click.UsageError("How is the broker told? By one of --broker-pid-file and --broker-reload.")
    return Asked(values, context)


def keepers(asked: Asked, layout: "Layout", site: str, notes: "ServiceNotes") -> dict[str, Run]:
    """What is to run beside the service, by name. Raises CONTEXT-UNKNOWN, CONFIG-INVALID, and click.BadParameter."""
    found: dict[str, Run] = {}
    if asked.broker is not None:
        found["broker"] = _broker(asked.values, asked.broker, layout, notes)
    if asked.context is not None:
        from guestwire.cli.site_hosts import HostKeeping, context_for
        from guestwire.sdk.contexts import default_path

        context = context_for(asked.context, site, default_path(os.environ))
        found["hosts"] = HostKeeping(layout, context, notes).run
    return found


async def kept(what: str, run: Run, notes: "ServiceNotes", *, again_s: float = AGAIN_S) -> None:
    """Run it again whenever it ends: whatever becomes of it, the service goes on."""
    while True:
        try:
            await run()
        except GuestwireError as err:
            await notes.trouble(what, err)
        except Exception as err:  # noqa: BLE001 - a defect here must not end the service beside it
            await notes.trouble(what, GuestwireError("INTERNAL", f"{type(err).__name__}: {err}"))
        await asyncio.sleep(again_s)


def _broker(values: dict[str, Any], out: Path, layout: "Layout", notes: "ServiceNotes") -> Run:
    from guestwire.site.broker_control import BrokerControl
    from guestwire.site.broker_keeping import BrokerKeeping
    from guestwire.site.mosquitto_files import check

    options = options_of(values, "broker_")
    check(options, options.at if options.at is not None else out.absolute())
    control = BrokerControl(
        values["broker_pid_file"], _command(values, "broker_reload"), _command(values, "broker_restart")
    )
    return BrokerKeeping(
        layout, out, options, control, notes,
        restarts=bool(control.restarts), clock_ms=lambda: time.time_ns() // 1_000_000, mono=time.monotonic,
    ).run  # fmt: skip


def _command(values: dict[str, Any], name: str) -> tuple[str, ...]:
    text = values[name]
    try:
        argv = () if text is None else tuple(shlex.split(text))
    except ValueError as err:
        raise click.BadParameter(f"{err}.", param_hint=f"--{name.replace('_', '-')}") from err
    if text is not None and not argv:
        raise click.BadParameter("It is empty.", param_hint=f"--{name.replace('_', '-')}")
    return argv
