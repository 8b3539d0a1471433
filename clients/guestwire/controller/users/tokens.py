"""API tokens: made once and shown once, for programs. A token can do what its owner may and it was made for, and no more.

A token that was made with another one is for no more than that one, and ends with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from guestwire.controller.store import audit_rows, bindings, tokens, users
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.tokens import Token
from guestwire.controller.users import names
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import EVERYWHERE, Asked, Binding, Person, TokenUse, host_of, reaches
from guestwire.controller.users.uses import USED_EVERY_MS, Uses
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

MOST: Final = 100
"""Tokens of one person."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token and its text, which nobody can be told again."""

    text: str = field(repr=False)
    token: Token


class Tokens:
    """The tokens of everybody."""

    def __init__(self, database: Database, access: Access, clock: Callable[[], Now]) -> None:
        self._database = database
        self._access = access
        self._clock = clock
        self._uses = Uses(database, clock)

    async def person(self, text: str, asked: Asked, *, note: bool = True) -> Person | None:
        """Whose token it is; None: nobody's, or it has expired. `note`: this uses it; else it is only looked at."""
        if not names.is_token(text):
            return None
        now = self._clock().wall_ms
        async with self._database.read() as tx:
            token = await tokens.by_hash(tx, names.digest(text))
            if token is None or (token.expires_at is not None and now >= token.expires_at):
                return None
            user = await users.by_id(tx, token.person_id)
            if user is None or user.disabled:
                return None
            roles = await bindings.of_person(tx, user.id)
        stale = token.used_at is None or now - token.used_at >= USED_EVERY_MS
        if note and (stale or token.used_from != asked.address[:64]):
            await self._uses.note(token.id, lambda tx, at: tokens.used(tx, token.id, at, asked.address))
        return Person(user.id, user.name, roles, TokenUse(token.id, token.name, token.bindings), asked)

    async def list(self, person: Person, owner: str | None = None) -> tuple[Token, ...]:
        """One's own tokens, or those of another user, which takes an admin. Raises DENIED, NOT-FOUND."""
        if owner is not None and owner != person.name:
            self._access.require(person, "user-read")
        async with self._database.read() as tx:
            user = None if owner is None else await users.by_name(tx, owner)
            if owner is not None and user is None:
                raise GuestwireError("NOT-FOUND", f"There is no user {owner}.")
            return await tokens.of_person(tx, person.id if user is None else user.id)

    async def make(
        self, person: Person, name: str, limits: Sequence[Binding] | None, expires_at: int | None
    ) -> NewToken:
        """Make a token for oneself. Raises EXISTS for a name that another one has, DENIED for more than its maker may, INVALID-BODY
        for a time that is past."""
        now = self._clock().wall_ms
        if expires_at is not None and expires_at <= now:
            raise GuestwireError("INVALID-BODY", "The token would have expired already.", field="expires_at")
        given = None if limits is None else tuple(limits)
        self._within(person, given)
        text = names.new_token()
        async with self._database.write() as tx:
            mine = await tokens.of_person(tx, person.id)
            if len(mine) >= MOST:
                raise GuestwireError("EXISTS", f"You have {MOST} tokens: revoke those that nothing uses.")
            expires_at = _end(person, mine, expires_at)
            parent = None if person.token is None else person.token.id
            token = Token(names.new_id(), person.id, name, names.digest(text), given, now, expires_at, parent_id=parent)
            if not await tokens.insert(tx, token):
                raise GuestwireError("EXISTS", f"You have a token {name}: choose another name.", field="name")
            detail = {"id": token.id, "expires_at": expires_at, "bindings": given}
            await audit_rows.add(tx, AuditEntry(now, person, "token-make", name, detail=detail))
        return NewToken(text, token)

    async def revoke(self, person: Person, token_id: str, owner: str | None = None) -> None:
        """Revoke a token of one's own, or one of another user, which takes an admin. Raises NOT-FOUND, DENIED."""
        if owner is not None and owner != person.name:
            self._access.require(person, "user-set")
        elif person.token is not None and person.token.bindings is not None and person.token.id != token_id:
            raise GuestwireError("DENIED", "A token with a scope of its own can revoke only itself.")
        async with self._database.write() as tx:
            user = await _owner(tx, person, owner)
            if not await tokens.remove(tx, user, token_id, self._clock().wall_ms):
                raise GuestwireError("NOT-FOUND", "There is no such token.")
            detail = {"owner": owner or person.name}
            await audit_rows.add(tx, AuditEntry(self._clock().wall_ms, person, "token-revoke", token_id, detail=detail))

    async def forget_expired(self) -> int:
        """Forget tokens that have expired: now and then; how many they were."""
        async with self._database.write() as tx:
            return await tokens.remove_expired(tx, self._clock().wall_ms)

    def _within(self, person: Person, given: tuple[Binding, ...] | None) -> None:
        """Raises DENIED where a token would be for more than its maker may."""
        held = [person.bindings]
        if person.token is not None and person.token.bindings is not None:
            if given is None:
                raise GuestwireError(
                    "DENIED", "A token with a scope makes tokens with a scope: say which.", field="bindings"
                )
            held.append(person.token.bindings)
        for one in given or ():
            if not all(any(_covers(wide, one) for wide in several) for several in held):
                text = f"You are not {one.role} on {one.scope} yourself: a token is for no more than its owner may."
                raise GuestwireError("DENIED", text, field="bindings")


async def _owner(tx: Tx, person: Person, owner: str | None) -> str:
    if owner is None or owner == person.name:
        return person.id
    user = await users.by_name(tx, owner)
    if user is None:
        raise GuestwireError("NOT-FOUND", f"There is no user {owner}.")
    return user.id


def _end(person: Person, mine: Sequence[Token], expires_at: int | None) -> int | None:
    """When a token ends that was made with another one: not after that."""
    used = person.token
    ends = next((one.expires_at for one in mine if used is not None and one.id == used.id), None)
    return expires_at if ends is None else min(ends, expires_at if expires_at is not None else ends)


def _covers(wide: Binding, narrow: Binding) -> bool:
    """Whether who has `wide` has `narrow` too, whoever is in which group."""
    if not reaches(wide.role, narrow.role):
        return False
    if wide.scope in (EVERYWHERE, narrow.scope):
        return True
    host = host_of(narrow.scope)
    return host is not None and wide.scope == f"site:{host.site}"
