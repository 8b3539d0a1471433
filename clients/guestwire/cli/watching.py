"""Lists that are shown again as they change, until Ctrl-C: on a terminal in place, else a document or a table each time.

Light: read by every `--help`.
"""

import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from guestwire.cli.output import View, write_all
from guestwire.cli.settings import Settings

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller

CLEAR = "\x1b[H\x1b[J"
AROUND = 3
"""Lines of the terminal that are not rows: the titles, the remark that there are more, and where the cursor stands."""

T = TypeVar("T")


def watch_option(function: Callable[..., None]) -> Callable[..., None]:
    """Adds `--watch`."""
    return click.option("-w", "--watch", is_flag=True, help="Show it again as it changes, until Ctrl-C.")(function)


async def show(
    settings: Settings, controller: "Controller", view: Callable[[], View[T]], fetch: Callable[[], Awaitable[Sequence[T]]],
    *kinds: str, watch: bool, until: Callable[[Sequence[T]], bool] = lambda _: False,
) -> Sequence[T]:  # fmt: skip
    """Write the things that `fetch` gives, with `watch` again whenever they are others, until `until` says so of them; what was
    written last. `kinds`: what the controller's stream tells of that may make them others; none: it tells of nothing such, and they are
    asked for again and again. `view` is made anew each time, for it tells how long ago things were."""
    import asyncio

    from guestwire.cli.waking import waking

    things = await fetch()
    last = _written(settings, view(), things, None, watch=watch)
    if not watch or until(things):
        return things
    clock, took_s = asyncio.get_running_loop().time, 0.0
    async with waking(controller, settings, *kinds) as wake:
        while not until(things):
            await wake.wait(took_s)
            began = clock()
            found = await wake.look(fetch)
            if found is not None:
                things, took_s = found, clock() - began
                last = _written(settings, view(), things, last, watch=True)
    return things


def _written(
    settings: Settings, view: View[T], things: Sequence[T], last: list[object] | None, *, watch: bool
) -> list[object]:
    """Write them where they are others than `last`; what they are. As lines of JSON: those of them that are others."""
    documents = [view.document(thing) for thing in things]
    if watch and last is not None and settings.output == "jsonl":
        things = [thing for thing, document in zip(things, documents, strict=True) if document not in last]
        write_all(settings, view, things)
        sys.stdout.flush()
        return documents
    in_place = watch and not settings.for_programs and sys.stdout.isatty()
    if not in_place:
        if documents != last:
            write_all(settings, view, things)
    else:
        room = max(1, shutil.get_terminal_size().lines - AROUND)
        sys.stdout.write(CLEAR)
        write_all(settings, view, things[:room])
        if len(things) > room:
            sys.stdout.write(f"and {len(things) - room} more, for which this terminal is too small\n")
    sys.stdout.flush()
    return documents
