"""Passwords: which are good enough, and their hashes."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.users.passwords import AT_ONCE, MEMORY_KIB, ROUNDS, WAITING, PasswordHashing, check
from guestwire.controller.users.weak_passwords import COMMON
from guestwire.model.errors import GuestwireError

GOOD = "violet anchor 7 rivers"


@pytest.mark.parametrize(
    "password",
    [GOOD, "anna goes fishing at 5", "Tr0ub4dor&3-long", "äöü ÄÖÜ ß 12345", "k" * 100 + GOOD],
)
def test_good_enough(password: str) -> None:
    check("anna", password)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "fewer than 12"),
        ("short1!", "fewer than 12"),
        ("elevenchars", "fewer than 12"),
        ("aaaaaaaaaaaaaaaa", "different"),
        ("abababababababab", "different"),
        ("x" * 257, "more than 256"),
        ("annabertha12345", "name"),
        ("AnnaBertha!!!2024", "name"),
        ("annabertha1password", "name"),
        ("Password123456", "everybody"),
        ("passwordpassword!", "everybody"),
        ("ChangeMeNow2024!", "everybody"),
        ("administrator1234", "everybody"),
        ("123456789012345", "everybody"),
        ("098765432109876", "everybody"),
        ("abcdefghijklmnop", "everybody"),
    ],
)
def test_not_good_enough(password: str, why: str) -> None:
    with pytest.raises(GuestwireError, match=why) as caught:
        check("annabertha", password)
    assert caught.value.code == "PASSWORD-WEAK"
    assert password not in caught.value.message or not password


@given(st.text(max_size=300), st.text(max_size=40))
def test_any_text_is_judged(password: str, name: str) -> None:
    with suppress(GuestwireError):
        check(name, password)


def test_the_words_are_such_that_a_password_can_be_one() -> None:
    assert all(word.isalpha() and word == word.casefold() for word in COMMON)


async def test_a_hash() -> None:
    async with PasswordHashing(64, 1) as hashing:
        made, again = await hashing.make(GOOD), await hashing.make(GOOD)
        assert made != again
        assert made.startswith("$argon2id$")
        assert GOOD not in made
        assert (await hashing.compare(made, GOOD)) == (True, None)
        assert not (await hashing.compare(made, GOOD + " ")).right
        assert not (await hashing.compare("no hash", GOOD)).right


async def test_the_parameters_are_owasps() -> None:
    async with PasswordHashing() as hashing:
        assert f"m={MEMORY_KIB},t={ROUNDS},p=1" in await hashing.make(GOOD)
    assert (MEMORY_KIB, ROUNDS) == (19456, 2)


async def test_nobodys_password_is_never_right() -> None:
    async with PasswordHashing(64, 1) as hashing:
        for password in (GOOD, "", "nobody has this password", "x" * 5000):
            assert not (await hashing.compare(None, password)).right


async def test_the_same_keys_are_the_same_password_on_every_machine() -> None:
    async with PasswordHashing(64, 1) as hashing:
        made = await hashing.make("Zoë and the ﬁsh are many")
        assert (await hashing.compare(made, "Zoe\u0308 and the fish are many")).right


async def test_a_hash_by_other_parameters_is_renewed() -> None:
    async with PasswordHashing(64, 1) as old:
        made = await old.make(GOOD)
    async with PasswordHashing(128, 1) as new:
        verdict = await new.compare(made, GOOD)
        assert verdict.right
        assert verdict.renewed is not None
        assert "m=128" in verdict.renewed
        assert (await new.compare(verdict.renewed, GOOD)) == (True, None)
        assert (await new.compare(made, "another one entirely")).renewed is None


async def test_a_full_queue_says_so() -> None:
    async with PasswordHashing(64, 1) as hashing:
        results = await asyncio.gather(
            *(hashing.make(GOOD) for _ in range(AT_ONCE + WAITING + 3)), return_exceptions=True
        )
        refused = [one for one in results if isinstance(one, GuestwireError)]
        assert [one.code for one in refused] == ["BUSY"] * 3
        await hashing.make(GOOD)  # there is room again
