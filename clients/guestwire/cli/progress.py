"""What a person sees while something takes time: a spinner or a bar on stderr on a terminal, after a moment; and in a log, where it takes
long, a line now and then."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from guestwire.cli.settings import Settings
from guestwire.cli.terminal import person_watches, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from guestwire.protocol.operation_models import Progress

AFTER_S = 0.4
LINES_S = 5.0
"""Between two lines in a log, and before the first."""
SHOWN = 12
"""Lines of single targets on the screen at once; the others only count."""


class Shown:
    """Progress of several targets. Nothing is drawn, nor rich imported, until `AFTER_S` have passed."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._texts: dict[str, tuple[str, int | None]] = {}
        self._bars: Bars | None = None
        self._whole: TaskID | None = None
        self._lines: dict[str, TaskID] = {}

    def begin(self, target: str) -> None:
        """Work on a target began."""
        self._texts[target] = ("", None)
        self._draw(target)

    def report(self, target: str, said: "Progress") -> None:
        """What the host says of it."""
        text = " ".join(part for part in (said.step, said.message) if part)
        self._texts[target] = (printable(text), said.percent)
        self._draw(target)

    def end(self, target: str) -> None:
        """It ended, well or not."""
        self._texts.pop(target, None)
        self._done += 1
        if self._bars is not None:
            if target in self._lines:
                self._bars.remove_task(self._lines.pop(target))
            if self._whole is not None:
                self._bars.update(self._whole, completed=self._done)
            for waiting in self._texts:
                self._draw(waiting)

    def show(self, console: "Console | None" = None) -> None:
        """Begin to draw, on stderr where no console is given."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}", markup=False), TimeElapsedColumn(),
            console=console or Console(stderr=True), transient=True,
        )  # fmt: skip
        self._bars.start()
        if self._total > 1:
            self._whole = self._bars.add_task(self._what, total=self._total, completed=self._done, said="")
        for target in self._texts:
            self._draw(target)

    def hide(self) -> None:
        """Take it off the screen."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _draw(self, target: str) -> None:
        bars = self._bars
        if bars is None:
            return
        text, percent = self._texts[target]
        total, completed = (None, 0) if percent is None else (100, percent)
        line = self._lines.get(target)
        if line is None:
            if len(self._lines) < SHOWN:
                self._lines[target] = bars.add_task(target, total=total, completed=completed, said=text)
        else:
            bars.update(line, total=total, completed=completed, said=text)


class Lines(Shown):
    """The same in a log: a line for what is at work, where it takes long. `write` takes a line, `clock` seconds."""

    def __init__(self, what: str, total: int, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        super().__init__(what, total)
        self._write = write
        self._clock = clock
        self._next = clock() + LINES_S
        self._last = ""

    def _draw(self, target: str) -> None:
        if self._clock() < self._next:
            return
        text, percent = self._texts[target]
        many = "" if self._total == 1 else f" ({self._done} of {self._total})"
        line = " ".join(part for part in (f"{self._what}{many}: {target}", _percent(percent), text) if part)
        if line != self._last:
            self._write(line)
        self._last, self._next = line, self._clock() + LINES_S


def _percent(percent: int | None) -> str:
    return "" if percent is None else f"{percent} %"


@asynccontextmanager
async def progress(settings: Settings, what: str, total: int) -> AsyncIterator[Shown]:
    """A display for the time of the block."""
    loop = asyncio.get_running_loop()
    if not settings.quiet and not settings.for_programs and not person_watches():
        yield Lines(what, total, lambda line: print(line, file=sys.stderr, flush=True), loop.time)
        return
    shown = Shown(what, total)
    if settings.quiet or not person_watches():
        yield shown
        return
    timer = loop.call_later(AFTER_S, shown.show)
    try:
        yield shown
    finally:
        timer.cancel()
        shown.hide()
