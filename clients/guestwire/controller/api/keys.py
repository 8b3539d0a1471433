"""Signing keys that people enrol, over HTTP: /api/v1/keys for one's own, /api/v1/users/{name}/keys for those of others."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field, StringConstraints

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.users.enrolled_keys import EnrolledKey, EnrolledKeys
from guestwire.controller.users.names import NAME_PATTERN, TokenName
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model

_NamePath = Annotated[str, Path(pattern=NAME_PATTERN, description="The user's name.", examples=["anna"])]
_KeyPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="The key's id.", examples=["56475aa75463474c"])]
_Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class ChallengeGiven(Model):
    """What is to be signed: Ed25519 over the bytes "guestwire user key 1", a zero byte, `challenge`, and one's name in UTF-8."""

    challenge: str
    expires_at: int


class KeyWanted(Document):
    """A public key, and the proof that one has its private half. Bytes in hexadecimal."""

    public_key: _Hex32
    challenge: _Hex32
    signature: _Hex64
    label: TokenName = Field(examples=["laptop"])


class InTrustShown(Model):
    """As whom a site's trust document knows a key, and up to which class of risk."""

    site: str
    principal: str
    role: str | None
    risk: int


class KeyShown(Model):
    """An enrolled key. `in_trust`: the sites whose hosts believe it at this moment; none: it signs nothing yet."""

    id: str
    public_key: str
    label: str
    enrolled_at: int
    revoked_at: int | None
    in_trust: tuple[InTrustShown, ...]


class KeyList(Model):
    """All keys of one user, revoked ones too: there are few."""

    items: tuple[KeyShown, ...]


def router(keys: EnrolledKeys, doors: Doors) -> APIRouter:
    routes = APIRouter(tags=["keys"])

    @routes.get("/keys", operation_id="listKeys", summary="One's own keys")
    async def list_keys(person: Annotated[Person, Depends(doors.person)]) -> KeyList:
        return _listed(await keys.list(person))

    @routes.post("/keys/challenges", status_code=201, operation_id="makeKeyChallenge", summary="Have something to sign")
    async def make_key_challenge(person: Annotated[Person, Depends(doors.person)]) -> ChallengeGiven:
        made = await keys.challenge(person)
        return ChallengeGiven(challenge=made.challenge.hex(), expires_at=made.expires_at)

    @routes.post("/keys", status_code=201, operation_id="enrolKey", summary="Enrol a key")
    async def enrol_key(
        body: Annotated[KeyWanted, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> KeyShown:
        public, challenge, signature = (
            bytes.fromhex(text) for text in (body.public_key, body.challenge, body.signature)
        )
        return _shown(await keys.enrol(person, public, challenge, signature, body.label))

    @routes.delete("/keys/{id}", status_code=204, operation_id="revokeKey", summary="Revoke a key of one's own")
    async def revoke_key(id: _KeyPath, person: Annotated[Person, Depends(doors.person)]) -> None:
        await keys.revoke(person, id)

    @routes.get("/users/{name}/keys", operation_id="listKeysOf", summary="The keys of a user")
    async def list_keys_of(name: _NamePath, person: Annotated[Person, Depends(doors.person)]) -> KeyList:
        return _listed(await keys.list(person, name))

    @routes.delete(
        "/users/{name}/keys/{id}", status_code=204, operation_id="revokeKeyOf", summary="Revoke a key of a user"
    )
    async def revoke_key_of(name: _NamePath, id: _KeyPath, person: Annotated[Person, Depends(doors.person)]) -> None:
        await keys.revoke(person, id, name)

    return routes


def _listed(several: tuple[EnrolledKey, ...]) -> KeyList:
    return KeyList(items=tuple(_shown(one) for one in several))


def _shown(one: EnrolledKey) -> KeyShown:
    key = one.key
    return KeyShown(
        id=key.id, public_key=key.public_key, label=key.label, enrolled_at=key.enrolled_at, revoked_at=key.revoked_at,
        in_trust=tuple(InTrustShown(**known._asdict()) for known in one.in_trust),
    )  # fmt: skip
