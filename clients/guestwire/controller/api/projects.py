"""Named projects over HTTP: /api/v1/projects, and the examples, /api/v1/projects/examples. The ETag of a project is its revision."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.carried import carried
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.drafts import DraftText, Number, if_match_or_none
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.projects.exporting import Exported
from guestwire.controller.projects.opening import Opening
from guestwire.controller.projects.project_models import (
    NAME,
    SLUG,
    ExampleShown,
    ExampleWanted,
    Name,
    OpenedAll,
    OpenWanted,
    ProjectHead,
    ProjectRevisionShown,
    ProjectShown,
    ProjectWanted,
)
from guestwire.controller.projects.projects import Projects
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model
from guestwire.sdk.interchange import Format

NamePath = Annotated[str, Path(pattern=NAME, description="The project's name.", examples=["line7"])]
ExamplePath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,40}$", examples=["rt-linux"])]


class ProjectMade(ProjectWanted):
    """A project to be made, with its name."""

    name: Name


class OtherName(Document):
    """The name of another project, or another name."""

    to: Name


class ExampleList(Model):
    """All examples: there are few."""

    items: tuple[ExampleShown, ...]


def router(projects: Projects, opening: Opening, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/projects", tags=["projects"])
    _examples(routes, opening, doors)
    _projects(routes, projects, doors)
    _contents(routes, projects, opening, doors)
    return routes


def _examples(routes: APIRouter, opening: Opening, doors: Doors) -> None:
    @routes.get("/examples", operation_id="listExamples", summary="The examples to begin with")
    async def list_examples(_person: Annotated[Person, Depends(doors.person)]) -> ExampleList:
        return ExampleList(items=opening.examples())

    @routes.get("/examples/{example}", operation_id="getExample", summary="An example, as a project file")
    async def get_example(
        example: ExamplePath,
        _person: Annotated[Person, Depends(doors.person)],
        host: Annotated[str, Query(pattern=SLUG, description="What the host in it is called.")] = "h1",
    ) -> ExampleShown:
        return opening.example(example, host)

    @routes.post("/examples/{example}/open", operation_id="openExample", summary="Make the draft of a host an example")
    async def open_example(
        example: ExamplePath,
        body: Annotated[ExampleWanted, FROM_JSON],
        request: Request,
        person: Annotated[Person, Depends(doors.person)],
    ) -> OpenedAll:
        carried(request.scope).reads = body.preview
        return await opening.open_example(person, example, body)


def _projects(routes: APIRouter, projects: Projects, doors: Doors) -> None:
    @routes.get("", operation_id="listProjects", summary="All projects")
    async def list_projects(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[ProjectHead]:
        after = page.after(str)
        rows = await projects.page(person, after[0] if after else None, page.fetch)
        return listing(rows, page, lambda project: (project.name,))

    @routes.post("/import", status_code=201, operation_id="importProject", summary="Make a project of a file")
    async def import_project(
        body: Annotated[ProjectMade, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> ProjectShown:
        wanted = ProjectWanted(
            site=body.site, text=body.text, drafts=body.drafts, title=body.title, comments=body.comments
        )
        return _shown(response, await projects.put(person, body.name, wanted, None))

    @routes.get("/{name}", operation_id="getProject", summary="A project")
    async def get_project(
        name: NamePath, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> ProjectShown:
        return _shown(response, await projects.show(person, name))

    @routes.put("/{name}", operation_id="putProject", summary="Save a project: a file, or drafts as they are now")
    async def put_project(
        name: NamePath, body: Annotated[ProjectWanted, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int | None, Depends(if_match_or_none)],
    ) -> ProjectShown:  # fmt: skip
        return _shown(response, await projects.put(person, name, body, revision))

    @routes.delete("/{name}", status_code=204, operation_id="removeProject", summary="Remove a project")
    async def remove_project(
        name: NamePath, person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)]
    ) -> None:
        await projects.remove(person, name, revision)

    @routes.post(
        "/{name}/copy", status_code=201, operation_id="copyProject", summary="Another project with its content"
    )
    async def copy_project(
        name: NamePath, body: Annotated[OtherName, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)],
    ) -> ProjectShown:  # fmt: skip
        return _shown(response, await projects.copy(person, name, body.to))

    @routes.post("/{name}/rename", operation_id="renameProject", summary="Give a project another name")
    async def rename_project(
        name: NamePath, body: Annotated[OtherName, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> ProjectShown:  # fmt: skip
        return _shown(response, await projects.rename(person, name, body.to, revision))


def _contents(routes: APIRouter, projects: Projects, opening: Opening, doors: Doors) -> None:
    @routes.post(
        "/{name}/open", operation_id="openProject", summary="Make drafts of a project, or see what that would do"
    )
    async def open_project(
        name: NamePath, body: Annotated[OpenWanted, FROM_JSON], request: Request,
        person: Annotated[Person, Depends(doors.person)],
    ) -> OpenedAll:  # fmt: skip
        carried(request.scope).reads = body.preview
        return await opening.open(person, name, body)

    @routes.get("/{name}/revisions", operation_id="listProjectRevisions", summary="Who changed what in a project")
    async def revisions(
        name: NamePath, person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[ProjectRevisionShown]:
        before = page.after(int)
        rows = await projects.revisions(person, name, before[0] if before else None, page.fetch)
        return listing(rows, page, lambda revision: (revision.revision,))

    @routes.get(
        "/{name}/revisions/{revision}", operation_id="getProjectRevision", summary="A project as it was in a revision"
    )
    async def revision_text(
        name: NamePath, revision: Number, person: Annotated[Person, Depends(doors.person)]
    ) -> DraftText:
        return DraftText(revision=revision, text=await projects.text_of(person, name, revision))

    @routes.get("/{name}/export", operation_id="exportProject", summary="A project in the format of another tool")
    async def export(
        name: NamePath,
        person: Annotated[Person, Depends(doors.person)],
        format: Format = "guestwire",
        host: Annotated[
            str | None,
            Query(pattern=SLUG, description="Which host of it; the whole project has format guestwire only."),
        ] = None,
    ) -> Exported:
        return await projects.exported(person, name, format, host)


def _shown(response: Response, project: ProjectShown) -> ProjectShown:
    etags.show(response, project.revision)
    return project
