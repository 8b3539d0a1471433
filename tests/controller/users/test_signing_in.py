"""Logging in, sessions, and what makes guessing slow."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from api_world import PASSWORD, World, api_world

from guestwire.controller.store import sessions, users
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.users.accounts import Changed
from guestwire.controller.users.passwords import PasswordHashing, Verdict
from guestwire.controller.users.person import Asked, Binding, Person
from guestwire.controller.users.signing_in import (
    FREE_FAILURES,
    LONGEST_BLOCK_MS,
    MOST_SESSIONS,
    SessionRules,
    SigningIn,
)
from guestwire.controller.users.tokens import Tokens
from guestwire.model.errors import GuestwireError

HERE = Asked("192.0.2.1", "0190")


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        await made.accounts.make(None, "anna", PASSWORD, must_change=False, roles=(Binding("operator", "site:plant"),))
        yield made


async def refused(world: World, name: str, password: str, asked: Asked = HERE) -> str:
    world.clock.move(30)
    with pytest.raises(GuestwireError) as caught:
        await world.signing_in.log_in(name, password, asked)
    return caught.value.code


async def test_a_session(world: World) -> None:
    made = await world.signing_in.log_in("anna", PASSWORD, HERE, "Browser\x00 1.0" + "x" * 500)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", made.secret)
    assert made.session.agent.startswith("Browser? 1.0x")
    assert len(made.session.agent) == 200
    person = await world.signing_in.person(made.secret, Asked("192.0.2.2"))
    assert person == Person(
        made.person.id, "anna", (Binding("operator", "site:plant"),), None, Asked("192.0.2.2"), False
    )
    async with world.database.read() as tx:
        (kept,) = await sessions.of_person(tx, person.id)
    assert made.secret.encode() not in kept.hash
    assert len(kept.hash) == 32
    assert (await world.signing_in.person(made.secret[:-1] + "x", HERE)) is None
    assert (await world.signing_in.person("", HERE)) is None
    assert (await world.signing_in.person(kept.hash.hex(), HERE)) is None


async def test_a_session_ends_when_it_is_not_used_and_in_any_case(world: World) -> None:
    signing_in = SigningIn(
        world.database, world.hashing, world.clock, SessionRules(idle_ms=600_000, longest_ms=3_600_000)
    )
    made = await signing_in.log_in("anna", PASSWORD, HERE)
    for _ in range(6):
        assert await signing_in.person(made.secret, HERE) is not None
        world.clock.move(590)
    assert await signing_in.person(made.secret, HERE) is not None
    world.clock.move(61)
    assert await signing_in.person(made.secret, HERE) is None
    idle = await signing_in.log_in("anna", PASSWORD, HERE)
    world.clock.move(601)
    assert await signing_in.person(idle.secret, HERE) is None
    assert await signing_in.sessions_of(idle.person) == ()
    assert await signing_in.forget_ended() == 2


async def test_who_only_looks_does_not_use_a_session(world: World) -> None:
    """A page that is left open, and nobody before it."""
    made = await world.signing_in.log_in("anna", PASSWORD, HERE)
    for _ in range(59):
        world.clock.move(60)
        assert await world.signing_in.person(made.secret, HERE, note=False) is not None
    world.clock.move(60)
    assert await world.signing_in.person(made.secret, HERE, note=False) is None


class FullDatabase(Database):
    """One that can be read, and takes nothing."""

    def __init__(self, database: Database) -> None:
        self.__dict__.update(database.__dict__)
        self.read_times = 0
        self.written_times = 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        self.read_times += 1
        async with super().read() as tx:
            yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        self.written_times += 1
        raise GuestwireError("DATABASE-FULL")
        yield


async def test_who_reads_is_let_in_when_nothing_can_be_written(world: World) -> None:
    made = await world.signing_in.log_in("anna", PASSWORD, HERE)
    token = await world.tokens.make(made.person, "t", None, None)
    full = FullDatabase(world.database)
    signing_in = SigningIn(full, world.hashing, world.clock)
    tokens = Tokens(full, world.access, world.clock)
    world.clock.move(61)
    for _ in range(3):
        assert await signing_in.person(made.secret, HERE) is not None
        assert await tokens.person(token.text, HERE) is not None
    assert (full.read_times, full.written_times) == (6, 2), "nor does each of them wait for it"


async def test_logging_out(world: World) -> None:
    one, two = [await world.signing_in.log_in("anna", PASSWORD, HERE) for _ in range(2)]
    await world.signing_in.log_out(one.person, one.secret)
    assert await world.signing_in.person(one.secret, HERE) is None
    assert await world.signing_in.person(two.secret, HERE) is not None
    await world.signing_in.end_one(one.person, two.session.id)
    assert await world.signing_in.person(two.secret, HERE) is None
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.signing_in.end_one(one.person, two.session.id)
    assert [row.action for row in await world.rows(action="session-end")] == ["session-end"] * 2


async def test_nobody_ends_the_session_of_somebody_else(world: World) -> None:
    await world.accounts.make(None, "bob", PASSWORD, must_change=False)
    anna, bob = [await world.signing_in.log_in(name, PASSWORD, HERE) for name in ("anna", "bob")]
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.signing_in.end_one(bob.person, anna.session.id)
    assert await world.signing_in.person(anna.secret, HERE) is not None


async def test_the_oldest_sessions_make_room(world: World) -> None:
    made = []
    for _ in range(MOST_SESSIONS + 2):
        world.clock.move(5)
        made.append(await world.signing_in.log_in("anna", PASSWORD, HERE))
    alive = [await world.signing_in.person(one.secret, HERE) is not None for one in made]
    assert alive == [False, False] + [True] * MOST_SESSIONS


WRONG = (
    ("anna", "wrong"), ("anna", PASSWORD + " "), ("nobody", PASSWORD), ("", PASSWORD), ("anna' OR 1=1 --", PASSWORD),
    ("anna", "x" * 300), ("Anna", PASSWORD), ("an\u0000na", PASSWORD),
)  # fmt: skip


async def test_one_answer_for_whatever_is_wrong(world: World) -> None:
    for name, password in WRONG:
        assert await refused(world, name, password) == "LOGIN-REFUSED", name
    rows = await world.rows(action="session-begin")
    assert [row.target for row in rows] == [name.replace("\0", "?") for name, _ in WRONG]
    assert {(row.outcome, row.person, row.address) for row in rows} == {("LOGIN-REFUSED", "", "192.0.2.1")}


async def test_a_disabled_user_is_out_at_once(world: World) -> None:
    made = await world.signing_in.log_in("anna", PASSWORD, HERE)
    await world.accounts.change(None, "anna", Changed(disabled=True))
    assert await world.signing_in.person(made.secret, HERE) is None
    assert await refused(world, "anna", PASSWORD) == "LOGIN-REFUSED"
    await world.accounts.change(None, "anna", Changed(disabled=False))
    await world.signing_in.log_in("anna", PASSWORD, HERE)


@pytest.mark.parametrize("changed", [Changed(password="quite another passphrase"), Changed(disabled=True)])
async def test_a_password_that_is_changed_while_it_is_compared_begins_no_session(
    world: World, changed: Changed
) -> None:
    class Slow(PasswordHashing):
        async def compare(self, kept: str | None, password: str) -> Verdict:
            verdict = await super().compare(kept, password)
            await world.accounts.change(None, "anna", changed)
            return verdict

    async with Slow(64, 1) as hashing:
        with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
            await SigningIn(world.database, hashing, world.clock).log_in("anna", PASSWORD, HERE)
    async with world.database.read() as tx:
        user = await users.by_name(tx, "anna")
        assert user is not None
        assert await sessions.of_person(tx, user.id) == ()


async def test_a_narrow_token_ends_no_session(world: World) -> None:
    made = await world.signing_in.log_in("anna", PASSWORD, HERE)
    token = await world.tokens.make(made.person, "narrow", [Binding("observer", "site:plant")], None)
    narrow = await world.tokens.person(token.text, HERE)
    assert narrow is not None
    with pytest.raises(GuestwireError, match="DENIED"):
        await world.signing_in.end_one(narrow, made.session.id)
    assert await world.signing_in.person(made.secret, HERE) is not None


async def test_a_session_of_a_disabled_user_counts_for_nobody(world: World) -> None:
    """Even one that should have ended with them."""
    made = await world.signing_in.log_in("anna", PASSWORD, HERE)
    async with world.database.write() as tx:
        user = await users.by_name(tx, "anna")
        assert user is not None
        await users.change(tx, user, disabled=True)
    assert await world.signing_in.person(made.secret, HERE) is None


class CountedHashing(PasswordHashing):
    """Counts how often a password is compared, and with what."""

    def __init__(self) -> None:
        super().__init__(64, 1)
        self.compared: list[bool] = []

    async def compare(self, kept: str | None, password: str) -> Verdict:
        self.compared.append(kept is not None)
        return await super().compare(kept, password)


async def test_an_unknown_name_costs_what_a_known_one_does(world: World) -> None:
    """One comparison each, whether there is something to compare with or not."""
    async with CountedHashing() as hashing:
        signing_in = SigningIn(world.database, hashing, world.clock)
        for name in ("anna", "nobody", "", "disabled"):
            world.clock.move(30)
            with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
                await signing_in.log_in(name, "wrong", HERE)
        assert hashing.compared == [True, False, False, False]


async def test_after_some_failures_a_name_is_not_looked_at_for_a_while(world: World) -> None:
    elsewhere = Asked("198.51.100.7")
    for _ in range(FREE_FAILURES + 1):
        world.clock.move(3)
        with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
            await world.signing_in.log_in("anna", "wrong", elsewhere)
    with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
        await world.signing_in.log_in("anna", PASSWORD, elsewhere)
    world.clock.move(5)
    assert (await world.signing_in.log_in("anna", PASSWORD, elsewhere)).person.name == "anna"
    async with world.database.read() as tx:
        user = await users.by_name(tx, "anna")
    assert user is not None
    assert (user.failures, user.blocked_until) == (0, 0)


async def test_the_wait_grows_and_has_an_end(world: World) -> None:
    elsewhere = Asked("198.51.100.7")
    waits = []
    for _ in range(FREE_FAILURES + 14):
        world.clock.move(LONGEST_BLOCK_MS / 1000)
        with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
            await world.signing_in.log_in("anna", "wrong", elsewhere)
        async with world.database.read() as tx:
            user = await users.by_name(tx, "anna")
        assert user is not None
        waits.append(max(0, user.blocked_until - world.clock().wall_ms))
    assert waits[:FREE_FAILURES] == [0] * FREE_FAILURES
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_BLOCK_MS
    world.clock.move(LONGEST_BLOCK_MS / 1000)
    await world.signing_in.log_in("anna", PASSWORD, elsewhere)


async def test_attempts_while_a_name_is_blocked_do_not_block_it_for_longer(world: World) -> None:
    elsewhere = Asked("198.51.100.7")
    for _ in range(FREE_FAILURES + 4):
        world.clock.move(3)
        with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
            await world.signing_in.log_in("anna", "wrong", elsewhere)
    async with world.database.read() as tx:
        before = await users.by_name(tx, "anna")
    with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
        await world.signing_in.log_in("anna", "wrong", elsewhere)
    async with world.database.read() as tx:
        after = await users.by_name(tx, "anna")
    assert before is not None
    assert after is not None
    assert (after.failures, after.blocked_until) == (before.failures, before.blocked_until)


async def test_who_is_logged_in_somewhere_is_not_locked_out_there(world: World) -> None:
    """Somebody else's guessing keeps nobody out."""
    await world.signing_in.log_in("anna", PASSWORD, HERE)
    for _ in range(FREE_FAILURES + 8):
        world.clock.move(3)
        with pytest.raises(GuestwireError):
            await world.signing_in.log_in("anna", "wrong", Asked("198.51.100.7"))
    world.clock.move(3)
    with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
        await world.signing_in.log_in("anna", PASSWORD, Asked("198.51.100.8"))
    world.clock.move(3)
    assert (await world.signing_in.log_in("anna", PASSWORD, HERE)).person.name == "anna"


async def test_too_many_attempts_are_not_looked_at(world: World) -> None:
    codes = []
    for n in range(30):
        with pytest.raises(GuestwireError) as caught:
            await world.signing_in.log_in(f"user{n}", "wrong", HERE)
        codes.append(caught.value.code)
    assert codes.count("THROTTLED") == 10
    with pytest.raises(GuestwireError) as caught:
        await world.signing_in.log_in("anna", PASSWORD, HERE)
    assert caught.value.after_ms is not None
    assert caught.value.after_ms > 0
    await world.signing_in.log_in("anna", PASSWORD, Asked("192.0.2.9"))


async def test_a_name_from_many_addresses(world: World) -> None:
    codes = []
    for n in range(20):
        with pytest.raises(GuestwireError) as caught:
            await world.signing_in.log_in("anna", "wrong", Asked(f"198.51.100.{n}"))
        codes.append(caught.value.code)
    assert codes.count("THROTTLED") == 10


async def test_a_password_by_old_parameters_is_hashed_anew(world: World) -> None:
    async with PasswordHashing(128, 1) as hashing:
        await SigningIn(world.database, hashing, world.clock).log_in("anna", PASSWORD, HERE)
    async with world.database.read() as tx:
        user = await users.by_name(tx, "anna")
    assert user is not None
    assert "m=128" in user.password_hash
