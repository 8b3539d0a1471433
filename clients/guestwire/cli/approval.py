"""`guestwire approval`: what waits at a controller for somebody's signature."""

from typing import TYPE_CHECKING

import click

from guestwire.cli.controlled import controller_context, names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.watching import watch_option

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import Approval

STATES = ("open", "approved", "rejected", "expired", "withdrawn")
STYLES = {"open": "warn", "approved": "good", "rejected": "bad", "expired": "bad", "withdrawn": "faint"}
_approval = click.argument("name", metavar="APPROVAL", shell_complete=names("approvals", "id"))


@click.group("approval", cls=Noun)
def approval() -> None:
    """What waits at a controller for somebody's signature: list, show, sign, reject."""


@approval.command("list")
@click.option(
    "--state", "states", type=click.Choice(STATES), multiple=True, help="Only those; open ones where left out."
)
@click.option("--mine", is_flag=True, help="Only what waits for a signature of yours.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@watch_option
@pass_settings
def list_approvals(settings: Settings, states: tuple[str, ...], mine: bool, limit: int, watch: bool) -> None:
    """What waits for a signature, newest first."""
    from guestwire.cli.watching import show

    async def work(controller: "Controller") -> None:
        wanted = states or ("open",)
        await show(
            settings, controller, _view, lambda: controller.approvals.list(limit, state=wanted, mine=mine), "approval",
            watch=watch,
        )  # fmt: skip

    with_controller(settings, work)


@approval.command("show")
@_approval
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One approval, with what its texts allow, read from the very bytes to sign."""
    from guestwire.cli.approving import mandate_lines
    from guestwire.cli.output import write_one
    from guestwire.sdk.approving import read

    async def work(controller: "Controller") -> "Approval":
        return await controller.approvals.show(_id(name))

    found = with_controller(settings, work)
    facts = _facts(found)
    for one in found.mandates:
        facts += [("text", line.strip()) for line in mandate_lines(read(one.text)[1])]
        facts.append(("signatures", f"{len(one.signatures)} of {one.needed}"))
    write_one(settings, found, _view(), facts)


@approval.command("sign")
@_approval
@click.option("--key", metavar="FILE", type=click.Path(), help="The key to sign with, instead of the context's.")
@pass_settings
def sign(settings: Settings, name: str, key: str | None) -> None:
    """Allow it, with a key of your own that the controller knows (`guestwire key enrol`)."""
    from guestwire.cli.approving import signed
    from guestwire.cli.output import write_one

    context = controller_context(settings)

    async def work(controller: "Controller") -> "Approval":
        return await signed(settings, controller, context, _id(name), key)

    found = with_controller(settings, work)
    write_one(settings, found, _view(), _facts(found))


@approval.command("reject")
@_approval
@click.option("--reason", default="", help="Why it is not to be done.")
@pass_settings
def reject(settings: Settings, name: str, reason: str) -> None:
    """Have it not be done: what waits for it ends."""
    from guestwire.cli.output import write_one

    async def work(controller: "Controller") -> "Approval":
        return await controller.approvals.do(_id(name), "reject", {"reason": reason})

    found = with_controller(settings, work)
    write_one(settings, found, _view(), _facts(found))


def _id(name: str) -> str:
    """Raises NOT-FOUND for what is no id."""
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol import ids

    if ids.from_text(name) is None:
        raise GuestwireError("NOT-FOUND", f"There is no approval {name!r}: `guestwire approval list` shows their ids.")
    return name


def _facts(found: "Approval") -> list[tuple[str, str]]:
    from guestwire.cli.times import clock_time

    decided = f" by {found.decided_by}" if found.decided_by else ""
    facts = [
        ("approval", found.id),
        ("state", f"{found.state}{decided}{f': {found.reason}' if found.reason else ''}"),
        ("allows", f"{', '.join(found.operations)} (R{found.risk})"),
        ("on", ", ".join(found.hosts) + (", ..." if found.hosts_total > len(found.hosts) else "")),
        ("asked by", found.person),
        ("until", clock_time(found.expires_at)),
        ("signed by", ", ".join(found.signed_by) or "nobody"),
        ("yours", "yes" if found.yours else "no"),
    ]
    return [*facts, ("note", found.note)] if found.note else facts


def _view() -> "View[Approval]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    return View(
        columns=(
            Column("APPROVAL", lambda a: a.id),
            Column("STATE", lambda a: a.state, style=lambda a: STYLES.get(a.state)),
            Column("ALLOWS", lambda a: ", ".join(a.operations)),
            Column("HOSTS", lambda a: a.hosts[0] if a.hosts_total == 1 else str(a.hosts_total)),
            Column("RISK", lambda a: f"R{a.risk}"),
            Column("BY", lambda a: a.person),
            Column("YOURS", lambda a: "yes" if a.yours else "-", style=lambda a: "warn" if a.yours else None),
            Column("UNTIL", lambda a: clock_time(a.expires_at), wide=True),
            Column("SIGNED", lambda a: ", ".join(a.signed_by) or "-", wide=True),
        ),
        name=lambda a: a.id,
        document=lambda a: a.document,
        none="nothing waits for a signature",
    )
