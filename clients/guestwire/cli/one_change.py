"""One change of a host's configuration without a draft: fetched, edited, planned, shown, asked and applied in one go."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import click

from guestwire.cli.applying import Change, planned
from guestwire.cli.config_views import write_plan
from guestwire.cli.exit_codes import VALIDATION
from guestwire.cli.named import NameAddress, name_address
from guestwire.cli.project_changes import carried_out, change_of
from guestwire.cli.run import options, with_client
from guestwire.cli.settings import Settings
from guestwire.formats import project_edits, project_toml
from guestwire.model.desired import Desired, Project
from guestwire.model.events import HOST, REMOTE
from guestwire.model.plan import Plan
from guestwire.protocol.config_models import ConfigRef
from guestwire.sdk.client import Client

UNSAID = {"restart": False, "destroy": (), "wait": False}
"""Options of an apply that not every such command has."""


class Placed(Protocol):
    """Something on a host."""

    @property
    def host(self) -> str: ...


PlacedT = TypeVar("PlacedT", bound=Placed)


def in_one_go(
    settings: Settings,
    find: Callable[[Client], PlacedT],
    edit: Callable[[Desired, PlacedT], Desired],
    flags: dict[str, Any],
) -> None:
    """Change the configuration of the host that `find` names. With the flag `dry_run` the plan is written, and that is
    all; then, and else before anything is done, what breaks a rule ends it. A draft of the host is not touched."""

    async def work(client: Client) -> tuple[Change, Plan]:
        target = find(client)
        active = (await client.host(target.host).config_show(ConfigRef(), options(settings))).reply
        change = change_of(target.host, edit(active.desired, target), active.revision.number, {**UNSAID, **flags})
        return change, await planned(client, settings, change)

    change, plan = with_client(settings, work)
    if not flags.get("dry_run"):
        carried_out(settings, change, plan)
        return
    write_plan(settings, plan)
    if not plan.applicable:
        raise click.exceptions.Exit(VALIDATION)


def change_named(
    settings: Settings, text: str, edit: Callable[[Desired, NameAddress], Desired], flags: dict[str, Any]
) -> None:
    """The same for what HOST/NAME names."""
    in_one_go(settings, lambda client: name_address(client, text), edit, flags)


def add_named(
    settings: Settings,
    noun: str,
    text: str,
    values: Callable[[Desired], Iterable[tuple[str, str]]],
    flags: dict[str, Any],
) -> None:
    """Create what HOST/NAME is to name; `values` are its fields as `project add` takes them."""

    def edit(desired: Desired, target: NameAddress) -> Desired:
        return rewritten(
            desired, target.host, lambda text: project_edits.add(text, target.host, noun, target.name, values(desired))
        )

    change_named(settings, text, edit, flags)


def remove_named(settings: Settings, noun: str, text: str, flags: dict[str, Any]) -> None:
    """Delete what HOST/NAME names."""

    change_named(settings, text, lambda desired, target: without(desired, target, noun), flags)


def without(desired: Desired, target: NameAddress, noun: str) -> Desired:
    """The configuration without what is named. Raises NOT-FOUND."""
    return rewritten(desired, target.host, lambda text: project_edits.remove(text, target.host, noun, target.name))


def edited(desired: Desired, host: str, edits: list[str]) -> Desired:
    """The configuration after edits of its document, as `project set` takes them. Raises DOCUMENT-INVALID, NOT-FOUND."""
    return rewritten(desired, host, lambda text: project_edits.edit(text, host, edits))


def rewritten(desired: Desired, host: str, change: Callable[[str], str]) -> Desired:
    """The configuration after a change of its document."""
    text = project_toml.dump(Project(hosts={host: desired}))
    return project_toml.load(change(text)).hosts[host]


def parties(desired: Desired, words: Iterable[str]) -> list[str]:
    """Guests by name, HOST and REMOTE, from words with commas in which guests may be GUESTnnnn. Who is unknown stays as
    written: the rules say so."""
    named = [name.strip() for word in words for name in word.split(",") if name.strip()]
    return list(dict.fromkeys(party(desired, name) for name in named))


def party(desired: Desired, text: str) -> str:
    """One of them."""
    guest = None if text in (HOST, REMOTE) else desired.guest(text)
    return text if guest is None else guest.name
