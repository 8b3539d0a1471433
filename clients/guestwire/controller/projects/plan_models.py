"""What the controller says of plans and what people may ask of them: the shapes. Only shapes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.controller.projects.differences import Changed
from guestwire.model.base import Document, Model
from guestwire.model.guest import AbsolutePath
from guestwire.model.plan import Plan, Revision, Risk

Note = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
Paths = Annotated[tuple[AbsolutePath, ...], Field(max_length=64)]
PlanId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
ReviewState = Literal["none", "requested", "approved", "rejected"]


class PlanOptions(Document):
    """How a draft is to be planned. `restart`: running guests are restarted where a change needs it. `include_disabled`:
    disabled guests too must fit the machine. `remove_disks`: images that go with the change; no other ever does."""

    restart: bool = False
    include_disabled: bool = False
    remove_disks: Paths = ()


class ApplyOptions(Document):
    """How a plan is to be carried out. `confirm_s`: undo everything unless it is confirmed in that time; `confirm`: auto: the
    controller does that over a new connection, manual: a person does. `destroy`: disk images whose loss is agreed to.
    `approval_id`: whose mandate it goes by, where the plan disrupts. `not_before` (Unix ms), `window`: when it may begin.
    `deadline_s`: after that it is not begun any more."""

    plan_id: PlanId
    confirm_s: Annotated[int, Field(ge=10, le=3600)] | None = None
    confirm: Literal["auto", "manual"] = "auto"
    destroy: Paths = ()
    comment: Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")] = ""
    approval_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{1,36}$")] | None = None
    not_before: Annotated[int, Field(ge=0, le=1 << 53)] | None = None
    window: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}$")] | None = None
    deadline_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = 86_400


class RemarkShown(Model):
    """What a person said of a plan. `verb`: comment, request, approve, reject."""

    verb: str
    author: str
    at: int
    note: str = ""


class Review(Model):
    """Where the review of a plan stands. `by`: whose word that is. A plan of a draft that was edited since is another one."""

    state: ReviewState = "none"
    by: str | None = None
    at: int | None = None
    remarks: tuple[RemarkShown, ...] = ()


class Obstacle(Model):
    """What keeps a plan from being carried out as it is. `code`: the error that an apply would end with."""

    code: str
    message: str


class PlanShown(Model):
    """A plan as its host made it. `origin`: apply, of `draft_revision`; rollback, to the host's revision `to_revision`;
    rollout, of a saved project.
    `obstacles`: with no word on `confirm_s` and `destroy`. `mandate`: it disrupts, so that it waits for somebody's mandate.
    `job_id`: the job that last carried it out, or is about to."""

    site: str
    host: str
    plan: Plan
    origin: Literal["apply", "rollback", "rollout"]
    draft_revision: int | None = None
    to_revision: int | None = None
    options: PlanOptions = PlanOptions()
    author: str
    at: int
    review: Review = Review()
    review_required: bool = False
    obstacles: tuple[Obstacle, ...] = ()
    mandate: bool = False
    job_id: str | None = None


class Ordered(Model):
    """A job that was made: what it is about, and where it stands. `approval_id`: the mandate that it goes by, or waits for."""

    site: str
    host: str
    job_id: str
    plan_id: str
    state: str
    risk: Risk
    approval_id: str | None = None


class RevisionShown(Revision):
    """A revision of a host. `person`, `job_id`: who had it applied from here, and by which job; null: it was not."""

    person: str | None = None
    job_id: str | None = None


class RevisionDetail(RevisionShown):
    """A revision of a host, and what it changed of the one before, `changed_from` (null: that is not kept, and `changes` is all that
    it has). `more`: so many changes were left out. `text`: the project file."""

    changed_from: int | None
    changes: tuple[Changed, ...]
    more: int
    text: str
