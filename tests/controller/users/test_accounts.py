"""Accounts, passwords and roles."""

from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, World, api_world

from guestwire.controller.store import bindings, users
from guestwire.controller.store.database import Database
from guestwire.controller.users.accounts import ADMIN, Changed
from guestwire.controller.users.person import Asked, Binding, Person
from guestwire.model.errors import GuestwireError

HERE = Asked("192.0.2.1")
ANOTHER = "quite another passphrase"


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def person(world: World, name: str, *roles: tuple[str, str]) -> Person:
    given = tuple(Binding(*role) for role in roles)  # type: ignore[arg-type]
    account = await world.accounts.make(None, name, PASSWORD, must_change=False, roles=given)
    return Person(account.user.id, name, given, asked=HERE)


async def test_a_user(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    made = await world.accounts.make(anna, "bob", PASSWORD, label="Bob", roles=(Binding("operator", "site:plant"),))
    assert (made.user.name, made.user.label, made.user.must_change, made.user.disabled) == ("bob", "Bob", True, False)
    assert made.bindings == (Binding("operator", "site:plant"),)
    assert PASSWORD not in made.user.password_hash
    assert await world.accounts.get(anna, "bob") == made
    assert [one.user.name for one in await world.accounts.list(anna, "", 10)] == ["anna", "bob"]
    assert [one.user.name for one in await world.accounts.list(anna, "anna", 10)] == ["bob"]
    with pytest.raises(GuestwireError, match="EXISTS"):
        await world.accounts.make(anna, "bob", PASSWORD)
    rows = await world.rows(action="user-make")
    assert [(row.person, row.target) for row in rows] == [("controller", "anna"), ("anna", "bob")]
    assert not any(PASSWORD in repr(row) for row in await world.rows())


async def test_a_weak_password_makes_nobody(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    with pytest.raises(GuestwireError, match="PASSWORD-WEAK"):
        await world.accounts.make(anna, "bob", "password12345")
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.accounts.get(anna, "bob")


async def test_changing_a_user(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    await person(world, "bob")
    changed = await world.accounts.change(anna, "bob", Changed(label="Robert"), 1)
    assert (changed.user.label, changed.user.revision) == ("Robert", 2)
    with pytest.raises(GuestwireError) as caught:
        await world.accounts.change(anna, "bob", Changed(label="Bo"), 1)
    assert (caught.value.code, caught.value.detail) == ("REVISION-STALE", {"revision": 2})
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.accounts.change(anna, "nobody", Changed(label="x"))
    await world.accounts.change(anna, "bob", Changed())
    assert (await world.accounts.get(anna, "bob")).user.label == "Robert"


async def test_a_new_password_ends_the_sessions(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    await person(world, "bob")
    before = await world.signing_in.log_in("bob", PASSWORD, HERE)
    await world.accounts.change(anna, "bob", Changed(password=ANOTHER, must_change=True))
    assert await world.signing_in.person(before.secret, HERE) is None
    world.clock.move(10)
    after = await world.signing_in.log_in("bob", ANOTHER, HERE)
    assert after.person.must_change
    (row,) = await world.rows(action="user-change")
    assert ANOTHER not in row.detail


async def test_a_password_of_ones_own(world: World) -> None:
    await person(world, "bob")
    one = await world.signing_in.log_in("bob", PASSWORD, HERE)
    two = await world.signing_in.log_in("bob", PASSWORD, HERE)
    for old, new, code in (
        ("wrong", ANOTHER, "LOGIN-REFUSED"),
        (PASSWORD, "short", "PASSWORD-WEAK"),
        (PASSWORD, PASSWORD, "PASSWORD-WEAK"),
    ):
        with pytest.raises(GuestwireError) as caught:
            await world.accounts.set_own_password(one.person, old, new, one.secret)
        assert caught.value.code == code
    await world.accounts.set_own_password(one.person, PASSWORD, ANOTHER, one.secret)
    assert await world.signing_in.person(one.secret, HERE) is not None
    assert await world.signing_in.person(two.secret, HERE) is None
    world.clock.move(10)
    assert (await world.signing_in.log_in("bob", ANOTHER, HERE)).person.name == "bob"
    with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
        await world.signing_in.log_in("bob", PASSWORD, HERE)


async def test_guessing_ones_old_password_is_noted_and_made_slow(world: World) -> None:
    """Who has taken a session, or a token, does not find out the password with it."""
    bob = await person(world, "bob")
    codes = []
    for _ in range(20):
        with pytest.raises(GuestwireError) as caught:
            await world.accounts.set_own_password(bob, "a wrong passphrase", ANOTHER, None)
        codes.append(caught.value.code)
    assert codes == ["LOGIN-REFUSED"] * 5 + ["THROTTLED"] * 15
    rows = await world.rows(action="password-change")
    assert [(row.person, row.outcome) for row in rows] == [("bob", "LOGIN-REFUSED")] * 5
    world.clock.move(60)
    await world.accounts.set_own_password(bob, PASSWORD, ANOTHER, None)


async def test_a_narrow_token_changes_no_password(world: World) -> None:
    bob = await person(world, "bob", ("admin", "*"))
    made = await world.tokens.make(bob, "narrow", [Binding("observer", "*")], None)
    narrow = await world.tokens.person(made.text, HERE)
    assert narrow is not None
    with pytest.raises(GuestwireError, match="DENIED"):
        await world.accounts.set_own_password(narrow, PASSWORD, ANOTHER, None)


async def test_users_are_a_matter_of_admins(world: World) -> None:
    await person(world, "anna", ("admin", "*"))
    for n, role in enumerate(((), (("operator", "*"),), (("engineer", "*"),), (("admin", "site:plant"),))):
        eve = await person(world, f"eve{n}", *role)
        for call in (
            world.accounts.list(eve, "", 10),
            world.accounts.get(eve, "anna"),
            world.accounts.make(eve, "mallory", PASSWORD, roles=(ADMIN,)),
            world.accounts.change(eve, "anna", Changed(password=ANOTHER)),
            world.accounts.change(eve, eve.name, Changed(must_change=False)),
            world.accounts.remove(eve, "anna"),
            world.accounts.give(eve, eve.name, ADMIN),
            world.accounts.give(eve, eve.name, Binding("admin", "group:x")),
            world.accounts.take(eve, "anna", ADMIN),
        ):
            with pytest.raises(GuestwireError, match="DENIED"):
                await call
        assert (await world.accounts.get(eve, eve.name)).user.name == eve.name
    async with world.database.read() as tx:
        assert len(await bindings.admins(tx)) == 1


async def test_the_admin_of_a_site_gives_roles_there_and_nowhere_else(world: World) -> None:
    await person(world, "anna", ("admin", "*"))
    await person(world, "bob")
    chief = await person(world, "chief", ("admin", "site:plant"))
    for good in (Binding("operator", "site:plant"), Binding("admin", "host:plant/h1")):
        assert good in (await world.accounts.give(chief, "bob", good)).bindings
        await world.accounts.take(chief, "bob", good)
    for bad in (ADMIN, Binding("observer", "*"), Binding("observer", "site:lab"), Binding("observer", "host:lab/h1"),
                Binding("observer", "group:mixed")):  # fmt: skip
        with pytest.raises(GuestwireError, match="DENIED"):
            await world.accounts.give(chief, "bob", bad)
        with pytest.raises(GuestwireError, match="DENIED"):
            await world.accounts.take(chief, "anna", bad)


async def test_a_role_is_given_once_and_taken_once(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    await person(world, "bob")
    role = Binding("operator", "site:plant")
    first = await world.accounts.give(anna, "bob", role)
    again = await world.accounts.give(anna, "bob", role)
    assert first.bindings == again.bindings == (role,)
    assert first.user.revision == again.user.revision == 2
    assert (await world.accounts.take(anna, "bob", role)).bindings == ()
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.accounts.take(anna, "bob", role)


async def test_somebody_stays_an_admin(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    bob = await person(world, "bob", ("admin", "*"))
    await world.accounts.change(anna, "bob", Changed(disabled=True))
    for call in (
        world.accounts.remove(anna, "anna"),
        world.accounts.take(anna, "anna", ADMIN),
        world.accounts.change(anna, "anna", Changed(disabled=True)),
        world.accounts.remove(None, "anna"),
    ):
        with pytest.raises(GuestwireError) as caught:
            await call
        assert caught.value.code == "LAST-ADMIN"
    await world.accounts.change(anna, "bob", Changed(disabled=False))
    await world.accounts.remove(bob, "anna")
    with pytest.raises(GuestwireError, match="LAST-ADMIN"):
        await world.accounts.take(bob, "bob", ADMIN)


async def test_a_removed_user_is_gone_and_a_new_one_of_the_name_is_somebody_else(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    bob = await person(world, "bob", ("operator", "*"))
    session = await world.signing_in.log_in("bob", PASSWORD, HERE)
    await world.accounts.remove(anna, "bob")
    assert await world.signing_in.person(session.secret, HERE) is None
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await world.accounts.remove(anna, "bob")
    again = await world.accounts.make(anna, "bob", PASSWORD)
    assert again.user.id != bob.id
    assert again.bindings == ()
    async with world.database.read() as tx:
        assert await users.by_id(tx, bob.id) is None


async def test_who_watches_hears_of_users(world: World) -> None:
    anna = await person(world, "anna", ("admin", "*"))
    with world.feed.subscribe() as subscriber:
        await world.accounts.make(anna, "bob", PASSWORD)
        await world.accounts.change(anna, "bob", Changed(label="Robert"))
        (change,) = await subscriber.take()
        assert (change.kind, change.key, change.hosts) == ("user", "bob", ())
        assert change.document is not None
        assert change.document["label"] == "Robert"
        assert not any("password" in name for name in change.document)
        await world.accounts.remove(anna, "bob")
        (change,) = await subscriber.take()
        assert change.document is None
