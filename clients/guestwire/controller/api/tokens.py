"""API tokens over HTTP: /api/v1/tokens for one's own, /api/v1/users/{name}/tokens for those of others."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from guestwire.controller.api.bindings import BindingShown, BindingWritten, shown, written
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.store.tokens import Token
from guestwire.controller.users import names
from guestwire.controller.users.names import NAME_PATTERN, TokenName
from guestwire.controller.users.person import Person
from guestwire.controller.users.tokens import Tokens
from guestwire.model.base import Document, Model
from guestwire.protocol.trust import FOREVER

_IdPath = Annotated[str, Path(pattern=names.ID_PATTERN)]
_NamePath = Annotated[str, Path(pattern=NAME_PATTERN, description="The user's name.", examples=["anna"])]


class TokenWanted(Document):
    """A new token. `bindings` null: for everything that one may oneself, and will. `expires_at` null: it does not."""

    name: TokenName = Field(examples=["nightly report"])
    bindings: Annotated[tuple[BindingWritten, ...], Field(min_length=1, max_length=100)] | None = None
    expires_at: Annotated[int, Field(ge=0, le=FOREVER)] | None = None


class TokenShown(Model):
    """A token, without its text."""

    id: str
    name: str
    bindings: tuple[BindingShown, ...] | None
    created_at: int
    expires_at: int | None
    used_at: int | None
    used_from: str | None


class TokenMade(TokenShown):
    """A new token. `token` is its text: nobody can be told it again."""

    token: str = Field(repr=False)


class TokenList(Model):
    """All tokens of one user: there are few."""

    items: tuple[TokenShown, ...]


def router(tokens: Tokens, doors: Doors) -> APIRouter:
    routes = APIRouter(tags=["tokens"])

    @routes.get("/tokens", operation_id="listTokens", summary="One's own tokens")
    async def list_tokens(person: Annotated[Person, Depends(doors.person)]) -> TokenList:
        return _listed(await tokens.list(person))

    @routes.post(
        "/tokens", status_code=201, operation_id="makeToken", summary="Make a token",
        dependencies=[Depends(doors.secret)],
    )  # fmt: skip
    async def make_token(
        body: Annotated[TokenWanted, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> TokenMade:
        limits = None
        if body.bindings is not None:
            limits = [written(one, f"bindings.{n}") for n, one in enumerate(body.bindings)]
        made = await tokens.make(person, body.name, limits, body.expires_at)
        return TokenMade(**_values(made.token), token=made.text)

    @routes.delete("/tokens/{id}", status_code=204, operation_id="revokeToken", summary="Revoke a token of one's own")
    async def revoke_token(id: _IdPath, person: Annotated[Person, Depends(doors.person)]) -> None:
        await tokens.revoke(person, id)

    @routes.get("/users/{name}/tokens", operation_id="listTokensOf", summary="The tokens of a user")
    async def list_tokens_of(name: _NamePath, person: Annotated[Person, Depends(doors.person)]) -> TokenList:
        return _listed(await tokens.list(person, name))

    @routes.delete(
        "/users/{name}/tokens/{id}", status_code=204, operation_id="revokeTokenOf", summary="Revoke a token of a user"
    )
    async def revoke_token_of(name: _NamePath, id: _IdPath, person: Annotated[Person, Depends(doors.person)]) -> None:
        await tokens.revoke(person, id, name)

    return routes


def _listed(several: tuple[Token, ...]) -> TokenList:
    return TokenList(items=tuple(TokenShown(**_values(one)) for one in several))


def _values(token: Token) -> dict[str, Any]:
    bindings = None if token.bindings is None else tuple(shown(one) for one in token.bindings)
    return {
        "id": token.id, "name": token.name, "bindings": bindings, "created_at": token.created_at,
        "expires_at": token.expires_at, "used_at": token.used_at, "used_from": token.used_from,
    }  # fmt: skip
