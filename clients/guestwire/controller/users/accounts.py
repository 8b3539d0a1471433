"""Accounts: making, changing and removing users, their passwords, and the roles they have."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from guestwire.controller.feed import Change, Feed
from guestwire.controller.store import audit_rows, bindings, sessions, tokens, user_keys, users
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.users import User
from guestwire.controller.users import names, passwords
from guestwire.controller.users.access import Access
from guestwire.controller.users.passwords import PasswordHashing
from guestwire.controller.users.person import EVERYWHERE, Binding, Person, host_of
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.steps import Now

ADMIN = Binding("admin", EVERYWHERE)
OLD_RATE, OLD_BURST = 0.1, 5.0
"""Old passwords that are looked at, of a person: per second, and at once."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user with their roles."""

    user: User
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be changed of a user; None: it stays."""

    label: str | None = None
    disabled: bool | None = None
    must_change: bool | None = None
    password: str | None = field(default=None, repr=False)


class Accounts:
    """Everybody's accounts. Each change is audited, and told to the feed once it is committed."""

    def __init__(
        self, database: Database, hashing: PasswordHashing, access: Access, feed: Feed, clock: Callable[[], Now]
    ) -> None:
        self._database = database
        self._hashing = hashing
        self._access = access
        self._feed = feed
        self._clock = clock
        self._old = Buckets(OLD_RATE, OLD_BURST, 4096)

    # -- looking

    async def list(self, person: Person, after: str, limit: int) -> tuple[Account, ...]:
        """Users by name, those after `after`. Raises DENIED."""
        self._access.require(person, "user-read")
        async with self._database.read() as tx:
            several = await users.list_after(tx, after, limit)
            roles = await bindings.of_people(tx, [user.id for user in several])
        return tuple(Account(user, roles.get(user.id, ())) for user in several)

    async def get(self, person: Person, name: str) -> Account:
        """One user; everybody may look at themselves. Raises NOT-FOUND, DENIED."""
        if name != person.name:
            self._access.require(person, "user-read")
        async with self._database.read() as tx:
            return await _account(tx, await _found(tx, name))

    # -- accounts

    async def make(
        self, person: Person | None, name: str, password: str, *, label: str = "", must_change: bool = True,
        roles: tuple[Binding, ...] = (), only_first: bool = False,
    ) -> Account:  # fmt: skip
        """Make a user. `person` None: somebody at the controller's own machine does. `must_change`: they choose a password
        of their own at the first log-in. `only_first`: not where there is a user. Raises EXISTS, PASSWORD-WEAK, DENIED."""
        if person is not None:
            self._access.require(person, "user-set")
            for role in roles:
                self._may_give(person, role)
        passwords.check(name, password)
        hashed = await self._hashing.make(password)
        now = self._clock().wall_ms
        user = User(names.new_id(), name, label, hashed, disabled=False, must_change=must_change, created_at=now)
        async with self._database.write() as tx:
            if only_first and await users.count(tx):
                raise GuestwireError("EXISTS", "There are users already.")
            if not await users.insert(tx, user):
                raise GuestwireError("EXISTS", f"There is a user {name}: choose another name.", field="name")
            for role in roles:
                await bindings.give(tx, user.id, role, now)
            detail = {"roles": [list(role) for role in roles]}
            await audit_rows.add(tx, AuditEntry(now, person, "user-make", name, detail=detail))
            account = await _account(tx, user)
        self._tell(account)
        return account

    async def change(self, person: Person | None, name: str, changed: Changed, revision: int | None = None) -> Account:
        """Change a user. A new password, or disabling, ends the user's sessions. `revision`: the one that it is changed from;
        None: whichever there is. Raises NOT-FOUND, REVISION-STALE, LAST-ADMIN, PASSWORD-WEAK, DENIED."""
        if person is not None:
            self._access.require(person, "user-set")
        values: dict[str, Any] = {
            field: value
            for field in ("label", "disabled", "must_change")
            if (value := getattr(changed, field)) is not None
        }
        said = dict(values)
        if changed.password is not None:
            passwords.check(name, changed.password)
            values |= {"password_hash": await self._hashing.make(changed.password), "failures": 0, "blocked_until": 0}
            said["password"] = "changed"  # noqa: S105 - the word, for the audit log
        async with self._database.write() as tx:
            user = await _found(tx, name)
            if revision is not None and revision != user.revision:
                raise GuestwireError("REVISION-STALE", detail={"revision": user.revision})
            if changed.disabled:
                await _another_admin(tx, user)
            user = await users.change(tx, user, **values)
            if changed.disabled or changed.password is not None:
                await sessions.remove_of(tx, user.id)
            await audit_rows.add(tx, AuditEntry(self._clock().wall_ms, person, "user-change", name, detail=said))
            account = await _account(tx, user)
        self._tell(account)
        return account

    async def set_own_password(self, person: Person, old: str, new: str, session: str | None) -> None:
        """Give oneself another password; every session but this one ends. Raises LOGIN-REFUSED for a wrong old one, THROTTLED for who
        tries too many, PASSWORD-WEAK, and DENIED for a token with a scope of its own."""
        if person.token is not None and person.token.bindings is not None:
            raise GuestwireError("DENIED", "A token with a scope of its own cannot change the password.")
        if after := self._old[person.id].take(self._clock().mono):
            raise GuestwireError("THROTTLED", "Too many tries: wait.", after_ms=after)
        async with self._database.read() as tx:
            before = await _found(tx, person.name)
        if not (await self._hashing.compare(before.password_hash, old)).right:
            await self._refuse_old(person)
        passwords.check(person.name, new)
        if passwords.normal(old) == passwords.normal(new):
            raise GuestwireError("PASSWORD-WEAK", "Choose another password: it is the old one.", field="new")
        hashed = await self._hashing.make(new)
        async with self._database.write() as tx:
            user = await _found(tx, person.name)
            if (user.id, user.password_hash) != (person.id, before.password_hash):
                raise GuestwireError("REVISION-STALE", "The password was changed meanwhile.")
            await users.change(tx, user, password_hash=hashed, must_change=False, failures=0, blocked_until=0)
            await sessions.remove_of(tx, user.id, but=None if session is None else names.digest(session))
            await audit_rows.add(tx, AuditEntry(self._clock().wall_ms, person, "password-change", person.name))

    async def _refuse_old(self, person: Person) -> NoReturn:
        async with self._database.write() as tx:
            entry = AuditEntry(self._clock().wall_ms, person, "password-change", person.name, "LOGIN-REFUSED")
            await audit_rows.add(tx, entry)
        raise GuestwireError("LOGIN-REFUSED", "The old password is wrong.", field="old")

    async def remove(self, person: Person | None, name: str, revision: int | None = None) -> None:
        """Remove a user, with sessions, tokens and roles; their keys count no more. Raises NOT-FOUND, REVISION-STALE, LAST-ADMIN,
        DENIED."""
        if person is not None:
            self._access.require(person, "user-set")
        now = self._clock().wall_ms
        async with self._database.write() as tx:
            user = await _found(tx, name)
            if revision is not None and revision != user.revision:
                raise GuestwireError("REVISION-STALE", detail={"revision": user.revision})
            await _another_admin(tx, user)
            await sessions.remove_of(tx, user.id)
            await tokens.remove_of(tx, user.id)
            await bindings.take_all(tx, user.id)
            await user_keys.revoke_of(tx, user.id, now)
            await users.remove(tx, user.id)
            await audit_rows.add(tx, AuditEntry(now, person, "user-remove", name, detail={"id": user.id}))
        self._feed.publish(Change("user", name, None))

    # -- roles

    async def give(self, person: Person | None, name: str, role: Binding) -> Account:
        """Give a role; giving it twice changes nothing. Raises NOT-FOUND, DENIED."""
        self._may_give(person, role)
        now = self._clock().wall_ms
        async with self._database.write() as tx:
            user = await _found(tx, name)
            if await bindings.give(tx, user.id, role, now):
                user = await users.change(tx, user)
            await audit_rows.add(tx, AuditEntry(now, person, "role-give", name, detail=role._asdict()))
            account = await _account(tx, user)
        self._tell(account)
        return account

    async def take(self, person: Person | None, name: str, role: Binding) -> Account:
        """Take a role. Raises NOT-FOUND, LAST-ADMIN, DENIED."""
        self._may_give(person, role)
        async with self._database.write() as tx:
            user = await _found(tx, name)
            if role == ADMIN:
                await _another_admin(tx, user)
            if not await bindings.take(tx, user.id, role):
                raise GuestwireError("NOT-FOUND", f"{name} is not {role.role} on {role.scope}.")
            user = await users.change(tx, user)
            await audit_rows.add(
                tx, AuditEntry(self._clock().wall_ms, person, "role-take", name, detail=role._asdict())
            )
            account = await _account(tx, user)
        self._tell(account)
        return account

    def _may_give(self, person: Person | None, role: Binding) -> None:
        """An admin of everything gives every role, the admin of a site those on that site and its hosts. Raises DENIED."""
        if person is None:
            return
        kind, _, name = role.scope.partition(":")
        if kind == "site":
            self._access.require_site(person, "role-set", name)
        else:
            self._access.require(person, "role-set", host_of(role.scope))

    def _tell(self, account: Account) -> None:
        if self._feed.watched:
            self._feed.publish(Change("user", account.user.name, document(account)))


def document(account: Account) -> dict[str, Any]:
    """A user as JSON has it."""
    user = account.user
    return {
        "name": user.name, "id": user.id, "label": user.label, "disabled": user.disabled,
        "must_change": user.must_change, "created_at": user.created_at, "login_at": user.login_at,
        "revision": user.revision, "bindings": [role._asdict() for role in account.bindings],
    }  # fmt: skip


async def _found(tx: Tx, name: str) -> User:
    user = await users.by_name(tx, name)
    if user is None:
        raise GuestwireError("NOT-FOUND", f"There is no user {name}.")
    return user


async def _account(tx: Tx, user: User) -> Account:
    return Account(user, await bindings.of_person(tx, user.id))


async def _another_admin(tx: Tx, user: User) -> None:
    """Raises LAST-ADMIN where nobody would be left who may do everything."""
    admins = await bindings.admins(tx)
    if user.id in admins and len(admins) == 1:
        raise GuestwireError("LAST-ADMIN")
