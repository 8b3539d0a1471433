"""`guestwire alarm rule`: when a controller raises an alarm. A rule is a TOML or JSON file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import AlarmRule

_name = click.argument("name", metavar="RULE", shell_complete=names("rules"))


@click.group("rule", cls=Noun)
def rule() -> None:
    """When an alarm is raised: list, show, put, delete."""


@rule.command("list")
@pass_settings
def list_rules(settings: Settings) -> None:
    """Every rule."""
    from guestwire.cli.alarm_views import rule_view
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "list[AlarmRule]":
        return await controller.rules.list()

    write_all(settings, rule_view(), with_controller(settings, work))


@rule.command("show")
@_name
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One rule, as `rule put` takes it."""
    from guestwire.cli.output import write_document

    async def work(controller: "Controller") -> "AlarmRule":
        return await controller.rules.show(name)

    found = with_controller(settings, work)
    write_document(settings, found.document if settings.for_programs else found.rule)


@rule.command("put")
@_name
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@pass_settings
def put(settings: Settings, name: str, file: Path) -> None:
    """Make a rule of what FILE (TOML or JSON) says, or change it.

    \b
    severity = "critical"
    for_s = 60
    trigger = { on = "metric", series = "guestwire_host_memory_available_bytes", compare = "<", value = 1e9 }
    """
    from guestwire.cli.alarm_views import rule_view
    from guestwire.cli.documents_in import read_document
    from guestwire.cli.output import write_all

    body: dict[str, Any] = read_document(file)

    async def work(controller: "Controller") -> "AlarmRule":
        return await controller.rules.put(name, body)

    write_all(settings, rule_view(), [with_controller(settings, work)])


@rule.command("delete")
@_name
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Delete a rule; its alarms are over then."""
    from guestwire.cli.confirm import ask

    ask(settings, "delete the rule", 3, [name])

    async def work(controller: "Controller") -> None:
        await controller.rules.remove(name)

    with_controller(settings, work)
    failures.remark(settings, f"{name}: deleted")
