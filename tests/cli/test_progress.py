"""Progress on stderr: only for a person, only after a moment, and gone at the end."""

import io

import pytest
from rich.console import Console

from guestwire.cli.progress import Lines, Shown, progress
from guestwire.cli.settings import Settings
from guestwire.protocol.operation_models import Progress


async def test_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    async with progress(Settings(), "start", 2) as shown:
        shown.begin("h1/web")
        shown.report("h1/web", Progress(percent=10, step="boot"))
        shown.end("h1/web")
    assert capsys.readouterr().err == ""


def test_what_is_drawn() -> None:
    screen = io.StringIO()
    shown = Shown("start", 20)
    for number in range(20):
        shown.begin(f"h1/g{number}")
    shown.report("h1/g0", Progress(percent=10, step="boot", message="\x1b[2J[red]kernel"))
    shown.show(Console(file=screen, force_terminal=True, width=120))
    for number in range(20):
        shown.report(f"h1/g{number}", Progress(step="going"))
        shown.end(f"h1/g{number}")
    shown.hide()
    shown.hide()
    assert "start" in screen.getvalue()


def test_a_late_report_is_no_error() -> None:
    shown = Shown("start", 1)
    shown.begin("h1/web")
    shown.end("h1/web")
    shown.report("h1/web", Progress(step="late"))


def test_a_log_has_a_line_now_and_then() -> None:
    written: list[str] = []
    now = 0.0
    lines = Lines("apply", 1, written.append, lambda: now)
    lines.begin("h1")
    lines.report("h1", Progress(percent=10, message="plan"))
    now = 6.0
    lines.report("h1", Progress(percent=20, step="disks", message="a.img"))
    lines.report("h1", Progress(percent=30, message="soon after"))
    now = 12.0
    lines.report("h1", Progress(percent=20, step="disks", message="a.img"))
    now = 18.0
    lines.report("h1", Progress(percent=90))
    lines.end("h1")
    assert written == ["apply: h1 20 % disks a.img", "apply: h1 90 %"], (
        "not at first, not too often, not twice the same"
    )
