"""Plans that a controller keeps: made by the host of its draft, looked at by people, carried out as a job; and what became of drafts.

Shapes, and the requests; who is asked before, and how it is shown, is the caller's. Times in Unix ms.
"""

from typing import Any, Literal

from guestwire.model.plan import Plan, Revision
from guestwire.protocol.json_bodies import from_json
from guestwire.sdk.controller_http import ControllerHttp
from guestwire.sdk.controller_models import Answered, answered

ASKING_S = 90.0
"""A host that plans may take its time."""
Verb = Literal["comment", "request", "approve", "reject"]


class Remark(Answered):
    """What somebody said of a plan."""

    verb: str
    author: str
    at: int
    note: str = ""


class Review(Answered):
    """Where the review of a plan stands, and whose word that is."""

    state: str = "none"
    by: str | None = None
    at: int | None = None
    remarks: tuple[Remark, ...] = ()


class Obstacle(Answered):
    """What keeps a plan from being carried out as it is."""

    code: str
    message: str


class KeptPlan(Answered):
    """A plan. `draft_revision`: of the draft that it is of; `mandate`: it disrupts, and takes a signature."""

    site: str
    host: str
    plan: dict[str, Any]
    origin: str
    draft_revision: int | None = None
    to_revision: int | None = None
    author: str
    at: int
    review: Review = Review()
    review_required: bool = False
    obstacles: tuple[Obstacle, ...] = ()
    mandate: bool = False
    job_id: str | None = None

    @property
    def made(self) -> Plan:
        """The host's plan itself. Raises MALFORMED."""
        return from_json(Plan, self.plan, tolerant=True)

    @property
    def id(self) -> str:
        return str(self.plan["plan_id"])


class Ordered(Answered):
    """A job that was made of a plan."""

    site: str
    host: str
    job_id: str
    plan_id: str
    state: str
    risk: int
    approval_id: str | None = None


class KeptRevision(Answered):
    """A revision of a host. `person`: who had it applied through the controller, by `job_id`."""

    number: int
    hash: str
    applied_at: int | None = None
    origin: str
    author: str
    comment: str = ""
    person: str | None = None
    job_id: str | None = None

    @property
    def revision(self) -> Revision:
        """It as the host says it. Raises MALFORMED."""
        return from_json(Revision, self.document, tolerant=True)


class ChangedValue(Answered):
    """A value that an edit made another one."""

    path: str
    before: Any = None
    after: Any = None


class DraftRevision(Answered):
    """A revision of a draft, or of a saved project: who made what of it."""

    revision: int
    kind: str = ""
    summary: str = ""
    author: str
    at: int
    base_revision: int | None = None
    changes: tuple[ChangedValue, ...] = ()
    more: int = 0


class ControllerPlans:
    """The plans of one host, `SITE/HOST`. Every method raises GuestwireError: what the controller and the host say."""

    def __init__(self, http: ControllerHttp, ref: str) -> None:
        self._http = http
        self.ref = ref
        self._draft = f"/drafts/{ref}"

    async def plan(
        self, *, restart: bool = False, include_disabled: bool = False, remove_disks: tuple[str, ...] = ()
    ) -> KeptPlan:
        """Have the host plan its draft as it is now."""
        return await self._asked("plan", _options(restart, remove_disks, include_disabled=include_disabled))

    async def rollback(self, to: int | None, *, restart: bool = False, remove_disks: tuple[str, ...] = ()) -> KeptPlan:
        """Have the host plan to be what it was in a revision; None: in the one before."""
        return await self._asked("rollback", {"to": to, **_options(restart, remove_disks)})

    async def show(self, plan_id: str | None = None) -> KeptPlan:
        """A plan that was made; None: the last one of the draft. Raises NOT-FOUND."""
        said = await self._http.ask("GET", f"{self._draft}/plan", params={"plan_id": plan_id})
        return answered(KeptPlan, said.document)

    async def review(self, plan_id: str, verb: Verb, note: str) -> KeptPlan:
        """Say something of a plan. Raises PLAN-STALE, REVIEW-OWN."""
        return await self._asked("review", {"plan_id": plan_id, "verb": verb, "note": note})

    async def apply(self, plan_id: str, **options: Any) -> Ordered:
        """Have a plan carried out, as a job; `options` as the API has them, those that are None are left out."""
        return await self._ordered("apply", {"plan_id": plan_id, **options})

    async def confirm(self, plan_id: str | None) -> Ordered:
        """Keep what waits for a confirmation, as a job."""
        return await self._ordered("confirm", {"plan_id": plan_id})

    async def cancel(self, plan_id: str | None) -> Ordered:
        """Undo what waits for a confirmation or a reboot, as a job."""
        return await self._ordered("cancel", {"plan_id": plan_id})

    async def revisions(self, most: int) -> tuple[list[KeptRevision], bool]:
        """The newest revisions of the host, and whether it said so itself just now."""
        found: list[KeptRevision] = []
        params: dict[str, Any] = {}
        while True:
            params["limit"] = min(200, most - len(found))
            page = (await self._http.ask("GET", f"/hosts/{self.ref}/revisions", params=params)).document
            found += [answered(KeptRevision, one) for one in page["items"]]
            params["cursor"] = page["next"]
            if page["next"] is None or len(found) >= most:
                return found, bool(page["live"])

    async def draft_history(self, most: int) -> list[DraftRevision]:
        """The newest revisions of the draft."""
        return [answered(DraftRevision, one) async for one in self._http.pages(f"{self._draft}/history", None, most)]

    async def draft_text(self, revision: int) -> str:
        """The draft as it was in a revision. Raises NOT-FOUND."""
        return str((await self._http.ask("GET", f"{self._draft}/history/{revision}")).document["text"])

    async def restore(self, revision: int) -> None:
        """Make the draft what it was in a revision. Raises NOT-FOUND, REVISION-STALE."""
        etag = (await self._http.ask("GET", self._draft)).etag
        await self._http.ask("POST", f"{self._draft}/restore", body={"revision": revision}, etag=etag)

    async def _asked(self, verb: str, body: dict[str, Any]) -> KeptPlan:
        said = await self._http.ask("POST", f"{self._draft}/{verb}", body=body, timeout_s=ASKING_S)
        return answered(KeptPlan, said.document)

    async def _ordered(self, verb: str, body: dict[str, Any]) -> Ordered:
        given = {name: value for name, value in body.items() if value is not None}
        return answered(Ordered, (await self._http.ask("POST", f"{self._draft}/{verb}", body=given)).document)


def _options(restart: bool, remove_disks: tuple[str, ...], *, include_disabled: bool = False) -> dict[str, Any]:
    return {"restart": restart, "include_disabled": include_disabled, "remove_disks": list(remove_disks)}
