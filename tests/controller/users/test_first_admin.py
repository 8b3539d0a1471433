"""The first administrator."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, World, api_world

from guestwire.controller.store.database import Database
from guestwire.controller.users.accounts import ADMIN
from guestwire.controller.users.first_admin import TOKEN_MS
from guestwire.model.errors import GuestwireError


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def test_the_first_user_is_an_admin_of_everything(world: World) -> None:
    token = await world.first.token()
    assert token is not None
    account = await world.first.make(token, "anna", PASSWORD)
    assert account.bindings == (ADMIN,)
    assert not account.user.must_change
    assert await world.first.token() is None
    with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
        await world.first.make(token, "eve", PASSWORD)


async def test_a_token_that_does_not_count(world: World) -> None:
    with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
        await world.first.make("", "eve", PASSWORD)
    old, new = await world.first.token(), await world.first.token()
    assert old is not None
    assert new is not None
    for wrong in (old, "", new[:-1]):
        with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
            await world.first.make(wrong, "eve", PASSWORD)
    world.clock.move(TOKEN_MS / 1000)
    with pytest.raises(GuestwireError, match="LOGIN-REFUSED"):
        await world.first.make(new, "eve", PASSWORD)


async def test_a_weak_password_uses_the_token_up_for_nobody(world: World) -> None:
    token = await world.first.token()
    assert token is not None
    with pytest.raises(GuestwireError, match="PASSWORD-WEAK"):
        await world.first.make(token, "anna", "short")
    assert (await world.first.make(token, "anna", PASSWORD)).user.name == "anna"


async def test_two_at_once_make_one(world: World) -> None:
    token = await world.first.token()
    assert token is not None
    several = await asyncio.gather(
        *(world.first.make(token, name, PASSWORD) for name in ("anna", "eve", "mallory")), return_exceptions=True
    )
    refused = [one.code for one in several if isinstance(one, GuestwireError)]
    assert len(refused) == 2
    assert set(refused) <= {"EXISTS", "LOGIN-REFUSED"}
