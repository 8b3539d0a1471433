"""Enrolling signing keys: only who has the private half, for themselves, once."""

from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, World, api_world

from guestwire.controller.store import user_keys
from guestwire.controller.store.database import Database
from guestwire.controller.users.enrolled_keys import (
    CHALLENGE_MS,
    MOST_CHALLENGES,
    MOST_KEYS,
    EnrolledKey,
    InTrust,
    NoTrust,
)
from guestwire.controller.users.person import Asked, Binding, Person, TokenUse
from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.user_keys import proof

KEY = SigningKey(bytes([7] * 32))


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def person(world: World, name: str, *roles: tuple[str, str]) -> Person:
    given = tuple(Binding(*role) for role in roles)  # type: ignore[arg-type]
    account = await world.accounts.make(None, name, PASSWORD, must_change=False, roles=given)
    return Person(account.user.id, name, given, asked=Asked("192.0.2.1"))


async def enrol(world: World, who: Person, key: SigningKey = KEY, label: str = "laptop") -> EnrolledKey:
    challenge = (await world.keys.challenge(who)).challenge
    signature = key.sign(Domain.USER_KEY, proof(challenge, who.name))
    return await world.keys.enrol(who, key.public.raw, challenge, signature, label)


async def test_a_key(world: World) -> None:
    anna = await person(world, "anna")
    made = await enrol(world, anna)
    assert (made.key.id, made.key.person_id, made.key.label) == (KEY.id.hex(), anna.id, "laptop")
    assert made.in_trust == ()
    known = (InTrust("plant", "operator:anna", "operator", 2),)
    world.trust.keys[KEY.public.raw] = known
    (listed,) = await world.keys.list(anna)
    assert listed == EnrolledKey(made.key, known)
    assert [row.action for row in await world.rows()][-2:] == ["key-challenge", "key-enrol"]


async def test_a_revoked_key_stays_revoked(world: World) -> None:
    anna = await person(world, "anna")
    world.trust.keys[KEY.public.raw] = (InTrust("plant", "operator:anna", "operator", 2),)
    await enrol(world, anna)
    await world.keys.revoke(anna, KEY.id.hex())
    (listed,) = await world.keys.list(anna)
    assert listed.key.revoked_at is not None
    assert listed.in_trust == ()
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.keys.revoke(anna, KEY.id.hex())
    with pytest.raises(GuestwireError, match="EXISTS"):
        await enrol(world, anna)


async def test_a_key_is_one_persons(world: World) -> None:
    anna, eve = await person(world, "anna"), await person(world, "eve")
    await enrol(world, anna)
    with pytest.raises(GuestwireError, match="EXISTS"):
        await enrol(world, eve)
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.keys.revoke(eve, KEY.id.hex())
    assert await world.keys.list(eve) == ()


async def test_what_proves_nothing(world: World) -> None:
    anna, eve = await person(world, "anna"), await person(world, "eve")
    other = SigningKey(bytes([9] * 32))

    async def attempt(
        who: Person, public: bytes, signature_of: bytes | None = None, challenge: bytes | None = None
    ) -> str:
        given = (await world.keys.challenge(who)).challenge if challenge is None else challenge
        signature = KEY.sign(Domain.USER_KEY, proof(given, who.name)) if signature_of is None else signature_of
        with pytest.raises(GuestwireError) as caught:
            await world.keys.enrol(who, public, given, signature, "x")
        return caught.value.code

    hers = (await world.keys.challenge(anna)).challenge
    assert await attempt(anna, other.public.raw) == "KEY-NOT-PROVEN"
    assert await attempt(anna, KEY.public.raw, bytes(64)) == "KEY-NOT-PROVEN"
    assert await attempt(anna, KEY.public.raw, b"short") == "KEY-NOT-PROVEN"
    assert await attempt(anna, b"x" * 31) == "KEY-NOT-PROVEN"
    assert await attempt(eve, KEY.public.raw, challenge=hers) == "KEY-NOT-PROVEN"
    assert await attempt(anna, KEY.public.raw, challenge=bytes(32)) == "KEY-NOT-PROVEN"
    # signed for another person, under another domain, or without the domain
    for domain, whose in ((Domain.USER_KEY, "eve"), (Domain.MANDATE, "anna"), (Domain.ENVELOPE, "anna")):
        fresh = (await world.keys.challenge(anna)).challenge
        assert await attempt(anna, KEY.public.raw, KEY.sign(domain, proof(fresh, whose)), fresh) == "KEY-NOT-PROVEN"
    assert await world.keys.list(anna) == ()


async def test_a_challenge_is_good_once_and_for_a_while(world: World) -> None:
    anna = await person(world, "anna")
    challenge = (await world.keys.challenge(anna)).challenge
    signature = KEY.sign(Domain.USER_KEY, proof(challenge, "anna"))
    with pytest.raises(GuestwireError, match="KEY-NOT-PROVEN"):
        await world.keys.enrol(anna, KEY.public.raw, challenge, bytes(64), "x")
    with pytest.raises(GuestwireError, match="KEY-NOT-PROVEN"):
        await world.keys.enrol(anna, KEY.public.raw, challenge, signature, "x")
    late = (await world.keys.challenge(anna)).challenge
    world.clock.move(CHALLENGE_MS / 1000)
    with pytest.raises(GuestwireError, match="KEY-NOT-PROVEN"):
        await world.keys.enrol(anna, KEY.public.raw, late, KEY.sign(Domain.USER_KEY, proof(late, "anna")), "x")


async def test_challenges_and_keys_are_not_without_end(world: World) -> None:
    anna = await person(world, "anna")
    given = []
    for _ in range(MOST_CHALLENGES + 1):
        world.clock.move(1)
        given.append((await world.keys.challenge(anna)).challenge)
    for challenge, good in ((given[0], False), (given[1], True)):
        signature = KEY.sign(Domain.USER_KEY, proof(challenge, "anna"))
        if good:
            await world.keys.enrol(anna, KEY.public.raw, challenge, signature, "x")
        else:
            with pytest.raises(GuestwireError, match="KEY-NOT-PROVEN"):
                await world.keys.enrol(anna, KEY.public.raw, challenge, signature, "x")
    for n in range(MOST_KEYS - 1):
        await enrol(world, anna, SigningKey(bytes([n + 10] * 32)))
    with pytest.raises(GuestwireError, match="EXISTS"):
        await enrol(world, anna, SigningKey(bytes([200] * 32)))


async def test_a_token_with_a_scope_enrols_nothing(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    await enrol(world, anna)
    narrow = Person(anna.id, "anna", anna.bindings, TokenUse("t", "t", (Binding("admin", "*"),)), anna.asked)
    for call in (world.keys.challenge(narrow), world.keys.revoke(narrow, KEY.id.hex()),
                 world.keys.enrol(narrow, KEY.public.raw, bytes(32), bytes(64), "x")):  # fmt: skip
        with pytest.raises(GuestwireError, match="DENIED"):
            await call
    whole = Person(anna.id, "anna", anna.bindings, TokenUse("t", "t", None), anna.asked)
    await enrol(world, whole, SigningKey(bytes([8] * 32)))


async def test_keys_of_others_take_an_admin(world: World) -> None:
    anna, bob = await person(world, "anna", ("admin", "*")), await person(world, "bob", ("engineer", "*"))
    await enrol(world, bob)
    with pytest.raises(GuestwireError, match="DENIED"):
        await world.keys.list(bob, "anna")
    with pytest.raises(GuestwireError, match="DENIED"):
        await world.keys.revoke(bob, KEY.id.hex(), "anna")
    assert [one.key.id for one in await world.keys.list(anna, "bob")] == [KEY.id.hex()]
    await world.keys.revoke(anna, KEY.id.hex(), "bob")
    assert [one.key.revoked_at is None for one in await world.keys.list(anna, "bob")] == [False]
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.keys.list(anna, "nobody")


async def test_the_keys_of_a_removed_user_count_no_more(world: World) -> None:
    anna, bob = await person(world, "anna", ("admin", "*")), await person(world, "bob")
    await enrol(world, bob)
    await world.accounts.remove(anna, "bob")
    async with world.database.read() as tx:
        [kept] = await user_keys.of_person(tx, bob.id)
    assert kept.revoked_at is not None


def test_where_no_site_is_known() -> None:
    assert NoTrust().known_as(KEY.public.raw) == ()
