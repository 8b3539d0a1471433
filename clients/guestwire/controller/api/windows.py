"""Maintenance windows over HTTP: /api/v1/windows."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import StringConstraints

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.host_paths import SLUG
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.jobs.window_service import WindowService
from guestwire.controller.jobs.windows import WindowSpec
from guestwire.controller.store.windows import Window
from guestwire.controller.users.person import Person
from guestwire.model.base import Model

Name = Annotated[str, Path(pattern=SLUG, description="The window's name.", examples=["night"])]


class WindowMade(WindowSpec):
    """A window to be made, with its name."""

    name: Annotated[str, StringConstraints(pattern=SLUG)]


class WindowView(Model):
    """A maintenance window. `open_until`: it is open now, until then; `opens_at`: it opens then; neither: not within a year. Times
    in Unix ms."""

    name: str
    window: WindowSpec
    open_until: int | None = None
    opens_at: int | None = None
    revision: int
    changed_at: int
    changed_by: str


def router(windows: WindowService, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/windows", tags=["windows"])

    def shown(response: Response, window: Window) -> WindowView:
        etags.show(response, window.revision)
        return _view(windows, window)

    @routes.get("", operation_id="listWindows", summary="Maintenance windows")
    async def list_windows(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[WindowView]:
        after = page.after(str)
        found = await windows.page(person, after[0] if after else "", page.fetch)
        return listing([_view(windows, window) for window in found], page, lambda window: (window.name,))

    @routes.get("/{name}", operation_id="getWindow", summary="A maintenance window")
    async def get_window(
        name: Name, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> WindowView:
        return shown(response, await windows.show(person, name))

    @routes.post("", status_code=201, operation_id="makeWindow", summary="Make a maintenance window")
    async def make_window(
        body: Annotated[WindowMade, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> WindowView:
        spec = WindowSpec(**{name: getattr(body, name) for name in WindowSpec.model_fields})
        made = await windows.put(person, body.name, spec, None)
        response.headers["Location"] = f"/api/v1/windows/{made.name}"
        return shown(response, made)

    @routes.put("/{name}", operation_id="putWindow", summary="Change a maintenance window")
    async def put_window(
        name: Name, body: Annotated[WindowSpec, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> WindowView:  # fmt: skip
        return shown(response, await windows.put(person, name, body, revision))

    @routes.delete("/{name}", status_code=204, operation_id="removeWindow", summary="Remove a maintenance window")
    async def remove_window(
        name: Name, person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)]
    ) -> None:
        await windows.remove(person, name, revision)

    return routes


def _view(windows: WindowService, window: Window) -> WindowView:
    now = windows.opening(window)
    return WindowView(
        name=window.name, window=window.spec, open_until=now.until, opens_at=now.opens_at, revision=window.revision,
        changed_at=window.changed_at, changed_by=window.changed_by,
    )  # fmt: skip
