"""Things of one kind that a controller has: listed, shown, made, changed, removed. Its API is regular, and so is this."""

from collections.abc import AsyncIterator
from typing import Any, Generic
from urllib.parse import quote

from guestwire.model.errors import GuestwireError
from guestwire.sdk.controller_http import USUAL_S, ControllerHttp, Said
from guestwire.sdk.controller_models import ModelT, answered


class Things(Generic[ModelT]):
    """The things below one path. `name` is what a thing is called there: an id, a name, `SITE/HOST`."""

    def __init__(self, http: ControllerHttp, path: str, model: type[ModelT]) -> None:
        self._http = http
        self._path = path
        self._model = model

    async def every(self, most: int | None = None, **params: Any) -> AsyncIterator[ModelT]:
        """One after the other, in the controller's order; parameters that are None are left out."""
        async for item in self._http.pages(self._path, params, most):
            yield answered(self._model, item)

    async def list(self, most: int | None = None, **params: Any) -> list[ModelT]:
        """The same at once."""
        return [one async for one in self.every(most, **params)]

    async def show(self, name: str, timeout_s: float = USUAL_S, **params: Any) -> ModelT:
        """One thing. Raises NOT-FOUND."""
        said = await self._http.ask("GET", self.at(name), params=params, timeout_s=timeout_s)
        return answered(self._model, said.document)

    async def make(self, body: Any, **params: Any) -> ModelT:
        """A new one."""
        return answered(self._model, (await self._http.ask("POST", self._path, params=params, body=body)).document)

    async def do(self, name: str, verb: str, body: Any = None) -> ModelT:
        """Something that is done with one."""
        return answered(self._model, (await self._http.ask("POST", f"{self.at(name)}/{verb}", body=body)).document)

    async def put(self, name: str, body: dict[str, Any]) -> ModelT:
        """Make the one of that name so, whether it is there or not. Raises REVISION-STALE where somebody was quicker."""
        try:
            etag = (await self._http.ask("GET", self.at(name))).etag
        except GuestwireError as err:
            if err.code != "NOT-FOUND":
                raise
            return await self.make({"name": name, **body})
        said = await self._http.ask("PUT", self.at(name), body=body, etag=etag)
        return answered(self._model, said.document)

    async def change(self, name: str, body: dict[str, Any]) -> ModelT:
        """Change what `body` names of it. Raises NOT-FOUND, REVISION-STALE."""
        etag = (await self._http.ask("GET", self.at(name))).etag
        said = await self._http.ask("PATCH", self.at(name), body=body, etag=etag)
        return answered(self._model, said.document)

    async def remove(self, name: str, *, revised: bool = True) -> None:
        """Remove it. `revised`: the controller wants to be told which revision. Raises NOT-FOUND, REVISION-STALE."""
        etag = (await self._http.ask("GET", self.at(name))).etag if revised else None
        await self._http.ask("DELETE", self.at(name), etag=etag)

    def at(self, name: str) -> str:
        """The path of one."""
        return f"{self._path}/{quote(name, safe='/')}"

    async def said(self, name: str, part: str = "", **params: Any) -> Said:
        """What is said of one, or of a part of it, as it came."""
        return await self._http.ask("GET", self.at(name) + part, params=params)
