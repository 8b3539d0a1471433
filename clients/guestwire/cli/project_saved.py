"""`guestwire project save|saved|open`: configurations of several hosts under a name, at a controller."""

from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.controlled import names, with_controller
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import SavedProject


_name = click.argument("name", metavar="NAME", shell_complete=names("projects"))


@click.command("saved", cls=Verb)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=names("projects"))
@pass_settings
def saved(settings: Settings, name: str | None) -> None:
    """The projects that the controller keeps; with NAME who saved what in one."""

    async def work(controller: "Controller") -> "list[SavedProject]":
        return await controller.projects.list()

    if name is not None:
        _revisions(settings, name)
        return

    _written(settings, with_controller(settings, work))


@click.command("unsave", cls=Verb)
@_name
@pass_settings
def unsave(settings: Settings, name: str) -> None:
    """Remove a project that the controller keeps. Drafts and hosts stay as they are."""
    from guestwire.cli.confirm import ask

    ask(settings, "remove the saved project", 3, [name])
    with_controller(settings, lambda controller: controller.projects.remove(name))
    failures.remark(settings, f"{name} is removed")


@click.command("save", cls=Verb)
@_name
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option("--title", default="", help="What the project file says of itself.")
@pass_settings
def save(settings: Settings, name: str, hosts: tuple[str, ...], title: str) -> None:
    """Save the drafts of hosts under a NAME at the controller, as they are now; without HOST all of them."""

    async def work(controller: "Controller") -> "SavedProject":
        drafts = list(hosts) or [
            one["host"] async for one in controller.http.pages("/drafts") if one["site"] == controller.site
        ]
        if not drafts:
            raise click.UsageError("There is no draft to save: `guestwire project pull HOST` makes one.")
        return await controller.saved(name, {"site": controller.site, "drafts": drafts, "title": title})

    _written(settings, [with_controller(settings, work)])


@click.command("open", cls=Verb)
@_name
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option("--discard", is_flag=True, help="Drop edits of drafts that were not applied.")
@pass_settings
def open_saved(settings: Settings, name: str, hosts: tuple[str, ...], discard: bool) -> None:
    """Make drafts of a project that the controller keeps, of all its hosts or of those named. Nothing changes on a host before an apply."""
    from guestwire.cli.output import View, write_all
    from guestwire.model.errors import GuestwireError

    async def work(controller: "Controller") -> list[dict[str, Any]]:
        path = f"{controller.projects.at(name)}/open"
        which: dict[str, Any] = {"hosts": {host: controller.ref(host) for host in hosts}} if hosts else {}
        seen = (await controller.http.ask("POST", path, body={**which, "preview": True})).document["drafts"]
        lost = [one["target"] for one in seen if one["unapplied"]]
        if lost and not discard:
            text = f"Drafts have edits that were not applied: {', '.join(lost)}. --discard drops them."
            raise GuestwireError("EXISTS", text)
        over = {one["target"]: one["draft_revision"] for one in seen if one["draft_revision"]}
        opened = await controller.http.ask("POST", path, body={**which, "overwrite": over})
        found: list[dict[str, Any]] = opened.document["drafts"]
        return found

    view: View[dict[str, Any]] = View(_columns(), name=lambda one: str(one["target"]), document=lambda one: one)
    write_all(settings, view, with_controller(settings, work))
    failures.remark(settings, "`guestwire project diff HOST` shows what they would change")


def _revisions(settings: Settings, name: str) -> None:
    """Who changed what in a saved project."""
    from guestwire.cli.output import write_all
    from guestwire.cli.project_history import draft_view
    from guestwire.sdk.controller_models import answered
    from guestwire.sdk.controller_plans import DraftRevision

    async def work(controller: "Controller") -> list[DraftRevision]:
        path = f"{controller.projects.at(name)}/revisions"
        return [answered(DraftRevision, one) async for one in controller.http.pages(path)]

    write_all(settings, draft_view(), with_controller(settings, work))


def _columns() -> Any:
    from guestwire.cli.output import Column

    return (
        Column("DRAFT", lambda one: str(one["target"])),
        Column("CHANGES", lambda one: str(len(one["changes"]) + one["more"]), right=True),
        Column("ERRORS", lambda one: str(one["errors"]), right=True),
        Column("REMOVES", lambda one: ", ".join(one["removed"]) or "-"),
    )


def _written(settings: Settings, projects: "list[SavedProject]") -> None:
    from guestwire.cli.output import Column, View, write_all
    from guestwire.cli.times import clock_time

    view: View[SavedProject] = View(
        columns=(
            Column("PROJECT", lambda p: p.name),
            Column("SITE", lambda p: p.site),
            Column("REVISION", lambda p: str(p.revision), right=True),
            Column("HOSTS", lambda p: ", ".join(p.hosts) or "-"),
            Column("SAVED", lambda p: clock_time(p.at)),
            Column("BY", lambda p: p.author),
        ),
        name=lambda p: p.name,
        document=lambda p: p.document,
        none="no projects",
    )
    write_all(settings, view, projects)
