"""The hook after a guest stopped, with real scripts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.shutdown_hooks import LOG_BYTES, WAITING, ShutdownHooks
from guestwire.link.vital import Vital
from guestwire.model.guest import Guest, GuestState

Stop = tuple[GuestState | None, GuestState | None]


@dataclass
class Said:
    """A log that keeps what was said."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))


@dataclass
class Bench:
    hooks: ShutdownHooks
    root: Path
    log: Said
    died: list[str]

    def script(self, text: str, number: int = 1, mode: int = 0o700) -> Path:
        folder = self.root / f"guest{number:04d}"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / "vm_shutdown_hook.sh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return folder

    def change(
        self, before: GuestState | None, after: GuestState | None, number: int = 1, *, known: bool = True
    ) -> None:
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        guest = Guest(name=f"g{number}", id=f"GUEST{number:04d}" if known else None, uuid=uuid)
        self.hooks.guest_changed(Transition(guest, before, after, 1_700_000_000_000, "event", "shut down"))

    def stop(self, number: int = 1) -> None:
        self.change("stopped", "running", number)
        self.change("running", "stopped", number)


@asynccontextmanager
async def opened(root: Path, deadline_s: float = 20.0) -> AsyncIterator[Bench]:
    log = Said()
    died: list[str] = []
    vital = Vital(lambda name, error: died.append(f"{name}: {error!r}"))
    hooks = ShutdownHooks(lambda guest_id: root / guest_id.lower(), log, vital, deadline_s=deadline_s)
    async with asyncio.timeout(30), hooks:
        yield Bench(hooks, root, log, died)
    assert not died


async def test_it_runs_once_after_the_guest_stopped_and_knows_which(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        text = 'echo "$GUESTWIRE_GUEST $GUESTWIRE_NAME $GUESTWIRE_STATE $GUESTWIRE_REASON" >> out; echo said'
        folder = bench.script(text)
        bench.stop()
        await bench.hooks.idle()
        assert (folder / "out").read_text() == "GUEST0001 g1 stopped shut down\n"
        assert (folder / "shutdown_hook.log").read_text() == (
            "== 2023-11-14T22:13:20+00:00 g1 stopped (shut down): exit code 0\nsaid\n"
        )
        assert (folder / "shutdown_hook.log").stat().st_mode & 0o777 == 0o600
        assert [(level, event) for level, event, _ in bench.log.lines] == [("info", "shutdown hook")]


@pytest.mark.parametrize(
    ("history", "runs"),
    [
        ([(None, "stopped")], 0),
        ([(None, "running"), ("running", "stopped")], 1),
        ([(None, "paused"), ("paused", "crashed")], 1),
        ([("stopped", "starting"), ("starting", "stopped")], 0),
        ([("stopped", "running"), ("running", "crashed"), ("crashed", "stopped")], 1),
        ([("stopped", "running"), ("running", "unknown"), ("unknown", "stopped")], 1),
        ([("stopped", "running"), ("running", "unknown"), ("unknown", "running")], 0),
        ([("stopped", "unknown"), ("unknown", "stopped")], 0),
        ([("stopped", "running"), ("running", "stopped"), ("stopped", "running"), ("running", "stopped")], 2),
        ([("stopped", "running"), ("running", None), (None, "stopped")], 0),
    ],
)
async def test_what_counts_as_a_stop(tmp_path: Path, history: list[Stop], runs: int) -> None:
    """The first listing after the agent's start is none."""
    async with opened(tmp_path) as bench:
        folder = bench.script("echo x >> out")
        for before, after in history:
            bench.change(before, after)
        await bench.hooks.idle()
        out = folder / "out"
        assert (out.read_text() if out.exists() else "") == "x\n" * runs


async def test_no_hook_no_word(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.stop()
        bench.change("stopped", "running", 2, known=False)
        bench.change("running", "stopped", 2, known=False)
        await bench.hooks.idle()
        assert bench.log.lines == []


async def test_a_hook_that_others_can_write_is_not_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        folder = bench.script("touch ran", mode=0o722)
        bench.stop()
        await bench.hooks.idle()
        assert not (folder / "ran").exists()
        ((level, event, fields),) = bench.log.lines
        assert (level, event) == ("warning", "shutdown hook not run")
        assert "chmod go-w" in str(fields["reason"])


@pytest.mark.parametrize(
    ("text", "deadline_s", "result"), [("exit 7", 20.0, "exit code 7"), ("sleep 1000", 0.2, "killed after 0.2 s")]
)
async def test_a_hook_that_fails_is_a_warning(tmp_path: Path, text: str, deadline_s: float, result: str) -> None:
    async with opened(tmp_path, deadline_s) as bench:
        folder = bench.script(text)
        bench.stop()
        await bench.hooks.idle()
        assert [(level, fields["result"]) for level, _, fields in bench.log.lines] == [("warning", result)]
        assert result in (folder / "shutdown_hook.log").read_text()


async def test_four_run_at_once_and_the_others_wait(tmp_path: Path) -> None:
    """Each waits for the fourth to have begun: fewer at once would never end."""
    async with opened(tmp_path) as bench:
        together = (
            f"touch {tmp_path}/$GUESTWIRE_GUEST.began; while [ ! -e {tmp_path}/GUEST0004.began ]; do sleep 0.02; done"
        )
        for number in range(1, 7):
            bench.script(together, number)
            bench.stop(number)
        assert len(bench.hooks._tasks) == 4
        await bench.hooks.idle()
        assert len(list(tmp_path.glob("*.began"))) == 6


async def test_a_stop_just_as_all_end_is_not_left_waiting(tmp_path: Path) -> None:
    """The event loop tells of an ended task a turn later than it ends."""
    async with opened(tmp_path) as bench:
        for number in range(1, 5):
            bench.script("sleep 1000", number)
            bench.stop(number)
        folder = bench.script("touch ran", 5)
        await asyncio.sleep(0)
        running = tuple(bench.hooks._tasks)
        for task in running:
            task.cancel()
        while not all(task.done() for task in running):
            await asyncio.sleep(0)
        bench.stop(5)
        await bench.hooks.idle()
        assert (folder / "ran").exists()


async def test_when_too_many_wait_the_log_says_which_was_not_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        for number in range(1, 4 + WAITING + 2):
            bench.stop(number)
        assert [(level, fields["guest"]) for level, _, fields in bench.log.lines] == [("error", "GUEST0069")]
        await bench.hooks.idle()


async def test_the_log_of_a_hook_does_not_grow_without_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        folder = bench.script("echo now")
        (folder / "shutdown_hook.log").write_bytes(b"x" * (LOG_BYTES + 1))
        bench.stop()
        await bench.hooks.idle()
        assert (folder / "shutdown_hook.log").read_text().endswith("now\n")
        assert (folder / "shutdown_hook.log").stat().st_size < 1000
        assert (folder / "shutdown_hook.log.1").stat().st_size == LOG_BYTES + 1


async def test_the_end_of_the_agent_ends_its_hooks(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        folder = bench.script("touch began; sleep 1000; touch ended")
        bench.stop()
        while not (folder / "began").exists():
            await asyncio.sleep(0.01)
    assert not (folder / "ended").exists()
    bench.stop()
    assert not bench.hooks._tasks
