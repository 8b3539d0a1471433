"""Lists that are shown again as they change, until Ctrl-C: on a terminal in place, else a document or a table each time.

Light: read by every `--help`.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import click

from guestwire.cli.output import View, write_all
from guestwire.cli.settings import Settings

EVERY_S = 2.0
CLEAR = "\x1b[H\x1b[J"

T = TypeVar("T")


def watch_option(function: Callable[..., None]) -> Callable[..., None]:
    """Adds `--watch`."""
    return click.option("-w", "--watch", is_flag=True, help="Show it again as it changes, until Ctrl-C.")(function)


async def show(
    settings: Settings, view: Callable[[], View[T]], fetch: Callable[[], Awaitable[Sequence[T]]], *, watch: bool,
    every_s: float = EVERY_S, until: Callable[[Sequence[T]], bool] = lambda _: False,
) -> Sequence[T]:  # fmt: skip
    """Write the things that `fetch` gives, with `watch` again whenever they are others, until `until` says so of them; what was
    written last. `view` is made anew each time, for it tells how long ago things were."""
    import asyncio

    last: list[object] | None = None
    while True:
        things = await fetch()
        made = view()
        documents = [made.document(thing) for thing in things]
        in_place = watch and not settings.for_programs and sys.stdout.isatty()
        if in_place:
            sys.stdout.write(CLEAR)
        if in_place or documents != last:
            write_all(settings, made, things)
            sys.stdout.flush()
        last = documents
        if not watch or until(things):
            return things
        await asyncio.sleep(every_s)
