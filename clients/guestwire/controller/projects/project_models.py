"""What the controller says of named projects, and what people may ask of them: the shapes. Only shapes."""

from typing import Annotated

from pydantic import Field, StringConstraints

from guestwire.controller.projects.differences import Changed
from guestwire.model.base import Document, Model
from guestwire.model.plan import PlanItem

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
SLUG = r"^[a-z0-9-]{1,36}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Slug = Annotated[str, StringConstraints(pattern=SLUG)]
HostText = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}/[a-z0-9-]{1,36}$")]
ProjectText = Annotated[str, StringConstraints(max_length=8 << 20)]
RESERVED = frozenset({"examples", "import"})
"""Names that addresses of the API have."""


class ProjectWanted(Document):
    """What a project is to be: the text of a project file, or the drafts of hosts as they are now. Exactly one of them.
    `title`, `comments`: of a project that is made of drafts."""

    site: Slug
    text: ProjectText | None = None
    drafts: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=1000)] | None = None
    title: Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")] = ""
    comments: Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")] = ""


class OpenWanted(Document):
    """How a project becomes drafts. `hosts`: which of its hosts, and whose drafts they become ("site/host"); null: all of them,
    each its own. `overwrite`: the revisions of drafts that may be replaced, as a preview told them. `preview`: only tell what
    would be."""

    hosts: Annotated[dict[Slug, HostText], Field(max_length=1000)] | None = None
    overwrite: Annotated[dict[HostText, Annotated[int, Field(ge=0)]], Field(max_length=1000)] = {}
    preview: bool = False


class ExampleWanted(Document):
    """Whose draft an example becomes; else as `OpenWanted`."""

    host: HostText
    overwrite: Annotated[int, Field(ge=0)] | None = None
    preview: bool = False


class ProjectHead(Model):
    """A project in a list. `title`: what the project file itself says. `hosts`: those it has configurations of, of its site."""

    name: str
    site: str
    revision: int
    hosts: tuple[str, ...] = ()
    author: str
    at: int


class ProjectHost(Model):
    """What a project has of a host."""

    host: str
    guests: tuple[str, ...] = ()


class ProjectShown(ProjectHead):
    """A project. `text`: the project file, with the remarks of whoever wrote it."""

    title: str = ""
    comments: str = ""
    text: str
    content: tuple[ProjectHost, ...] = ()


class ProjectRevisionShown(Model):
    """A revision of a project, and what it changed."""

    revision: int
    author: str
    at: int
    summary: str
    changes: tuple[Changed, ...] = ()
    more: int = 0


class Opened(Model):
    """What opening does to the draft of a host. `draft_revision`: the one that is there now (0: none is); `unapplied`: it has
    edits that were not applied, which would be lost; `changes`: what would be otherwise in it; `items`: what an apply would
    then change on the host as that was last asked; `removed`: guests that such an apply would take away."""

    host: str
    target: str
    draft_revision: int = 0
    unapplied: bool = False
    changes: tuple[Changed, ...] = ()
    more: int = 0
    items: tuple[PlanItem, ...] = ()
    removed: tuple[str, ...] = ()
    errors: int = 0
    warnings: int = 0


class OpenedAll(Model):
    """`done`: the drafts are that now, each in its `draft_revision`; else nothing was changed."""

    done: bool
    drafts: tuple[Opened, ...] = ()


class ExampleShown(Model):
    """An example to begin with."""

    name: str
    summary: str
    guests: tuple[str, ...] = ()
    text: str = ""
