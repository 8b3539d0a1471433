"""Logging in and out, and who a session belongs to.

Guessing is made slow, never impossible to recover from: a name that was given wrong passwords is not looked at for a while, from
everywhere but where its owner is logged in. The answer to a wrong name, a wrong password, a disabled user and a blocked
one is the same, and takes as long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from guestwire.controller.store import audit_rows, bindings, sessions, users
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.sessions import Session
from guestwire.controller.store.users import User
from guestwire.controller.users import names
from guestwire.controller.users.passwords import PasswordHashing, Verdict
from guestwire.controller.users.person import Asked, Person
from guestwire.controller.users.uses import USED_EVERY_MS, Uses
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.steps import Now

MINUTE_MS: Final = 60_000
FREE_FAILURES: Final = 5
LONGEST_BLOCK_MS: Final = 5 * MINUTE_MS
MOST_SESSIONS: Final = 50
"""Of one person; the oldest make room."""
NAME_RATE, NAME_BURST = 0.5, 10.0
ADDRESS_RATE, ADDRESS_BURST = 1.0, 20.0
"""Log-ins that are looked at, for a name and from an address: per second, and at once."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """When a session ends: so long after its last use, and so long after its beginning in any case."""

    idle_ms: int = 60 * MINUTE_MS
    longest_ms: int = 12 * 60 * MINUTE_MS


class LoggedIn(NamedTuple):
    """A new session. `secret` is for its cookie, and nobody else's to see."""

    secret: str
    session: Session
    person: Person


class SigningIn:
    """The sessions of everybody."""

    def __init__(
        self, database: Database, hashing: PasswordHashing, clock: Callable[[], Now], rules: SessionRules | None = None
    ) -> None:
        self._database = database
        self._hashing = hashing
        self._clock = clock
        self._rules = rules or SessionRules()
        self._uses = Uses(database, clock)
        self._by_name = Buckets(NAME_RATE, NAME_BURST, 4096)
        self._by_address = Buckets(ADDRESS_RATE, ADDRESS_BURST, 4096)

    async def log_in(self, name: str, password: str, asked: Asked, agent: str = "") -> LoggedIn:
        """Begin a session. Raises LOGIN-REFUSED, and THROTTLED for who tries too often."""
        now = self._clock()
        if after := max(self._by_address[asked.address].take(now.mono), self._by_name[name].take(now.mono)):
            raise GuestwireError("THROTTLED", "Too many log-ins: wait.", after_ms=after)
        async with self._database.read() as tx:
            user = await users.by_name(tx, name) if names.is_name(name) else None
            may = user is not None and not user.disabled and await self._is_looked_at(tx, user, asked, now.wall_ms)
        verdict = await self._hashing.compare(user.password_hash if user is not None and may else None, password)
        if user is not None and verdict.right:
            if (made := await self._begin(user, verdict, asked, agent)) is not None:
                return made
            await self._refuse(None, name, asked)
        else:
            await self._refuse(user if may else None, name, asked)
        raise GuestwireError(
            "LOGIN-REFUSED",
            "The name or the password is wrong, or the user may not log in. After several failures wait five minutes.",
        )

    async def person(self, secret: str, asked: Asked, *, note: bool = True) -> Person | None:
        """Whose session it is; None: nobody's, or it is over. `note`: this uses it, so that it goes on; else it is only looked at."""
        if not names.is_secret(secret):
            return None
        now = self._clock().wall_ms
        async with self._database.read() as tx:
            found = await sessions.by_hash(tx, names.digest(secret))
            if found is None or self._over(found, now):
                return None
            user = await users.by_id(tx, found.person_id)
            if user is None or user.disabled:
                return None
            roles = await bindings.of_person(tx, user.id)
        if note and now - found.used_at >= USED_EVERY_MS:
            await self._uses.note(found.hash, lambda tx, at: sessions.used(tx, found.hash, at))
        return Person(user.id, user.name, roles, asked=asked, must_change=user.must_change)

    async def log_out(self, person: Person, secret: str) -> None:
        """End a session."""
        async with self._database.write() as tx:
            if await sessions.remove(tx, names.digest(secret)):
                await audit_rows.add(tx, AuditEntry(self._clock().wall_ms, person, "session-end", person.name))

    async def sessions_of(self, person: Person) -> tuple[Session, ...]:
        """A person's sessions, those that are over left out."""
        now = self._clock().wall_ms
        async with self._database.read() as tx:
            several = await sessions.of_person(tx, person.id)
        return tuple(one for one in several if not self._over(one, now))

    async def end_one(self, person: Person, session_id: str) -> None:
        """End another session of the same person. Raises NOT-FOUND, and DENIED for a token with a scope of its own."""
        if person.token is not None and person.token.bindings is not None:
            raise GuestwireError("DENIED", "A token with a scope of its own cannot end sessions.")
        async with self._database.write() as tx:
            if not await sessions.remove_one(tx, person.id, session_id):
                raise GuestwireError("NOT-FOUND", "You have no such session.")
            detail = {"session": session_id}
            await audit_rows.add(
                tx, AuditEntry(self._clock().wall_ms, person, "session-end", person.name, detail=detail)
            )

    async def forget_ended(self) -> int:
        """Forget the sessions that are over: now and then; how many they were."""
        now = self._clock().wall_ms
        async with self._database.write() as tx:
            return await sessions.remove_ended(tx, now, now - self._rules.idle_ms)

    def _over(self, session: Session, now: int) -> bool:
        return now >= session.expires_at or now - session.used_at >= self._rules.idle_ms

    async def _is_looked_at(self, tx: Tx, user: User, asked: Asked, now: int) -> bool:
        """Whether a password is compared at all: not while the name is blocked, but where its owner is logged in."""
        if now >= user.blocked_until:
            return True
        return any(one.address == asked.address for one in await sessions.of_person(tx, user.id))

    async def _refuse(self, user: User | None, name: str, asked: Asked) -> None:
        now = self._clock().wall_ms
        failures = 0 if user is None else user.failures + 1
        beyond = failures - FREE_FAILURES
        block = min(LONGEST_BLOCK_MS, 1000 << min(beyond, 20)) if beyond > 0 else 0
        async with self._database.write() as tx:
            await users.failed(tx, "" if user is None else user.id, now + block)
            nobody = Person("", "", asked=asked)
            await audit_rows.add(tx, AuditEntry(now, nobody, "session-begin", name, "LOGIN-REFUSED"))

    async def _begin(self, user: User, verdict: Verdict, asked: Asked, agent: str) -> LoggedIn | None:
        """None: while the password was compared it was changed, or its user disabled; that ended all sessions."""
        now = self._clock().wall_ms
        secret = names.new_secret()
        session = Session(
            names.digest(secret), names.new_id(), user.id, now, now, now + self._rules.longest_ms, asked.address[:64],
            _printable(agent)[:200],
        )  # fmt: skip
        async with self._database.write() as tx:
            still = await users.by_id(tx, user.id)
            if still is None or still.disabled or still.password_hash != user.password_hash:
                return None
            user = still
            held = await sessions.of_person(tx, user.id)
            for old in held[MOST_SESSIONS - 1 :]:
                await sessions.remove(tx, old.hash)
            await users.logged_in(tx, user.id, now, verdict.renewed)
            await sessions.insert(tx, session)
            roles = await bindings.of_person(tx, user.id)
            person = Person(user.id, user.name, roles, asked=asked, must_change=user.must_change)
            await audit_rows.add(tx, AuditEntry(now, person, "session-begin", user.name))
        return LoggedIn(secret, session, person)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
