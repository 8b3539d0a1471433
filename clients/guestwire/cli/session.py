"""`guestwire session`: where one is logged in at a controller with a browser."""

from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.controlled import with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_people import Session


@click.group("session", cls=Noun)
def session() -> None:
    """Where you are logged in with a browser: list, end. Programs have tokens (`guestwire token`)."""


@session.command("list")
@pass_settings
def list_sessions(settings: Settings) -> None:
    """Your sessions."""
    from guestwire.cli.output import write_all
    from guestwire.sdk.controller_people import Session

    write_all(settings, _view(), with_controller(settings, lambda controller: controller.few("/sessions", Session)))


@session.command("end")
@click.argument("ids", metavar="[SESSION]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@pass_settings
def end(settings: Settings, ids: tuple[str, ...], every: bool) -> None:
    """End sessions: whoever has them must log in again."""
    from guestwire.sdk.controller_people import Session

    if bool(ids) == every:
        raise click.UsageError("Which sessions? Name them, or say --all.")

    async def work(controller: "Controller") -> list[str]:
        found = list(ids) or [one.id for one in await controller.few("/sessions", Session)]
        for one in found:
            await controller.http.ask("DELETE", f"/sessions/{one}")
        return found

    for one in with_controller(settings, work):
        failures.remark(settings, f"{one}: ended")


def _view() -> "View[Session]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import ago, clock_time
    from guestwire.link.clock import now

    at = now().wall_ms
    return View(
        columns=(
            Column("SESSION", lambda s: s.id),
            Column("BEGUN", lambda s: clock_time(s.created_at)),
            Column("USED", lambda s: ago(s.used_at, at)),
            Column("UNTIL", lambda s: clock_time(s.expires_at)),
            Column("FROM", lambda s: s.address or "-"),
            Column("BROWSER", lambda s: s.agent or "-"),
        ),
        name=lambda s: s.id,
        document=lambda s: s.document,
        none="no sessions",
    )
