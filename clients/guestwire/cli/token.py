"""`guestwire token`: tokens with which programs come to a controller."""

from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.user import binding

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_people import Token

_of = click.option("--user", metavar="USER", help="Those of another user.", shell_complete=names("users"))


@click.group("token", cls=Noun)
def token() -> None:
    """Tokens for programs: list, make, revoke."""


@token.command("list")
@_of
@pass_settings
def list_tokens(settings: Settings, user: str | None) -> None:
    """Your tokens."""
    from guestwire.cli.output import write_all

    async def work(controller: "Controller") -> "list[Token]":
        return await _tokens(controller, user)

    write_all(settings, _view(), with_controller(settings, work))


@token.command("make")
@click.argument("name", metavar="TOKEN")
@click.option(
    "--role",
    "roles",
    metavar="ROLE[:SCOPE]",
    multiple=True,
    help="Only for that, as observer:site:plant; else for all that you may. Repeatable.",
)
@click.option("--expires", metavar="TIME", help="After that it counts no more, as 90d.")
@pass_settings
def make(settings: Settings, name: str, roles: tuple[str, ...], expires: str | None) -> None:
    """Make a token. Its text is shown this once: with -o name it alone is written."""
    from dataclasses import replace

    from guestwire.cli.moments import duration_ms
    from guestwire.cli.output import write_one
    from guestwire.link.clock import now

    body = {
        "name": name, "bindings": [binding(text) for text in roles] or None,
        "expires_at": None if expires is None else now().wall_ms + duration_ms(expires),
    }  # fmt: skip

    async def work(controller: "Controller") -> "Token":
        return await controller.tokens.make(body)

    made = with_controller(settings, work)
    view = replace(_view(), name=lambda one: one.token or "", document=lambda one: one.document)
    write_one(settings, made, view, [("token", made.token or ""), ("name", made.name), ("for", _limits(made))])


@token.command("revoke")
@click.argument("tokens", metavar="TOKEN...", nargs=-1, required=True, shell_complete=names("tokens"))
@_of
@pass_settings
def revoke(settings: Settings, tokens: tuple[str, ...], user: str | None) -> None:
    """Revoke tokens, by name or id: nobody comes in with them any more."""
    from guestwire.model.errors import GuestwireError

    async def work(controller: "Controller") -> None:
        known = {key: one.id for one in await _tokens(controller, user) for key in (one.name, one.id)}
        for name in tokens:
            if name not in known:
                raise GuestwireError("NOT-FOUND", f"There is no token {name!r}: `guestwire token list` shows them.")
        for name in tokens:
            where = "/tokens" if user is None else f"{controller.users.at(user)}/tokens"
            await controller.http.ask("DELETE", f"{where}/{known[name]}")

    with_controller(settings, work)
    failures.remark(settings, f"revoked: {', '.join(tokens)}")


async def _tokens(controller: "Controller", user: str | None) -> "list[Token]":
    from guestwire.sdk.controller_people import Token

    return await controller.few("/tokens" if user is None else f"{controller.users.at(user)}/tokens", Token)


def _limits(one: "Token") -> str:
    if one.bindings is None:
        return "all that its owner may"
    return ", ".join(f"{role.role} on {role.scope}" for role in one.bindings)


def _view() -> "View[Token]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import ago, clock_time
    from guestwire.link.clock import now

    at = now().wall_ms
    return View(
        columns=(
            Column("TOKEN", lambda t: t.name),
            Column("AGE", lambda t: ago(t.created_at, at)),
            Column("USED", lambda t: ago(t.used_at, at)),
            Column("FROM", lambda t: t.used_from or "-"),
            Column("EXPIRES", lambda t: clock_time(t.expires_at)),
            Column("FOR", _limits),
            Column("ID", lambda t: t.id, wide=True),
        ),
        name=lambda t: t.name,
        document=lambda t: {name: value for name, value in t.document.items() if name != "token" or value},
        none="no tokens",
    )
