"""Logging in at a controller: a password becomes a token, which is kept in a file for its owner alone.

The session that this takes ends with it. The password is kept nowhere.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from guestwire.model.errors import GuestwireError
from guestwire.sdk import locked_file
from guestwire.sdk.controller_http import ControllerHttp, controller_http

CSRF = "X-Guestwire-Csrf"


class LoggedIn(NamedTuple):
    """A new token, and the sites that whoever has it may see hosts of."""

    token: str
    token_id: str
    sites: tuple[str, ...]


async def first_user(url: str, ca: str | None, first_token: str, name: str, password: str) -> None:
    """Make the first administrator of a controller that has nobody yet, with the token that it printed. Raises LOGIN-REFUSED,
    PASSWORD-WEAK."""
    async with controller_http(url, ca=ca) as http:
        await http.ask(
            "POST", "/bootstrap", body={"token": first_token, "name": name, "password": password}, reads=True
        )


async def log_in(
    url: str, ca: str | None, name: str, password: str, token_name: str, expires_at: int | None,
    another: Callable[[], str],
) -> LoggedIn:  # fmt: skip
    """A token for everything that the user may. `another` is asked for a password of the user's own where they must choose one
    first. Raises LOGIN-REFUSED, PASSWORD-WEAK, THROTTLED."""
    async with controller_http(url, ca=ca) as http:
        session = (await http.ask("POST", "/sessions", body={"name": name, "password": password}, reads=True)).document
        csrf = {CSRF: session["csrf"]}
        try:
            if session["must_change"]:
                own = {"old": password, "new": another()}
                await http.ask("PUT", "/users/me/password", body=own, headers=csrf)
            wanted = {"name": token_name, "expires_at": expires_at}
            made = (await http.ask("POST", "/tokens", body=wanted, headers=csrf)).document
            return LoggedIn(made["token"], made["id"], await _sites(http))
        finally:
            await http.ask("DELETE", "/sessions/current", headers=csrf)


async def log_out(url: str, ca: str | None, token: str) -> None:
    """Revoke a token. One that does not count any more is no error."""
    async with controller_http(url, token=token, ca=ca) as http:
        try:
            me = (await http.ask("GET", "/users/me")).document
            await http.ask("DELETE", f"/tokens/{me['token']['id']}")
        except GuestwireError as err:
            if err.code not in ("UNAUTHENTICATED", "NOT-FOUND"):
                raise


def token_path(config: Path, name: str) -> Path:
    """Where the token of a context is: in a folder beside the configuration file, which is that file's alone."""
    return config.absolute().with_suffix(".tokens") / f"{name}.token"


def keep(path: Path, token: str) -> None:
    """Put a token into its file, which nobody else may read, in place of an older one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    locked_file.replace(path, f"{token}\n".encode(), 0o600)


async def _sites(http: ControllerHttp) -> tuple[str, ...]:
    return tuple(sorted({item["site"] async for item in http.pages("/hosts", most=500)}))
