"""Keys that people sign mandates with, enrolled per person: who has which, proven by a signature.

Enrolling gives no right: hosts believe the keys in their site's trust document, which the site's root signs. What an enrolled
key is in there is told with it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from guestwire.controller.store import audit_rows, user_keys, users
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.controller.store.user_keys import UserKey
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SIGNATURE_BYTES, Domain, VerifyingKey
from guestwire.protocol.steps import Now
from guestwire.protocol.user_keys import CHALLENGE_BYTES, proof

CHALLENGE_MS: Final = 5 * 60_000
MOST_CHALLENGES: Final = 10
MOST_KEYS: Final = 50


class InTrust(NamedTuple):
    """As whom a site's trust document knows a key. `role` None: it was made from no role."""

    site: str
    principal: str
    role: str | None
    risk: int


class KeysInTrust(Protocol):
    """The trust documents of all sites that the controller knows."""

    def known_as(self, public_key: bytes) -> tuple[InTrust, ...]:
        """As whom sites know that key, those in which it counts at this moment."""
        ...


class NoTrust:
    """Where no site is known."""

    def known_as(self, public_key: bytes) -> tuple[InTrust, ...]:
        del public_key
        return ()


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is to be signed. `expires_at`: Unix ms."""

    challenge: bytes
    expires_at: int


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A key, and as whom sites know it."""

    key: UserKey
    in_trust: tuple[InTrust, ...]


class EnrolledKeys:
    """The keys of everybody."""

    def __init__(self, database: Database, access: Access, trust: KeysInTrust, clock: Callable[[], Now]) -> None:
        self._database = database
        self._access = access
        self._trust = trust
        self._clock = clock

    async def challenge(self, person: Person) -> Challenge:
        """Something to sign with the key that is to be enrolled. Raises DENIED for a token with a scope of its own."""
        _by_themselves(person)
        now = self._clock().wall_ms
        made = Challenge(secrets.token_bytes(CHALLENGE_BYTES), now + CHALLENGE_MS)
        async with self._database.write() as tx:
            await user_keys.challenge(tx, person.id, made.challenge, now, made.expires_at, MOST_CHALLENGES)
            await audit_rows.add(tx, AuditEntry(now, person, "key-challenge", person.name))
        return made

    async def enrol(
        self, person: Person, public_key: bytes, challenge: bytes, signature: bytes, label: str
    ) -> EnrolledKey:
        """Enrol a key by a signature over `protocol.user_keys.proof`. A challenge is good for one attempt. Raises KEY-NOT-PROVEN, EXISTS
        for a key that somebody has enrolled already, and DENIED."""
        _by_themselves(person)
        now = self._clock().wall_ms
        async with self._database.write() as tx:
            fresh = await user_keys.take_challenge(tx, person.id, challenge, now)
        if not fresh:
            raise GuestwireError("KEY-NOT-PROVEN", "The challenge is not yours, was used, or is over: take a new one.")
        verifying = _key(public_key)
        if len(signature) != SIGNATURE_BYTES or not verifying.verifies(
            Domain.USER_KEY, proof(challenge, person.name), signature
        ):
            raise GuestwireError("KEY-NOT-PROVEN", field="signature")
        key = UserKey(verifying.id.hex(), person.id, public_key.hex(), label, now)
        async with self._database.write() as tx:
            counted = [one for one in await user_keys.of_person(tx, person.id) if one.revoked_at is None]
            if len(counted) >= MOST_KEYS:
                raise GuestwireError("EXISTS", f"You have {MOST_KEYS} keys: revoke those that you do not use.")
            if not await user_keys.insert(tx, key):
                raise GuestwireError("EXISTS", "That key is enrolled, or was: make another one.", field="public_key")
            detail = {"label": label, "public_key": key.public_key}
            await audit_rows.add(tx, AuditEntry(now, person, "key-enrol", key.id, detail=detail))
        return EnrolledKey(key, self._trust.known_as(public_key))

    async def list(self, person: Person, owner: str | None = None) -> tuple[EnrolledKey, ...]:
        """One's own keys, or those of another user, which takes an admin. Raises DENIED, NOT-FOUND."""
        if owner is not None and owner != person.name:
            self._access.require(person, "user-read")
        async with self._database.read() as tx:
            several = await user_keys.of_person(tx, await self._owner(person, owner))
        return tuple(EnrolledKey(key, self._known(key)) for key in several)

    async def revoke(self, person: Person, key_id: str, owner: str | None = None) -> None:
        """Have a key count no more here; the trust document is another matter. Raises NOT-FOUND, DENIED."""
        if owner is not None and owner != person.name:
            self._access.require(person, "user-set")
        else:
            _by_themselves(person)
        now = self._clock().wall_ms
        whose = await self._owner(person, owner)
        async with self._database.write() as tx:
            if not await user_keys.revoke(tx, whose, key_id, now):
                raise GuestwireError("NOT-FOUND", "There is no such key, or it was revoked.")
            detail = {"owner": owner or person.name}
            await audit_rows.add(tx, AuditEntry(now, person, "key-revoke", key_id, detail=detail))

    def _known(self, key: UserKey) -> tuple[InTrust, ...]:
        return self._trust.known_as(bytes.fromhex(key.public_key)) if key.revoked_at is None else ()

    async def _owner(self, person: Person, owner: str | None) -> str:
        if owner is None or owner == person.name:
            return person.id
        async with self._database.read() as tx:
            user = await users.by_name(tx, owner)
        if user is None:
            raise GuestwireError("NOT-FOUND", f"There is no user {owner}.")
        return user.id


def _by_themselves(person: Person) -> None:
    if person.token is not None and person.token.bindings is not None:
        raise GuestwireError("DENIED", "A token with a scope of its own cannot enrol or revoke keys.")


def _key(public_key: bytes) -> VerifyingKey:
    try:
        return VerifyingKey(public_key)
    except ValueError:
        raise GuestwireError("KEY-NOT-PROVEN", "That is no Ed25519 public key.", field="public_key") from None
