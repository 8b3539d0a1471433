"""`guestwire window`: maintenance windows, outside of which a controller begins nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_window = click.argument("name", metavar="WINDOW", shell_complete=names("windows"))


@click.group("window", cls=Noun)
def window() -> None:
    """Maintenance windows: list, show, put, delete."""


@window.command("list")
@pass_settings
def list_windows(settings: Settings) -> None:
    """Every window, and whether it is open."""
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "list[Window]":
        return await controller.windows.list()

    write_all(settings, _view(), with_controller(settings, work))


@window.command("show")
@_window
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One window, as `window put --file` takes it."""
    from guestwire.cli.output import write_document

    async def work(controller: "Controller") -> "Window":
        return await controller.windows.show(name)

    found = with_controller(settings, work)
    write_document(settings, found.document if settings.for_programs else found.window)


@window.command("put")
@_window
@click.option(
    "--open", "spans", metavar="DAYS FROM..TO", nargs=2, multiple=True, help="As mon-fri 22:00-04:00. Repeatable."
)
@click.option("--zone", default="UTC", show_default=True, help="The time zone, as Europe/Berlin.")
@click.option(
    "--last",
    "last_s",
    type=click.IntRange(0, 86_400),
    default=0,
    metavar="SECONDS",
    help="So long before it shuts nothing begins any more.",
)
@click.option("--note", default="", help="What it is for.")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The window as TOML or JSON instead, with exceptions too.",
)
@pass_settings
def put(
    settings: Settings,
    name: str,
    spans: tuple[tuple[str, str], ...],
    zone: str,
    last_s: int,
    note: str,
    file: Path | None,
) -> None:
    """Make a window, or change when it is open: `--open mon-fri 22:00-04:00 --open sat,sun 00:00-24:00`."""
    from guestwire.cli.documents_in import read_document
    from guestwire.cli.output import write_all

    if (file is None) == (not spans):
        raise click.UsageError("Say when it is open with --open, or give a --file.")
    body: dict[str, Any] = (
        read_document(file) if file is not None
        else {"time_zone": zone, "weekly": [span(*one) for one in spans], "last_s": last_s, "note": note}
    )  # fmt: skip

    async def work(controller: "Controller") -> "Window":
        return await controller.windows.put(name, body)

    write_all(settings, _view(), [with_controller(settings, work)])


@window.command("delete")
@_window
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Delete a window. Refused while jobs wait for it."""
    from guestwire.cli.confirm import ask

    ask(settings, "delete the window", 3, [name])

    async def work(controller: "Controller") -> None:
        await controller.windows.remove(name)

    with_controller(settings, work)
    failures.remark(settings, f"{name}: deleted")


def span(days: str, times: str) -> dict[str, Any]:
    """What `mon-fri` and `22:00-04:00` say. Raises click.UsageError."""
    start, dash, end = times.partition("-")
    if not dash:
        raise click.UsageError(f"{times!r} is no span of time: write 22:00-04:00.")
    found = [day for part in days.split(",") for day in _days(part.strip().lower())]
    return {"days": list(dict.fromkeys(found)), "start": start.strip(), "end": end.strip()}


def _days(part: str) -> list[str]:
    first, dash, last = part.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise click.UsageError(f"{part!r} is no day: {', '.join(DAYS)}.")
    if not dash:
        return [first]
    begin, end = DAYS.index(first), DAYS.index(last)
    return [DAYS[number % 7] for number in range(begin, end + 1 if end >= begin else end + 8)]


def _view() -> "View[Window]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    def state(one: "Window") -> str:
        if one.open_until is not None:
            return f"open until {clock_time(one.open_until)}"
        return "shut" if one.opens_at is None else f"opens {clock_time(one.opens_at)}"

    def weekly(one: "Window") -> str:
        spans = one.window.get("weekly", ())
        return "; ".join(f"{','.join(each['days'])} {each['start']}-{each['end']}" for each in spans) or "-"

    return View(
        columns=(
            Column("WINDOW", lambda w: w.name),
            Column("STATE", state, style=lambda w: "good" if w.open_until is not None else None),
            Column("ZONE", lambda w: str(w.window.get("time_zone", "UTC"))),
            Column("OPEN", weekly),
            Column("BY", lambda w: w.changed_by, wide=True),
        ),
        name=lambda w: w.name,
        document=lambda w: w.document,
        none="no windows",
    )
