"""`guestwire user`: who may come to a controller."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_people import User

ROLES = ("observer", "operator", "engineer", "admin")
_file = click.Path(path_type=Path, dir_okay=False)
_user = click.argument("name", metavar="USER", shell_complete=names("users"))
_password = click.option(
    "--password-file", metavar="FILE", type=_file, help="A file with the password; else you are asked."
)


@click.group("user", cls=Noun)
def user() -> None:
    """The users of a controller: list, show, add, disable, password, ..."""


@user.command("list")
@pass_settings
def list_users(settings: Settings) -> None:
    """Every user, with their roles."""
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "list[User]":
        return await controller.users.list()

    write_all(settings, _view(), with_controller(settings, work))


@user.command("show")
@click.argument("name", metavar="[USER]", required=False, shell_complete=names("users"))
@pass_settings
def show(settings: Settings, name: str | None) -> None:
    """One user; without USER who you are there, and what you may."""
    from guestwire.cli.output import View, write_one

    async def work(controller: "Controller") -> "User | dict[str, Any]":
        return await controller.me() if name is None else await controller.users.show(name)

    found = with_controller(settings, work)
    if not isinstance(found, dict):
        write_one(settings, found, _view(), _facts(found))
        return
    token = found.get("token")
    view: View[dict[str, Any]] = View((), name=lambda me: str(me["name"]), document=lambda me: me)
    roles = ", ".join(f"{one['role']} on {one['scope']}" for one in found["bindings"]) or "none"
    write_one(
        settings, found, view, [("user", found["name"]), ("roles", roles), ("token", token["name"] if token else "-")]
    )


@user.command("add")
@_user
@click.option("--label", default="", help="What people call them.")
@click.option(
    "--role",
    "roles",
    metavar="ROLE[:SCOPE]",
    multiple=True,
    help="As operator:site:plant; on everything without a scope. Repeatable.",
)
@click.option("--keep-password", is_flag=True, help="They need not choose another password when they log in first.")
@_password
@pass_settings
def add(
    settings: Settings, name: str, label: str, roles: tuple[str, ...], keep_password: bool, password_file: Path | None
) -> None:
    """Make a user, with a password that they change when they log in first."""
    from guestwire.cli.output import write_all

    body = {
        "name": name, "password": _asked(password_file, f"Password of {name}"), "label": label,
        "must_change": not keep_password, "bindings": [binding(text) for text in roles],
    }  # fmt: skip

    async def work(controller: "Controller") -> "User":
        return await controller.users.make(body)

    write_all(settings, _view(), [with_controller(settings, work)])


@user.command("password")
@click.argument("name", metavar="[USER]", required=False, shell_complete=names("users"))
@click.option("--old-file", metavar="FILE", type=_file, help="A file with your own old password.")
@_password
@pass_settings
def password(settings: Settings, name: str | None, old_file: Path | None, password_file: Path | None) -> None:
    """Give a user another password, which they change when they log in next; without USER yourself."""

    async def work(controller: "Controller") -> str:
        if name is None:
            old = _asked(old_file, "Your old password", confirm=False)
            body = {"old": old, "new": _asked(password_file, "Your new password")}
            await controller.http.ask("PUT", "/users/me/password", body=body)
            return "your password"
        changed = {"password": _asked(password_file, f"New password of {name}"), "must_change": True}
        await controller.users.change(name, changed)
        return f"the password of {name}"

    failures.remark(settings, f"{with_controller(settings, work)} is another now")


def _switch(verb: str, summary: str, *, disabled: bool) -> None:
    @user.command(verb, help=summary)
    @_user
    @pass_settings
    def command(settings: Settings, name: str) -> None:
        from guestwire.cli.output import write_all

        async def work(controller: "Controller") -> "User":
            return await controller.users.change(name, {"disabled": disabled})

        write_all(settings, _view(), [with_controller(settings, work)])


_switch("disable", "Let a user in no more; their sessions and tokens count no more.", disabled=True)
_switch("enable", "Let a user in again.", disabled=False)


@user.command("delete")
@_user
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Remove a user, with their tokens, roles and keys."""
    from guestwire.cli.confirm import ask

    ask(settings, "remove the user", 3, [name])

    async def work(controller: "Controller") -> None:
        await controller.users.remove(name)

    with_controller(settings, work)
    failures.remark(settings, f"{name}: removed")


def binding(text: str) -> dict[str, str]:
    """A role on a scope, as ROLE or ROLE:SCOPE. Raises click.UsageError."""
    role, _, scope = text.partition(":")
    if role not in ROLES:
        raise click.UsageError(f"{role!r} is no role: {', '.join(ROLES)}.")
    return {"role": role, "scope": scope or "*"}


def _asked(file: Path | None, what: str, *, confirm: bool = True) -> str:
    from guestwire.sdk.credentials import read_secret

    if file is not None:
        return read_secret(file)
    return str(click.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True))


def _roles(found: "User") -> str:
    return ", ".join(f"{one.role} on {one.scope}" for one in found.bindings) or "-"


def _state(found: "User") -> str:
    return "disabled" if found.disabled else "new password" if found.must_change else "active"


def _facts(found: "User") -> list[tuple[str, str]]:
    from guestwire.cli.times import clock_time

    return [
        ("user", f"{found.name} ({found.label})" if found.label else found.name),
        ("state", _state(found)),
        ("roles", _roles(found)),
        ("made", clock_time(found.created_at)),
        ("last log-in", clock_time(found.login_at)),
    ]


def _view() -> "View[User]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import ago
    from guestwire.link.clock import now

    at = now().wall_ms
    return View(
        columns=(
            Column("USER", lambda u: u.name),
            Column("LABEL", lambda u: u.label or "-"),
            Column("STATE", _state, style=lambda u: "bad" if u.disabled else "warn" if u.must_change else None),
            Column("LOG-IN", lambda u: ago(u.login_at, at)),
            Column("ROLES", _roles),
        ),
        name=lambda u: u.name,
        document=lambda u: u.document,
        none="no users",
    )
