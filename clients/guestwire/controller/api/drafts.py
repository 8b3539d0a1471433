"""Drafts over HTTP: /api/v1/drafts. What becomes of a draft at its host is `plans`'.

The ETag of a draft is its revision; `If-Match` names the one that was edited. A change from an older one is refused (412) with what
others changed since, `about.changes`, and whether both go together, `about.mergeable`: then it may be sent again with
`merge=true`.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import Field, JsonValue, StringConstraints, model_validator

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.host_paths import Host
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.projects.documents import LONGEST
from guestwire.controller.projects.draft_models import (
    DraftChanged,
    DraftChecked,
    DraftHead,
    DraftHistoryEntry,
    DraftSessionShown,
    DraftShown,
)
from guestwire.controller.projects.draft_reading import DraftReading
from guestwire.controller.projects.drafts import Drafts
from guestwire.controller.projects.edits import Edits
from guestwire.controller.projects.exporting import Exported
from guestwire.controller.projects.pulling import Pulling
from guestwire.controller.projects.remapping import Remapping
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model
from guestwire.protocol.trust import FOREVER
from guestwire.sdk.interchange import Format

Text = Annotated[str, StringConstraints(max_length=LONGEST)]
Revision = Annotated[int, Field(ge=0, le=FOREVER)]
MOST_FILES = 300


class DraftWanted(Document):
    """A whole document: the text of a project file, or its content with the shape of `document` in a draft. Exactly one."""

    text: Text | None = Field(None, examples=["schema = 1\n\n[hosts.h1.guests.web]\nvcpus = 2\n"])
    document: dict[str, JsonValue] | None = Field(None, examples=[{"guests": [{"name": "web", "vcpus": 2}]}])

    @model_validator(mode="after")
    def _one(self) -> "DraftWanted":
        if (self.text is None) == (self.document is None):
            raise ValueError("give either text or document")
        return self


class DraftTried(Document):
    """What is to be looked at: edits of the draft, or another document; none of them: the draft as it is."""

    edits: Edits | None = None
    text: Text | None = None
    document: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _one(self) -> "DraftTried":
        if sum(one is not None for one in (self.edits, self.text, self.document)) > 1:
            raise ValueError("give one of edits, text and document")
        return self


class PullWanted(Document):
    """How a draft is made what its host has. replace: as the host has it; merge: with the draft's edits on top. `discard`: the
    revision whose edits may be lost; `prefer`: whose word counts where both changed the same."""

    how: Literal["replace", "merge"] = "replace"
    discard: Revision | None = None
    prefer: Literal["mine", "theirs"] | None = None


class HardwareWanted(Document):
    """Whether the draft for the machine is kept. false: only what it would be is told."""

    save: bool = True


class RestoreWanted(Document):
    """Which revision of the draft is to be there again."""

    revision: Annotated[int, Field(ge=1, le=FOREVER)]


class FilesTaken(Document):
    """Files of another tool. libvirt: a domain each; templates: os.xml, images.xml or TOML."""

    format: Format
    texts: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_FILES)]


class SessionWanted(Document):
    """Where somebody is: the revision they see, and whatever their client wants to find again (16 KiB at most)."""

    revision: Revision
    view: dict[str, JsonValue] = {}


class DraftText(Model):
    """The project file of a draft."""

    revision: int
    text: str


class SessionList(Model):
    """Where somebody was, the latest first."""

    items: tuple[DraftSessionShown, ...]


Merge = Annotated[bool, Query(description="Put it together with what others changed elsewhere since.")]
Number = Annotated[int, Path(ge=1, le=FOREVER)]


async def if_match_or_none(
    if_match: Annotated[str | None, Header(description="The ETag of the draft that is replaced.")] = None,
    if_none_match: Annotated[
        Literal["*"] | None, Header(description="`*`: there must be no draft yet. Instead of If-Match.")
    ] = None,
) -> int | None:
    """The revision that is replaced; None: there must be none. Raises PRECONDITION-REQUIRED, REVISION-STALE."""
    if if_none_match == "*" and if_match is None:
        return None
    return await etags.if_match(if_match)


def router(
    editing: Drafts, reading: DraftReading, pulling: Pulling, remapping: Remapping, doors: Doors
) -> APIRouter:  # fmt: skip
    routes = APIRouter(prefix="/drafts", tags=["drafts"])
    _reads(routes, reading, doors)
    _sessions(routes, reading, doors)
    _edits(routes, editing, doors)
    _others(routes, editing, pulling, doors)
    _hardware(routes, remapping, doors)
    return routes


def _reads(routes: APIRouter, reading: DraftReading, doors: Doors) -> None:
    @routes.get("", operation_id="listDrafts", summary="All drafts")
    async def list_drafts(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[DraftHead]:
        rows = await reading.page(person, page.after(str, str), page.fetch)
        return listing(rows, page, lambda draft: (draft.site, draft.host))

    @routes.get("/{site}/{host}", operation_id="getDraft", summary="A draft, and what the rules say of it")
    async def get_draft(host: Host, response: Response, person: Annotated[Person, Depends(doors.person)]) -> DraftShown:
        draft = await reading.show(person, host)
        etags.show(response, draft.revision)
        return draft

    @routes.get("/{site}/{host}/history", operation_id="listDraftHistory", summary="Who changed what in a draft")
    async def history(
        host: Host, person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[DraftHistoryEntry]:
        before = page.after(int)
        rows = await reading.history(person, host, before[0] if before else None, page.fetch)
        return listing(rows, page, lambda entry: (entry.revision,))

    @routes.get(
        "/{site}/{host}/history/{revision}", operation_id="getDraftRevision", summary="A draft as it was in a revision"
    )
    async def revision_text(
        host: Host, revision: Number, person: Annotated[Person, Depends(doors.person)]
    ) -> DraftText:
        return DraftText(revision=revision, text=await reading.text_of(person, host, revision))

    @routes.get("/{site}/{host}/export", operation_id="exportDraft", summary="A draft in the format of another tool")
    async def export(
        host: Host, person: Annotated[Person, Depends(doors.person)], format: Format = "guestwire"
    ) -> Exported:
        return await reading.exported(person, host, format)


def _sessions(routes: APIRouter, reading: DraftReading, doors: Doors) -> None:
    @routes.get("/sessions", operation_id="listDraftSessions", summary="Where one was, in all drafts")
    async def sessions(
        person: Annotated[Person, Depends(doors.person)], limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> SessionList:
        return SessionList(items=tuple(await reading.sessions(person, limit)))

    @routes.get("/{site}/{host}/session", operation_id="getDraftSession", summary="Where one was in a draft")
    async def session(host: Host, person: Annotated[Person, Depends(doors.person)]) -> DraftSessionShown:
        return await reading.session(person, host)

    @routes.put(
        "/{site}/{host}/session",
        operation_id="putDraftSession",
        summary="Remember where one is in a draft",
        dependencies=[Depends(doors.reads)],
    )
    async def put_session(
        host: Host, body: Annotated[SessionWanted, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> DraftSessionShown:
        return await reading.keep_session(person, host, body.revision, body.view)


def _edits(routes: APIRouter, editing: Drafts, doors: Doors) -> None:
    @routes.put("/{site}/{host}", operation_id="putDraft", summary="Begin a draft, or make it another document")
    async def put_draft(
        host: Host, body: Annotated[DraftWanted, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int | None, Depends(if_match_or_none)],
        merge: Merge = False,
    ) -> DraftChanged:  # fmt: skip
        wanted = body.text if body.text is not None else body.document or {}
        return _shown(response, await editing.put(person, host, wanted, revision, merge=merge))

    @routes.patch("/{site}/{host}", operation_id="editDraft", summary="Change values, guests, areas, ... of a draft")
    async def edit_draft(
        host: Host, body: Annotated[Edits, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
        merge: Merge = False,
    ) -> DraftChanged:  # fmt: skip
        return _shown(response, await editing.edit(person, host, body, revision, merge=merge))

    @routes.delete("/{site}/{host}", status_code=204, operation_id="discardDraft", summary="Discard a draft")
    async def discard_draft(
        host: Host, person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)]
    ) -> None:
        await editing.discard(person, host, revision)

    @routes.post(
        "/{site}/{host}/restore", operation_id="restoreDraft", summary="Make a draft what it was in a revision"
    )
    async def restore_draft(
        host: Host, body: Annotated[RestoreWanted, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> DraftChanged:  # fmt: skip
        return _shown(response, await editing.restore(person, host, body.revision, revision))


def _others(routes: APIRouter, editing: Drafts, pulling: Pulling, doors: Doors) -> None:
    @routes.post(
        "/{site}/{host}/check",
        operation_id="checkDraft",
        summary="What the rules would say of edits",
        dependencies=[Depends(doors.reads)],
    )
    async def check_draft(
        host: Host, body: Annotated[DraftTried, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> DraftChecked:
        wanted = next((one for one in (body.edits, body.text, body.document) if one is not None), None)
        return await editing.check(person, host, wanted)

    @routes.post(
        "/{site}/{host}/import", operation_id="importIntoDraft", summary="Take files of other tools into a draft"
    )
    async def import_files(
        host: Host, body: Annotated[FilesTaken, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
        merge: Merge = False,
    ) -> DraftChanged:  # fmt: skip
        return _shown(response, await editing.take(person, host, body.format, body.texts, revision, merge=merge))

    @routes.post("/{site}/{host}/pull", operation_id="pullDraft", summary="Make a draft what its host has")
    async def pull_draft(
        host: Host, body: Annotated[PullWanted, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)],
    ) -> DraftShown:  # fmt: skip
        draft = await pulling.pull(person, host, body.how, discard=body.discard, prefer=body.prefer)
        etags.show(response, draft.revision)
        return draft


def _hardware(routes: APIRouter, remapping: Remapping, doors: Doors) -> None:
    @routes.post(
        "/{site}/{host}/hardware",
        operation_id="syncDraftHardware",
        summary="Make a draft one for the machine that its host is now",
        description="Reads the machine of the host, maps the CPU sets of the draft to it and notes it as the one that the "
        "draft is for. CPU sets that are others then are among the findings, as CPU-REMAPPED. A draft that is for the machine "
        "already stays as it is. With `save` false nothing is kept: the answer is what the draft would be. Nothing is applied.",
    )
    async def sync_hardware(
        host: Host, body: Annotated[HardwareWanted, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> DraftChanged | DraftChecked:  # fmt: skip
        if not body.save:
            return await remapping.check(person, host, revision)
        return _shown(response, await remapping.keep(person, host, revision))


def _shown(response: Response, changed: DraftChanged) -> DraftChanged:
    etags.show(response, changed.revision)
    return changed
