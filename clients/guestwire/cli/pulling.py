"""A host's configuration and machine fetched into a draft, and remembered as what the draft was edited from."""

from typing import TYPE_CHECKING

from guestwire.cli.run import options, with_client
from guestwire.cli.settings import Settings
from guestwire.formats import project_toml
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.protocol.config_models import ConfigRef, ConfigShown
from guestwire.sdk.controller_drafts import ControllerDraft
from guestwire.sdk.draft_state import changes, identified
from guestwire.sdk.project_store import Base, Draft, ProjectStore

if TYPE_CHECKING:
    from guestwire.model.topology import Topology
    from guestwire.sdk.client import Client
    from guestwire.sdk.host_api import HostApi


def fetch(settings: Settings, host: str) -> tuple[ConfigShown, "Topology | None"]:
    """What the host has and the machine it is. Raises GuestwireError."""

    async def work(client: "Client") -> "tuple[ConfigShown, Topology | None]":
        api = client.host(host)
        shown = (await api.config_show(ConfigRef(), options(settings))).reply
        return shown, await topology(api, settings)

    return with_client(settings, work)


async def topology(api: "HostApi", settings: Settings) -> "Topology | None":
    """The machine, None where the host does not tell. Raises GuestwireError."""
    try:
        return (await api.host_topology(options(settings))).reply.topology
    except GuestwireError as err:
        if err.code in ("UNSUPPORTED", "UNIMPLEMENTED"):
            return None
        raise


def unapplied(draft: Draft, store: ProjectStore, active: Desired) -> bool:
    """Whether the draft has edits that neither its base nor the host has. One with mistakes in its text has."""
    if not draft.exists:
        return False
    try:
        desired = draft.desired()
    except GuestwireError as err:
        return err.code not in ("NOT-FOUND", "DRAFT-MISSING")
    base = store.base(draft.host)
    was = base.desired if base is not None else active
    return bool(changes(was, desired, draft.host)) and bool(changes(active, desired, draft.host))


def take(draft: Draft, store: ProjectStore, shown: ConfigShown, machine: "Topology | None") -> None:
    """Make the draft what the host has; lines that mean the same stay, with their remarks."""
    if isinstance(draft, ControllerDraft):
        draft.pull("replace")
        keep(draft, store, shown, machine)
        return
    made_for = shown.desired.base_topology or (machine.fingerprint if machine is not None else None)
    wanted = shown.desired.model_copy(update={"base_revision": shown.revision.number, "base_topology": made_for})
    replace(draft, wanted)
    keep(draft, store, shown, machine)


def replace(draft: Draft, wanted: Desired, *, text: str | None = None) -> None:
    """Make the draft this, whatever it is now. `text`: a document of it, with remarks, for a file that has no other host.
    A file with mistakes is written anew."""
    try:
        alone = not draft.exists or set(draft.project().hosts) <= {draft.host}
    except GuestwireError as err:
        if err.code != "DOCUMENT-INVALID":
            raise
        alone, text = True, text or project_toml.dump(Project(hosts={draft.host: wanted}))
    if alone and text is not None:
        whole = text
        draft.change(lambda _: whole)
    else:
        draft.amend(lambda _: wanted)


def rebase(draft: Draft, store: ProjectStore, shown: ConfigShown, machine: "Topology | None") -> None:
    """Note that the draft was made true: which revision it is, and the identifiers the host gave its guests."""
    number = shown.revision.number
    if isinstance(draft, ControllerDraft):
        draft.pull("merge")
        keep(draft, store, shown, machine)
        return
    draft.amend(lambda desired: identified(desired, shown.desired).model_copy(update={"base_revision": number}))
    keep(draft, store, shown, machine)


def keep(draft: Draft, store: ProjectStore, shown: ConfigShown, machine: "Topology | None") -> None:
    """Remember what the host is like."""
    store.keep(draft.host, Base(revision=shown.revision.number, desired=shown.desired, topology=machine))
