"""Who started a rollout, as they are now."""

import pytest
from rollout_world import hosts

from guestwire.controller.rollouts.starters import Starters
from guestwire.controller.store import bindings, tokens, users
from guestwire.controller.store.users import User
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Binding, Person, TokenUse

[HOST] = hosts(1)


@pytest.fixture
async def starters(any_database):
    async with any_database.write() as tx:
        await users.insert(tx, User("u1", "anna", "", "", disabled=False, must_change=False, created_at=0))
        await users.insert(tx, User("u2", "bruno", "", "", disabled=True, must_change=False, created_at=0))
        await bindings.give(tx, "u1", Binding("operator", "site:plant"), 0)
    return Starters(any_database, Access(NoGroups()))


async def test_somebody_who_may(starters):
    anna = await starters.person("u1", None)
    assert anna == Person("u1", "anna", (Binding("operator", "site:plant"),))
    assert starters.may(anna, "guest-shutdown", HOST, risk=2)
    assert not starters.may(anna, "guest-define", HOST, risk=1)


async def test_a_token_still_limits(starters):
    token = TokenUse("t", "ci", (Binding("observer", "*"),))
    anna = await starters.person("u1", token)
    assert not starters.may(anna, "guest-shutdown", HOST, risk=2)


async def test_a_token_that_was_revoked_lets_nothing_go_on_and_one_that_has_expired_does(starters, any_database):
    async with any_database.write() as tx:
        for name, parent in (("t1", None), ("t2", "t1"), ("t3", None)):
            await tokens.insert(tx, tokens.Token(name, "u1", name, name.encode(), None, 0, 50, parent_id=parent))
        await tokens.remove(tx, "u1", "t1", 10)
        await tokens.remove_expired(tx, 100)
    assert await starters.person("u1", TokenUse("t1", "ci", None)) is None
    assert await starters.person("u1", TokenUse("t2", "ci2", None)) is None, "it was made with the other one"
    assert await starters.person("u1", TokenUse("t3", "ci3", None)) is not None


async def test_nobody_and_somebody_who_was_shut_out(starters):
    assert await starters.person("u2", None) is None
    assert await starters.person("u3", None) is None
