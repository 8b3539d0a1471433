"""`guestwire context`: the ways to sites that this user's configuration file has."""

import os
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.contexts import Context, Contexts


@click.group("context", cls=Noun)
def context() -> None:
    """The ways to sites that this user has."""


@context.command("list")
@pass_settings
def list_contexts(settings: Settings) -> None:
    """Every context; * marks the current one."""
    from guestwire.cli.output import write_all

    known = _load()
    write_all(settings, _view(known), sorted(known.contexts.items()))


@context.command("show")
@click.argument("name", required=False)
@pass_settings
def show(settings: Settings, name: str | None) -> None:
    """One context's settings; the current one's without a NAME."""
    from guestwire.cli.output import write_one

    known = _load()
    found = known.get(name or settings.context)
    facts = [("name", found[0])]
    for field, value in found[1].model_dump(mode="json", exclude_none=True).items():
        if value != []:
            facts.append((field, ", ".join(value) if isinstance(value, list) else str(value)))
    write_one(settings, found, _view(known), facts)


@context.command("add")
@click.argument("name")
@click.option(
    "--via",
    type=click.Choice(["mqtt", "socket", "tcp", "controller"]),
    help="By which way; where left out controller with --controller, tcp with --address, socket with --socket, else mqtt.",
)
@click.option("--site", metavar="ID", required=True, help="The site's id.")
@click.option(
    "--broker", "brokers", metavar="URL", multiple=True, help="mqtt: mqtt://HOST:PORT or mqtts://... Repeatable."
)
@click.option("--address", metavar="HOST[:PORT]", help="tcp: where the host listens; port 6000 where none is given.")
@click.option("--host", metavar="ID", help="socket, tcp: the host that listens there.")
@click.option(
    "--controller", metavar="URL", help="controller: https://HOST:PORT; `guestwire login` makes such a context too."
)
@click.option("--token-file", metavar="FILE", help="controller: a file with the token.")
@click.option("--ca", metavar="FILE", help="The CA that the other end is checked against.")
@click.option("--certificate", metavar="FILE", help="The certificate of this client.")
@click.option("--certificate-key", metavar="FILE", help="Its key.")
@click.option("--username", metavar="NAME", help="mqtt: the user name at the broker.")
@click.option("--password-file", metavar="FILE", help="mqtt: a file with the password.")
@click.option("--key", metavar="FILE", help="The key that requests are signed with.")
@click.option("--trust", metavar="FILE", help="The site's trust document.")
@click.option("--root", metavar="FILE", help="The public key of the site's root.")
@click.option("--client", metavar="ID", help="The name of this client; that of its key or certificate where left out.")
@click.option("--use", "chosen", is_flag=True, help="Make it the current one.")
@pass_settings
def add(settings: Settings, /, name: str, chosen: bool, **given: Any) -> None:
    """Add a context NAME to the configuration file. Paths are kept as absolute ones.

    A way over a socket is that of --socket.
    """
    from pathlib import Path

    from guestwire.sdk import context_file, contexts

    given["socket"] = settings.socket
    given["via"] = given["via"] or _way(settings, given)
    for field in contexts.PATH_FIELDS:
        if given.get(field):
            given[field] = str(Path(given[field]).expanduser().absolute())
    made = contexts.made(name, {field: value for field, value in given.items() if value})
    path = _load().path
    context_file.put(path, name, made, make_current=chosen)
    failures.remark(settings, f"{name} added to {path}")


def _way(settings: Settings, given: dict[str, Any]) -> str:
    """Which way the other options tell of."""
    if given["controller"]:
        return "controller"
    return "tcp" if given["address"] else "socket" if settings.socket else "mqtt"


@context.command("use")
@click.argument("name")
@pass_settings
def use(settings: Settings, name: str) -> None:
    """Make NAME the current context."""
    from guestwire.sdk import context_file

    path = _load().path
    context_file.use(path, name)
    failures.remark(settings, f"{name} is the current context now")


@context.command("remove")
@click.argument("name")
@pass_settings
def remove(settings: Settings, name: str) -> None:
    """Take NAME out of the configuration file. Its keys and other files stay."""
    from guestwire.sdk import context_file

    known = _load()
    known.get(name)
    context_file.remove(known.path, name)
    failures.remark(settings, f"{name} removed from {known.path}")


def _load() -> "Contexts":
    from guestwire.sdk import contexts

    return contexts.load(contexts.default_path(os.environ))


def _view(known: "Contexts") -> "View[tuple[str, Context]]":
    from guestwire.cli.output import Column, View

    return View(
        columns=(
            Column("", lambda item: "*" if item[0] == known.current else ""),
            Column("NAME", lambda item: item[0]),
            Column("SITE", lambda item: item[1].site),
            Column("VIA", lambda item: item[1].via),
            Column(
                "ADDRESS",
                lambda item: item[1].controller or item[1].socket or item[1].address or ", ".join(item[1].brokers),
            ),
            Column("KEY", lambda item: item[1].key or "-", wide=True),
        ),
        name=lambda item: item[0],
        document=lambda item: {
            "name": item[0],
            "current": item[0] == known.current,
            **item[1].model_dump(mode="json", exclude_none=True),
        },
        none=f"no contexts in {known.path}",
    )
