"""Approvals over HTTP: /api/v1/approvals. Whoever signs does so with a key of their own: here come and go texts and signatures."""

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field, StringConstraints, model_validator

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.jobs import MandateText, mandate_of
from guestwire.controller.api.paging import Listing, Page, cursor, page
from guestwire.controller.approvals.service import Approvals, Made
from guestwire.controller.approvals.views import ApprovalDetail, ApprovalView
from guestwire.controller.store.approvals import State
from guestwire.controller.users.person import Person
from guestwire.model.base import Document
from guestwire.protocol import mandates

_EXAMPLE = "0198c2f4-5a31-7c3e-9a51-2f6d0c1b8e77"
MOST_TEXTS = 1_000

ApprovalId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$", description="The approval's id.", examples=[_EXAMPLE])]
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class Signed(Document):
    """Signatures by one of your enrolled keys: `signature` where the approval has one text, `signatures` for all its texts in
    their order; hexadecimal. Or `mandates`: whole signed mandates, as base64 or as the text of their files."""

    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    signature: Hex64 | None = None
    signatures: Annotated[tuple[Hex64, ...], Field(min_length=1, max_length=MOST_TEXTS)] | None = None
    mandates: Annotated[tuple[MandateText, ...], Field(min_length=1, max_length=MOST_TEXTS)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Signed":
        given = sum(one is not None for one in (self.signature, self.signatures, self.mandates))
        if given != 1:
            raise ValueError("give one of signature, signatures and mandates")
        if (self.key_id is None) != (self.mandates is not None):
            raise ValueError("a signature goes with its key_id; a whole mandate says itself whose it is")
        return self


class Rejected(Document):
    """Why it is not to be done."""

    reason: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,500}$")] = ""


def router(approvals: Approvals, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/approvals", tags=["approvals"])

    @routes.get("", operation_id="listApprovals", summary="What waits for a signature, newest first")
    async def list_approvals(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)],
        state: Annotated[
            tuple[State, ...], Query(description="Those in one of these states.", max_length=len(get_args(State)))
        ] = (),
        mine: Annotated[bool, Query(description="Only what waits for a signature of yours.")] = False,
    ) -> Listing[ApprovalView]:  # fmt: skip
        after = page.after(str)
        found, more = await approvals.page(
            person, state, mine=mine, before=after[0] if after else None, limit=page.limit
        )
        return Listing(items=tuple(found), next=None if more is None else cursor((more,)))

    @routes.get("/{approval_id}", operation_id="getApproval", summary="An approval, with the texts to sign")
    async def get_approval(
        approval_id: ApprovalId, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> ApprovalDetail:
        return _shown(response, await approvals.show(person, approval_id))

    @routes.post("/{approval_id}/signatures", operation_id="signApproval", summary="Allow it, by a signature")
    async def sign_approval(
        approval_id: ApprovalId, body: Annotated[Signed, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)],
    ) -> ApprovalDetail:  # fmt: skip
        if body.mandates is not None:
            files = [_file(text, f"mandates.{n}") for n, text in enumerate(body.mandates)]
            return _shown(response, await approvals.sign_with(person, approval_id, files))
        assert body.key_id is not None
        given = body.signatures if body.signature is None else (body.signature,)
        key = bytes.fromhex(body.key_id)
        made = [Made(n, key, bytes.fromhex(one)) for n, one in enumerate(given or ())]
        return _shown(response, await approvals.sign(person, approval_id, made))

    @routes.post("/{approval_id}/reject", operation_id="rejectApproval", summary="Have it not be done")
    async def reject_approval(
        approval_id: ApprovalId, response: Response, person: Annotated[Person, Depends(doors.person)],
        body: Annotated[Rejected | None, FROM_JSON] = None,
    ) -> ApprovalDetail:  # fmt: skip
        reason = "" if body is None else body.reason
        return _shown(response, await approvals.reject(person, approval_id, reason))

    return routes


def _shown(response: Response, approval: ApprovalDetail) -> ApprovalDetail:
    etags.show(response, approval.revision)
    return approval


def _file(text: str, field: str) -> bytes:
    if text.startswith("guestwire-mandate"):
        return mandates.from_text(text)
    data = mandate_of(text, field)
    assert data is not None
    return data
