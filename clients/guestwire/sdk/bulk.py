"""The same thing to many hosts or guests at once, so many at a time, with an outcome for each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from guestwire.model.errors import GuestwireError

AT_A_TIME = 32

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T, R]):
    """A target's result or its error: one of the two."""

    target: T
    result: R | None
    error: GuestwireError | None


async def each(
    targets: Sequence[T],
    action: Callable[[T], Awaitable[R]],
    *,
    at_a_time: int = AT_A_TIME,
    on_end: Callable[[Outcome[T, R]], None] | None = None,
) -> tuple[Outcome[T, R], ...]:
    """Every target's outcome, in the order of `targets`. A target that fails stops no other; `on_end` hears each outcome
    when it is there. Anything but a GuestwireError ends the whole."""
    turns = asyncio.Semaphore(at_a_time)

    async def one(target: T) -> Outcome[T, R]:
        async with turns:
            try:
                outcome: Outcome[T, R] = Outcome(target, await action(target), None)
            except GuestwireError as err:
                outcome = Outcome(target, None, err)
        if on_end is not None:
            on_end(outcome)
        return outcome

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(target)) for target in targets]
    return tuple(task.result() for task in tasks)
