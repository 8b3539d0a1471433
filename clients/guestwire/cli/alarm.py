"""`guestwire alarm`: what a controller finds wrong with hosts, and who looks after it."""

from typing import TYPE_CHECKING

import click

from guestwire.cli.alarm_rules import rule
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.watching import watch_option

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import Alarm

SEVERITIES = ("info", "warning", "critical")
_alarm = click.argument("name", metavar="ALARM", shell_complete=names("alarms", "id"))
_alarms = click.argument("alarms", metavar="ALARM...", nargs=-1, required=True, shell_complete=names("alarms", "id"))
_host = click.option("--host", metavar="[SITE/]HOST", help="Only those of that host.")
_severity = click.option(
    "--severity", "severities", type=click.Choice(SEVERITIES), multiple=True, help="Only those. Repeatable."
)
_limit = click.option(
    "-n", "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most."
)


@click.group("alarm", cls=Noun)
def alarm() -> None:
    """What is wrong with hosts: list, show, ack, clear, history, rule ..."""


alarm.add_command(rule)


@alarm.command("list")
@_host
@_severity
@click.option("--rule", "rule_name", metavar="RULE", shell_complete=names("rules"), help="Only those of that rule.")
@_limit
@watch_option
@pass_settings
def list_alarms(
    settings: Settings, host: str | None, severities: tuple[str, ...], rule_name: str | None, limit: int, watch: bool
) -> None:
    """Alarms that are not over, the newest first. With `active?` nobody knows whether it holds on: its source is lost."""
    from guestwire.cli.alarm_views import alarm_view
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> None:
        ref = None if host is None else controller.ref(host)
        wanted = {"state": ("active", "acknowledged"), "severity": severities, "rule": rule_name, "host": ref}
        await show(
            settings, controller, alarm_view, lambda: controller.alarms.list(limit, **wanted), "alarm", watch=watch
        )

    with_controller(settings, work)


@alarm.command("history")
@_host
@_severity
@click.option(
    "--since",
    default="7d",
    show_default=True,
    metavar="TIME",
    help="Raised since then: 2h, 7d ago, or a date and time.",
)
@_limit
@pass_settings
def history(settings: Settings, host: str | None, severities: tuple[str, ...], since: str, limit: int) -> None:
    """Alarms of a time, those that are over too, the newest first."""
    from guestwire.cli.alarm_views import alarm_view
    from guestwire.cli.moments import moment_ms
    from guestwire.cli.output import write_all
    from guestwire.link.clock import now

    async def work(controller: "Controller") -> "list[Alarm]":
        ref = None if host is None else controller.ref(host)
        began = moment_ms(since, now().wall_ms)
        return await controller.alarms.list(limit, severity=severities, host=ref, since=began)

    write_all(settings, alarm_view(), with_controller(settings, work))


@alarm.command("show")
@_alarm
@pass_settings
def show_alarm(settings: Settings, name: str) -> None:
    """One alarm."""
    from guestwire.cli.alarm_views import alarm_facts, alarm_view
    from guestwire.cli.output import write_one

    async def work(controller: "Controller") -> "Alarm":
        return await controller.alarms.show(name)

    found = with_controller(settings, work)
    write_one(settings, found, alarm_view(), alarm_facts(found))


@alarm.command("ack")
@_alarms
@click.option("--note", default="", help="What there is to say of them.")
@pass_settings
def acknowledge(settings: Settings, alarms: tuple[str, ...], note: str) -> None:
    """Say that you look after alarms. They go on until they are over."""
    _said(settings, "acknowledge", alarms, note)


@alarm.command("clear")
@_alarms
@click.option("--note", default="", help="What there is to say of them.")
@pass_settings
def clear(settings: Settings, alarms: tuple[str, ...], note: str) -> None:
    """Say that alarms are over. One whose condition holds still comes back when that has stopped and holds again, and when the
    controller starts anew."""
    _said(settings, "clear", alarms, note)


def _said(settings: Settings, verb: str, alarms: tuple[str, ...], note: str) -> None:
    from guestwire.cli.alarm_views import alarm_view
    from guestwire.cli.output import write_all
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol import ids

    for one in alarms:
        if ids.from_text(one) is None:
            raise GuestwireError("NOT-FOUND", f"There is no alarm {one!r}: `guestwire alarm list` shows their ids.")

    async def work(controller: "Controller") -> "list[Alarm]":
        return await controller.alarms_said(verb, alarms, note)

    write_all(settings, alarm_view(), with_controller(settings, work))
