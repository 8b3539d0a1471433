"""Passwords: which are good enough, and their hashes (argon2id, OWASP's parameters), made in threads of their own.

A hash takes some 20 MiB and tens of milliseconds: few are made at once, and a queue that is full says so.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, NamedTuple, Self, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from guestwire.controller.users.weak_passwords import COMMON
from guestwire.model.errors import GuestwireError

SHORTEST: Final = 12
LONGEST: Final = 256
FEWEST_DIFFERENT: Final = 5
MEMORY_KIB: Final = 19 * 1024
ROUNDS: Final = 2
"""19 MiB, two rounds, one lane: OWASP Password Storage Cheat Sheet, argon2id."""
AT_ONCE: Final = 2
WAITING: Final = 32
BUSY_MS: Final = 2000
_T = TypeVar("_T")


def check(name: str, password: str) -> None:
    """Raises PASSWORD-WEAK unless the password is good enough for the user of that name."""
    if why := _weakness(name, normal(password)):
        raise GuestwireError("PASSWORD-WEAK", f"Choose another password: {why}.", field="password")


def normal(password: str) -> str:
    """A password as it is hashed: the same keys give the same text on every machine (NIST SP 800-63B: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _weakness(name: str, password: str) -> str:
    if len(password) < SHORTEST:
        return f"it has fewer than {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"it has more than {LONGEST} characters"
    if len(set(password)) < FEWEST_DIFFERENT:
        return f"it has fewer than {FEWEST_DIFFERENT} different characters"
    small = password.casefold()
    letters = "".join(character for character in small if character.isalpha())
    if len(name) > 2 and letters.replace(name.casefold(), "") in ("", *COMMON) and name.casefold() in small:
        return "it is the user's name"
    if letters in COMMON or _in_a_row(small):
        return "it is one that everybody tries first"
    return ""


def _in_a_row(text: str) -> bool:
    """Whether every character follows the one before it: 123456789012, abcdefghijkl."""
    steps = {(ord(b) - ord(a)) % 10 if a.isdigit() and b.isdigit() else ord(b) - ord(a) for a, b in pairwise(text)}
    return len(steps) == 1


class Verdict(NamedTuple):
    """Whether a password was the right one; `renewed`: its hash by today's parameters, where the kept one is by others."""

    right: bool
    renewed: str | None = None


class PasswordHashing:
    """Makes and compares hashes while its block lasts."""

    def __init__(self, memory_kib: int = MEMORY_KIB, rounds: int = ROUNDS) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1, hash_len=32, salt_len=16)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._busy = 0
        self._nobody = ""

    async def __aenter__(self) -> Self:
        self._nobody = await self.make("nobody has this password")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def make(self, password: str) -> str:
        """The hash of a password. Raises BUSY."""
        return await self._run(lambda: self._hasher.hash(normal(password)))

    async def compare(self, kept: str | None, password: str) -> Verdict:
        """Whether that is the password of a hash. None: nobody's, which takes as long and is always wrong. Raises BUSY."""
        if len(password) > LONGEST:  # nobody has one, and it would cost the more
            password = password[:LONGEST]
            kept = None
        verdict = await self._run(lambda: self._compared(kept or self._nobody, normal(password)))
        return verdict if kept is not None else Verdict(False)

    def _compared(self, kept: str, password: str) -> Verdict:
        try:
            self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return Verdict(False)
        return Verdict(True, self._hasher.hash(password) if self._hasher.check_needs_rehash(kept) else None)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._busy >= AT_ONCE + WAITING:
            raise GuestwireError("BUSY", "Too many people log in at this moment.", after_ms=BUSY_MS)
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._busy -= 1
