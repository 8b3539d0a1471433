"""What the controller says of drafts: the shapes of its answers. Only shapes."""

from pydantic import JsonValue

from guestwire.controller.projects.differences import Changed
from guestwire.controller.projects.judging import Findings
from guestwire.model.base import Model
from guestwire.model.desired import Desired
from guestwire.model.issues import Issue
from guestwire.model.plan import PlanItem
from guestwire.sdk.draft_state import State


class Told(Model):
    """Changes as they are told. `more`: so many were left out, because nobody reads them all."""

    changes: tuple[Changed, ...] = ()
    more: int = 0


class DraftHead(Model):
    """A draft in a list. `base_revision`: the revision of the host that it was edited from; null: none. `state`: how it stands
    to the host as that was last asked. Times in Unix ms."""

    site: str
    host: str
    revision: int
    base_revision: int | None = None
    state: State
    errors: int = 0
    warnings: int = 0
    author: str
    at: int


class Editor(Model):
    """Somebody who is at the same draft, and the revision that they last saw."""

    name: str
    revision: int
    at: int


class DraftShown(DraftHead):
    """A draft. `text`: the project file that it is, with the remarks of whoever wrote it; `document`: what it means. `items`:
    what an apply would change on the host as that was last asked: its revision `host_revision` (null: never asked). Where
    `reported_revision`, which the host says it has, is another, pull tells what it is like now."""

    text: str
    document: Desired
    findings: Findings
    items: tuple[PlanItem, ...] = ()
    host_revision: int | None = None
    reported_revision: int | None = None
    editors: tuple[Editor, ...] = ()


class DraftChanged(DraftHead):
    """A draft after an edit. `changes`: what the edit changed. `merged`: others had changed it since the revision that was
    edited, and both are in it now."""

    changes: tuple[Changed, ...] = ()
    more: int = 0
    merged: bool = False
    findings: Findings


class DraftChecked(Model):
    """What a draft would be after edits that were not kept. `revision`: of the draft that they were tried on. `mistakes`: what
    cannot be read; then there is nothing else to be told."""

    revision: int
    mistakes: tuple[Issue, ...] = ()
    changes: tuple[Changed, ...] = ()
    more: int = 0
    findings: Findings = Findings()
    items: tuple[PlanItem, ...] = ()
    state: State | None = None


class DraftHistoryEntry(Model):
    """A revision of a draft. `kind`: edit, put, merge, restore, discard, pull, rebase (pulled, with
    the edits on top), open, import, apply (noted as made true), hardware (made for the machine that the host is now)."""

    revision: int
    kind: str
    summary: str
    author: str
    at: int
    base_revision: int | None = None
    changes: tuple[Changed, ...] = ()
    more: int = 0


class DraftSessionShown(Model):
    """Where somebody was in a draft. `view`: whatever their client wants to find again."""

    site: str
    host: str
    revision: int
    base_revision: int | None = None
    view: dict[str, JsonValue] = {}
    at: int
