"""API tokens: what they are for, how long, and what can be made with one."""

from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, START_MS, World, api_world

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import tokens as token_rows
from guestwire.controller.store.database import Database
from guestwire.controller.users.accounts import Changed
from guestwire.controller.users.person import Asked, Binding, Person
from guestwire.controller.users.tokens import MOST
from guestwire.model.errors import GuestwireError

HERE = Asked("192.0.2.1")
H1 = HostRef("plant", "h1")
HOUR = 3_600_000


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def person(world: World, name: str, *roles: tuple[str, str]) -> Person:
    await world.accounts.make(None, name, PASSWORD, must_change=False, roles=tuple(Binding(*role) for role in roles))  # type: ignore[arg-type]
    return (await world.signing_in.log_in(name, PASSWORD, HERE)).person


async def by_token(world: World, text: str) -> Person:
    found = await world.tokens.person(text, HERE)
    assert found is not None
    return found


async def test_a_token_is_its_owner(world: World) -> None:
    anna = await person(world, "anna", ("operator", "site:plant"))
    made = await world.tokens.make(anna, "nightly", None, None)
    found = await by_token(world, made.text)
    assert (found.id, found.name, found.bindings) == (anna.id, "anna", anna.bindings)
    assert found.token is not None
    assert (found.token.id, found.token.name, found.token.bindings) == (made.token.id, "nightly", None)
    async with world.database.read() as tx:
        (kept,) = await token_rows.of_person(tx, anna.id)
    assert made.text not in repr(kept)
    assert (kept.used_at, kept.used_from) == (START_MS, "192.0.2.1")
    (row,) = await world.rows(action="token-make")
    assert made.text not in repr(row)


async def test_when_a_token_was_used_is_noted_now_and_then(world: World) -> None:
    """From however many addresses, and not by who only looks whether it still counts."""
    anna = await person(world, "anna", ("operator", "*"))
    made = await world.tokens.make(anna, "nightly", None, None)
    noted = []
    for _ in range(4):
        for address in ("192.0.2.1", "192.0.2.2"):
            world.clock.move(25)
            assert await world.tokens.person(made.text, Asked(address)) is not None
            async with world.database.read() as tx:
                (kept,) = await token_rows.of_person(tx, anna.id)
            noted.append(((kept.used_at or 0) - START_MS) // 1000)
    assert noted == [25, 25, 25, 100, 100, 100, 175, 175]
    world.clock.move(120)
    assert await world.tokens.person(made.text, HERE, note=False) is not None
    async with world.database.read() as tx:
        (kept,) = await token_rows.of_person(tx, anna.id)
    assert kept.used_at == START_MS + 175_000


async def test_no_token(world: World) -> None:
    for text in ("", "gwt_", "gwt_" + "a" * 43, "nonsense", "gwt_" + "a" * 42 + "\0"):
        assert await world.tokens.person(text, HERE) is None


async def test_a_token_expires(world: World) -> None:
    anna = await person(world, "anna", ("operator", "*"))
    made = await world.tokens.make(anna, "short", None, START_MS + HOUR)
    assert await world.tokens.person(made.text, HERE) is not None
    world.clock.move(3600)
    assert await world.tokens.person(made.text, HERE) is None
    with pytest.raises(GuestwireError, match="expired already"):
        await world.tokens.make(anna, "past", None, world.clock().wall_ms)
    assert await world.tokens.forget_expired() == 1
    assert await world.tokens.list(anna) == ()


async def test_a_token_ends_with_its_owner_and_follows_what_they_may(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    bob = await person(world, "bob", ("engineer", "*"))
    made = await world.tokens.make(bob, "t", None, None)
    await world.accounts.take(anna, "bob", Binding("engineer", "*"))
    assert (await by_token(world, made.text)).bindings == ()
    await world.accounts.change(anna, "bob", Changed(disabled=True))
    assert await world.tokens.person(made.text, HERE) is None
    await world.accounts.change(anna, "bob", Changed(disabled=False))
    assert await world.tokens.person(made.text, HERE) is not None
    await world.accounts.remove(anna, "bob")
    assert await world.tokens.person(made.text, HERE) is None


MORE = (
    (("admin", "*"),), (("operator", "*"),), (("observer", "site:lab"),), (("engineer", "site:plant"),),
    (("observer", "site:plant"), ("admin", "host:plant/h1")), (("observer", "group:mixed"),),
    (("observer", "host:lab/h1"),),
)  # fmt: skip
LESS = ((("operator", "site:plant"),), (("observer", "host:plant/h1"), ("observer", "group:line")))


async def test_a_token_is_for_no_more_than_its_owner_may(world: World) -> None:
    anna = await person(world, "anna", ("operator", "site:plant"), ("observer", "group:line"))
    for limits in MORE:
        with pytest.raises(GuestwireError) as caught:
            await world.tokens.make(anna, "more", [Binding(*one) for one in limits], None)  # type: ignore[arg-type]
        assert caught.value.code == "DENIED", limits


async def test_a_token_may_be_for_less(world: World) -> None:
    anna = await person(world, "anna", ("operator", "site:plant"), ("observer", "group:line"))
    for n, limits in enumerate(LESS):
        bindings = tuple(Binding(*one) for one in limits)  # type: ignore[arg-type]
        found = await by_token(world, (await world.tokens.make(anna, f"less{n}", bindings, None)).text)
        assert found.token is not None
        assert found.token.bindings == bindings


async def test_a_token_makes_no_token_that_is_more_than_itself(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    limits = (Binding("operator", "site:plant"),)
    narrow = await by_token(world, (await world.tokens.make(anna, "narrow", limits, START_MS + HOUR)).text)
    for wider in (None, [Binding("admin", "*")], [Binding("engineer", "site:plant")], [Binding("observer", "*")]):
        with pytest.raises(GuestwireError) as caught:
            await world.tokens.make(narrow, "wider", wider, None)
        assert caught.value.code == "DENIED"
    made = await world.tokens.make(narrow, "child", [Binding("observer", "host:plant/h1")], START_MS + 9 * HOUR)
    assert made.token.expires_at == START_MS + HOUR
    assert (await world.tokens.make(narrow, "child2", limits, None)).token.expires_at == START_MS + HOUR


async def test_what_was_made_with_a_token_ends_with_it(world: World) -> None:
    """Who stole a token keeps nothing once it is revoked."""
    anna = await person(world, "anna", ("admin", "*"))
    texts = [(await world.tokens.make(anna, "t0", None, None)).text]
    for n in (1, 2, 3):
        texts.append((await world.tokens.make(await by_token(world, texts[-1]), f"t{n}", None, None)).text)
    other = await world.tokens.make(anna, "other", None, None)
    first = await by_token(world, texts[1])
    assert first.token is not None
    await world.tokens.revoke(anna, first.token.id)
    assert [await world.tokens.person(text, HERE) is not None for text in texts] == [True, False, False, False]
    assert await world.tokens.person(other.text, HERE) is not None


async def test_a_narrow_token_revokes_only_itself(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    other = await world.tokens.make(anna, "other", None, None)
    made = await world.tokens.make(anna, "narrow", [Binding("observer", "*")], None)
    narrow = await by_token(world, made.text)
    with pytest.raises(GuestwireError, match="DENIED"):
        await world.tokens.revoke(narrow, other.token.id)
    await world.tokens.revoke(narrow, made.token.id)
    assert await world.tokens.person(made.text, HERE) is None


async def test_tokens_of_others_take_an_admin(world: World) -> None:
    anna, bob = await person(world, "anna", ("admin", "*")), await person(world, "bob", ("engineer", "*"))
    made = await world.tokens.make(bob, "t", None, None)
    with pytest.raises(GuestwireError, match="DENIED"):
        await world.tokens.list(bob, "anna")
    with pytest.raises(GuestwireError, match="DENIED"):
        await world.tokens.revoke(bob, made.token.id, "anna")
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.tokens.revoke(anna, made.token.id)
    assert [one.name for one in await world.tokens.list(anna, "bob")] == ["t"]
    await world.tokens.revoke(anna, made.token.id, "bob")
    assert await world.tokens.list(bob, "bob") == ()
    for call in (world.tokens.list(anna, "nobody"), world.tokens.revoke(anna, made.token.id, "nobody")):
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            await call


async def test_names_are_different_and_tokens_not_without_end(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    for n in range(MOST):
        await world.tokens.make(anna, f"t{n}", None, None)
    for name in ("t0", "one more"):
        with pytest.raises(GuestwireError) as caught:
            await world.tokens.make(anna, name, None, None)
        assert caught.value.code == "EXISTS"
