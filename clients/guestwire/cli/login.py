"""`guestwire login` and `guestwire logout`: a context of a controller, with a token of one's own."""

import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.controlled import controller_context
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.sdk.contexts import Context, Contexts
    from guestwire.sdk.controller_login import LoggedIn

LONGEST_TOKEN_NAME = 64
_file = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("login", cls=Verb)
@click.argument("url", required=False)
@click.option("--name", "user", metavar="USER", required=True, help="Who you are at the controller.")
@click.option("--as", "name", metavar="CONTEXT", help="What the context is called; SITE-controller where left out.")
@click.option(
    "--site", metavar="ID", help="The site that hosts without one are of; not needed where the controller has one."
)
@click.option("--ca", metavar="FILE", type=_file, help="The CA that the controller is checked against.")
@click.option("--key", metavar="FILE", type=_file, help="Your own key, that approvals are signed with as they come up.")
@click.option("--password-file", metavar="FILE", type=_file, help="A file with the password; else you are asked.")
@click.option("--expires", metavar="TIME", help="After that the token counts no more, as 90d; else until you log out.")
@click.option("--first", is_flag=True, help="You are the first: the token that the controller printed is asked for.")
@click.option("--first-file", metavar="FILE", type=_file, help="The same from a file.")
@pass_settings
def login(
    settings: Settings, url: str | None, user: str, name: str | None, site: str | None, ca: Path | None, key: Path | None,
    password_file: Path | None, expires: str | None, first: bool, first_file: Path | None,
) -> None:  # fmt: skip
    """Log in at the controller at URL (https://HOST:PORT), and make its context the current one.

    Your password becomes a token, which is kept in a file of your own beside the configuration file; nothing else keeps the password.
    Without URL you log in again where the current context leads.
    """
    import asyncio

    from guestwire.cli.moments import duration_ms
    from guestwire.link.clock import now
    from guestwire.sdk import contexts
    from guestwire.sdk.controller_login import first_user, log_in

    known = contexts.load(contexts.default_path(os.environ))
    again = None if url else (settings.context or known.current, controller_context(settings))
    if again is not None:
        url, ca, site = again[1].controller, ca or _path(again[1].ca), site or again[1].site
        name = name or again[0]
    assert url is not None
    _check(name or "login", site or "any", url)
    trusted = None if ca is None else str(ca.expanduser().absolute())
    first_token = _first(first_file) if first or first_file else None
    password = _password(password_file, confirm=first_token is not None)
    expires_at = None if expires is None else now().wall_ms + duration_ms(expires)
    token_name = f"guestwire at {socket.gethostname()} {secrets.token_hex(3)}"[-LONGEST_TOKEN_NAME:]

    async def work() -> "LoggedIn":
        if first_token is not None:
            await first_user(url, trusted, first_token, user, password)
        return await log_in(url, trusted, user, password, token_name, expires_at, _another)

    done = asyncio.run(work())
    site = _site(site, done.sites)
    mine = None if key is None else str(key.expanduser().absolute())
    given = {"site": site, "via": "controller", "controller": url, "ca": trusted, "key": mine}
    _keep(settings, known, name or f"{site}-controller", given, done.token)


def _check(name: str, site: str, url: str) -> None:
    """Raises CONFIG-INVALID for what a context would not take, before anybody is asked for a password: it goes over TLS, or to this
    machine."""
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk import contexts

    try:
        contexts.made(name, {"site": site, "via": "controller", "controller": url, "token_file": "-"})
    except GuestwireError as err:
        issue = err.detail["issues"][0]
        given = {"controller": "URL", "site": "--site"}.get(issue["path"].rpartition(".")[2], "--as")
        raise GuestwireError("CONFIG-INVALID", f"{given}: {issue['message']}.") from err


def _keep(settings: Settings, known: "Contexts", name: str, given: dict[str, str | None], token: str) -> None:
    """The token into its file, and the context into the configuration file, where it is not there."""
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk import context_file, contexts
    from guestwire.sdk.controller_login import keep, token_path

    before = known.contexts.get(name)
    if before is not None and (before.via != "controller" or before.controller != given["controller"]):
        raise GuestwireError("EXISTS", f"{known.path} has another context {name!r}: name this one with --as.")
    path = Path(before.token_file) if before is not None and before.token_file else token_path(known.path, name)
    made = contexts.made(name, {field: value for field, value in {**given, "token_file": str(path)}.items() if value})
    keep(path, token)
    if before is not None:
        kept = {
            field: value
            for field, value in before.model_dump(exclude_none=True).items()
            if field not in made.model_fields_set
        }
        made = contexts.made(name, {**kept, **made.model_dump(exclude_unset=True)})
        context_file.remove(known.path, name)
    context_file.put(known.path, name, made, make_current=True)
    failures.remark(settings, f"logged in; {name} is the current context now")


@click.command("logout", cls=Verb)
@pass_settings
def logout(settings: Settings) -> None:
    """Revoke the token of the current context. The context stays: `guestwire login` gets another token."""
    import asyncio

    from guestwire.sdk.controller_login import log_out
    from guestwire.sdk.credentials import read_token

    context: Context = controller_context(settings)
    assert context.controller is not None
    assert context.token_file is not None
    asyncio.run(log_out(context.controller, context.ca, read_token(context)))
    Path(context.token_file).unlink(missing_ok=True)
    failures.remark(settings, f"logged out: the token for {context.controller} counts no more")


def _site(site: str | None, sites: tuple[str, ...]) -> str:
    """The site of the context. Raises click.UsageError where nobody can tell."""
    if site is not None:
        return site
    if len(sites) != 1:
        there = f"it has {', '.join(sites)}" if sites else "it knows no host yet"
        raise click.UsageError(f"Which site do hosts belong to that are named without one? Give --site; {there}.")
    return sites[0]


def _password(file: Path | None, *, confirm: bool) -> str:
    if file is not None:
        return secret_in(file)
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))


def _another() -> str:
    return str(click.prompt("A password of your own", hide_input=True, confirmation_prompt=True, err=True))


def _first(file: Path | None) -> str:
    return (
        secret_in(file)
        if file is not None
        else str(click.prompt("The token that it printed", hide_input=True, err=True))
    )


def secret_in(file: Path) -> str:
    """The first line of a file that nobody else may read. Raises KEY-FILE-INVALID."""
    from guestwire.sdk.credentials import read_secret

    return read_secret(file)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
