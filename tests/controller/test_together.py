"""What several ask for at once is done as one, and nobody suffers for another."""

import asyncio
from collections.abc import Mapping

import pytest

from guestwire.controller.together import MOST, Together
from guestwire.model.errors import GuestwireError


class Work:
    """Doubles numbers. `hold`: what the next group waits for; 13 breaks whatever it is done with, 7 is refused."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.hold: asyncio.Event | None = None
        self.begun = asyncio.Event()
        self.away = False

    async def __call__(self, asked: Mapping[str, int]) -> Mapping[str, int | GuestwireError]:
        self.groups.append(list(asked))
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.away:
            raise GuestwireError("DATABASE-UNAVAILABLE")
        if 13 in asked.values():
            raise ValueError("13")
        return {key: GuestwireError("NOT-FOUND") if value == 7 else value * 2 for key, value in asked.items()}


async def all_of(together: Together[str, int, int], *numbers: int) -> list[int | BaseException]:
    return await asyncio.gather(*(together.done(str(n), n) for n in numbers), return_exceptions=True)


async def test_who_comes_meanwhile_is_done_with_the_first() -> None:
    work = Work()
    together = Together(work, gather_s=0.0)
    assert await all_of(together, *range(20, 50)) == [n * 2 for n in range(20, 50)]
    assert work.groups == [[str(n) for n in range(20, 50)]]
    work.groups.clear()
    many = range(1000, 1000 + 2 * MOST + 1)
    assert await all_of(together, *many) == [n * 2 for n in many]
    assert [len(group) for group in work.groups] == [MOST, MOST, 1]


async def test_of_one_key_the_later_is_done_later() -> None:
    work = Work()
    together = Together(work, gather_s=0.0)
    done = await asyncio.gather(together.done("a", 1), together.done("a", 2), together.done("b", 3))
    assert (done, work.groups) == ([2, 4, 6], [["a", "b"], ["a"]])


async def test_one_that_is_broken_or_refused_undoes_no_other() -> None:
    work = Work()
    found = await all_of(Together(work, gather_s=0.0), 1, 13, 7, 2)
    assert (found[0], found[3]) == (2, 4)
    assert isinstance(found[1], ValueError)
    assert isinstance(found[2], GuestwireError)
    work.away = True
    found = await all_of(Together(work, gather_s=0.0), 1, 2)
    assert [getattr(error, "code", "") for error in found] == ["DATABASE-UNAVAILABLE"] * 2


@pytest.mark.parametrize("when", ["before", "during"])
async def test_a_caller_that_leaves_holds_nobody_up(when: str) -> None:
    work = Work()
    work.hold = asyncio.Event()
    together = Together(work, gather_s=3600.0 if when == "before" else 0.0)
    first = asyncio.ensure_future(together.done("a", 1))
    if when == "during":
        async with asyncio.timeout(5):
            await work.begun.wait()
    else:
        await asyncio.sleep(0)
    others = [asyncio.ensure_future(together.done(key, 2)) for key in "bc"]
    await asyncio.sleep(0)
    first.cancel()
    if when == "before":
        others[0].cancel()
    await asyncio.sleep(0)
    work.hold.set()
    if when == "before":
        assert not work.groups
        assert not others[1].done()
        others[1].cancel()
        await asyncio.gather(first, *others, return_exceptions=True)
        assert not work.groups, "whoever left is not done"
        return
    async with asyncio.timeout(5):
        assert await asyncio.gather(*others) == [4, 4]
    assert (first.cancelled(), work.groups) == (True, [["a"], ["b", "c"]])
