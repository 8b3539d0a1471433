"""`guestwire role`: what users of a controller may do, and where."""

from typing import TYPE_CHECKING

import click

from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.user import ROLES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_people import Role

_user = click.argument("user", metavar="USER", shell_complete=names("users"))
_role = click.argument("role_name", metavar="ROLE", type=click.Choice(ROLES))
_scope = click.option(
    "--on",
    "scope",
    default="*",
    show_default=True,
    metavar="SCOPE",
    help="site:SITE, group:GROUP or host:SITE/HOST; * is everything.",
)


@click.group("role", cls=Noun)
def role() -> None:
    """What users may do: list, give, take. Roles: observer, operator, engineer, admin."""


@role.command("list")
@click.argument("user", metavar="[USER]", required=False, shell_complete=names("users"))
@pass_settings
def list_roles(settings: Settings, user: str | None) -> None:
    """The roles of a user, or of everybody."""

    async def work(controller: "Controller") -> "list[tuple[str, Role]]":
        found = [await controller.users.show(user)] if user else await controller.users.list()
        return [(one.name, given) for one in found for given in one.bindings]

    _written(settings, with_controller(settings, work))


@role.command("give")
@_user
@_role
@_scope
@pass_settings
def give(settings: Settings, user: str, role_name: str, scope: str) -> None:
    """Give a user a role on some hosts."""
    said = {"role": role_name, "scope": scope}
    _changed(settings, user, lambda controller, path: controller.http.ask("POST", path, body=said))


@role.command("take")
@_user
@_role
@_scope
@pass_settings
def take(settings: Settings, user: str, role_name: str, scope: str) -> None:
    """Take a role from a user."""
    said = {"role": role_name, "scope": scope}
    _changed(settings, user, lambda controller, path: controller.http.ask("DELETE", path, params=said))


def _changed(settings: Settings, user: str, change: "Callable[[Controller, str], Awaitable[object]]") -> None:
    """Have `change` ask at the path of a user's roles, and write those that the user has then."""
    from guestwire.sdk.controller_people import Role

    async def work(controller: "Controller") -> "list[tuple[str, Role]]":
        path = f"{controller.users.at(user)}/bindings"
        await change(controller, path)
        return [(user, one) for one in await controller.few(path, Role)]

    _written(settings, with_controller(settings, work))


def _written(settings: Settings, roles: "list[tuple[str, Role]]") -> None:
    from guestwire.cli.output import Column, View, write_all

    view: View[tuple[str, Role]] = View(
        columns=(
            Column("USER", lambda one: one[0]),
            Column("ROLE", lambda one: one[1].role),
            Column("ON", lambda one: one[1].scope),
        ),
        name=lambda one: f"{one[0]}:{one[1].role}:{one[1].scope}",
        document=lambda one: {"user": one[0], **one[1].document},
        none="no roles",
    )
    write_all(settings, view, roles)
