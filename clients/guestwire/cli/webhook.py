"""`guestwire webhook`: where a controller tells of alarms."""

from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import Webhook

_webhook = click.argument("name", metavar="WEBHOOK", shell_complete=names("webhooks"))
_severity = click.option(
    "--from",
    "least_severity",
    type=click.Choice(["info", "warning", "critical"]),
    help="Alarms of that severity and above.",
)
_events = click.option(
    "--event",
    "events",
    type=click.Choice(["raised", "acknowledged", "cleared"]),
    multiple=True,
    help="Only that. Repeatable.",
)


@click.group("webhook", cls=Noun)
def webhook() -> None:
    """Where alarms are told: list, make, change, try, delete."""


@webhook.command("list")
@pass_settings
def list_webhooks(settings: Settings) -> None:
    """Every webhook, and how it fares."""

    async def work(controller: "Controller") -> "list[Webhook]":
        return await controller.webhooks.list()

    _written(settings, with_controller(settings, work))


@webhook.command("make")
@click.argument("name", metavar="WEBHOOK")
@click.argument("url")
@_severity
@_events
@pass_settings
def make(settings: Settings, name: str, url: str, least_severity: str | None, events: tuple[str, ...]) -> None:
    """Tell alarms to a URL from now on. What its receiver checks them with is shown this once."""

    async def work(controller: "Controller") -> "Webhook":
        return await controller.webhooks.make({"name": name, "url": url, **_said(least_severity, events)})

    made = with_controller(settings, work)
    _written(settings, [made])
    if not settings.for_programs:
        click.echo(f"secret: {made.secret}")


@webhook.command("change")
@_webhook
@click.option("--url", help="Another address.")
@_severity
@_events
@click.option("--enable/--disable", "enabled", default=None, help="Whether it is told anything.")
@pass_settings
def change(
    settings: Settings,
    name: str,
    url: str | None,
    least_severity: str | None,
    events: tuple[str, ...],
    enabled: bool | None,
) -> None:
    """Change a webhook."""

    async def work(controller: "Controller") -> "Webhook":
        before = await controller.webhook(name)
        kept = {"name": before.name, "url": url or before.url, "least_severity": before.least_severity,
                "events": list(before.events), "enabled": before.enabled if enabled is None else enabled}  # fmt: skip
        return await controller.webhooks.put(before.id, kept | _said(least_severity, events))

    _written(settings, [with_controller(settings, work)])


@webhook.command("try")
@_webhook
@pass_settings
def try_out(settings: Settings, name: str) -> None:
    """Send something to a webhook now."""

    async def work(controller: "Controller") -> None:
        found = await controller.webhook(name)
        await controller.http.ask("POST", f"{controller.webhooks.at(found.id)}/trial")

    with_controller(settings, work)
    failures.remark(settings, f"{name}: sent; `guestwire webhook list` shows whether it was taken")


@webhook.command("delete")
@_webhook
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Tell a webhook nothing any more."""
    from guestwire.cli.confirm import ask

    ask(settings, "delete the webhook", 3, [name])

    async def work(controller: "Controller") -> None:
        await controller.webhooks.remove((await controller.webhook(name)).id)

    with_controller(settings, work)
    failures.remark(settings, f"{name}: deleted")


def _said(least_severity: str | None, events: tuple[str, ...]) -> dict[str, Any]:
    said = {"least_severity": least_severity, "events": list(events)}
    return {name: value for name, value in said.items() if value}


def _written(settings: Settings, webhooks: "list[Webhook]") -> None:
    from guestwire.cli.alarm_views import webhook_view
    from guestwire.cli.output import write_all

    write_all(settings, webhook_view(), webhooks)
