"""Which draft a command means: HOST's own in the store of the chosen context, or the file that -f names."""

import os
from functools import partial
from pathlib import Path

import click

from guestwire.cli.controlled import asked, is_controlled
from guestwire.cli.run import context_name
from guestwire.cli.settings import Settings
from guestwire.model.desired import Project
from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug
from guestwire.sdk import addresses, project_store
from guestwire.sdk.project_store import Draft, ProjectStore

NO_CONTEXT = "@none"
"""The folder of drafts made where no context is chosen; no context can be called that."""


def store(settings: Settings) -> ProjectStore:
    """The drafts of the chosen context: at the controller, where it is one's, else on this machine. Raises CONTEXT-UNKNOWN,
    CONFIG-INVALID."""
    if is_controlled(settings):
        from guestwire.sdk.controller_drafts import ControllerStore

        root, name = project_store.default_root(os.environ), context_name(settings) or NO_CONTEXT
        return ControllerStore(root, name, partial(asked, settings))
    return ProjectStore(project_store.default_root(os.environ), context_name(settings) or NO_CONTEXT)


def chosen(settings: Settings, host: str | None, file: Path | None) -> Draft:
    """The draft; it need not be there yet. Without HOST: the only one that the file, or the store, has.
    Raises click.UsageError, DOCUMENT-INVALID."""
    if host is not None:
        try:
            addresses.check_host(host)
        except GuestwireError as err:
            raise click.UsageError(err.message) from err
        return store(settings).draft(host) if file is None else Draft(file, host)
    if file is not None:
        return Draft(file, _only(project_store.loaded(project_store.read(file), file), str(file)))
    drafts = store(settings).drafts()
    if len(drafts) != 1:
        known = ", ".join(draft.host for draft in drafts) or "none yet"
        raise click.UsageError(f"Which host? There are drafts for: {known}.")
    return drafts[0]


def split_host(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """HOST and the edits after it; the first word is no HOST where it is an edit."""
    if words and is_slug(words[0]):
        return words[0], words[1:]
    return None, words


def _only(project: Project, where: str) -> str:
    if len(project.hosts) == 1:
        return next(iter(project.hosts))
    raise click.UsageError(f"Which host? {where} has: {', '.join(sorted(project.hosts)) or 'none'}.")
