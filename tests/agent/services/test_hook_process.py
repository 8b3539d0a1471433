"""One run of a user's program, with real ones."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from guestwire.agent.services.hook_process import _Output, run_program, why_not

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "WHO": "me"}


def script(folder: Path, text: str, mode: int = 0o700) -> Path:
    path = folder / "hook.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


def alive(group: int) -> list[str]:
    """The processes of a group that are neither gone nor waiting to be reaped."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, in_group = path.read_text().rsplit(")", 1)[1].split()[:3]
            if int(in_group) == group and state not in "ZX":
                found.append(path.parent.name)
    return found


async def all_dead(group: int) -> None:
    async with asyncio.timeout(10):
        while alive(group):
            await asyncio.sleep(0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "guest0001"
    made.mkdir(mode=0o700)
    return made


async def run(path: Path, deadline_s: float = 20.0, keep_bytes: int = 1000) -> tuple[int | None, bytes]:
    return await run_program(path, ENVIRONMENT, deadline_s=deadline_s, keep_bytes=keep_bytes)


async def test_it_runs_in_its_folder_with_its_environment_only(folder: Path) -> None:
    os.environ["GUESTWIRE_SECRET"] = "no"
    try:
        code, output = await run(script(folder, 'pwd; echo "$WHO $GUESTWIRE_SECRET."; echo bad >&2; cat; exit 3'))
    finally:
        del os.environ["GUESTWIRE_SECRET"]
    assert code == 3
    assert output.decode() == f"{folder}\nme .\nbad\n"


async def test_of_much_output_the_first_is_kept(folder: Path) -> None:
    code, output = await run(script(folder, "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done"))
    assert (code, len(output)) == (0, 1000)


async def test_at_the_deadline_all_of_it_is_killed(folder: Path) -> None:
    code, output = await run(script(folder, "echo $$; sleep 1000 & wait"), deadline_s=0.3)
    assert code is None
    await all_dead(int(output))


async def test_what_it_leaves_in_the_background_is_not_waited_for(folder: Path) -> None:
    async with asyncio.timeout(10):
        code, output = await run(script(folder, "sleep 1000 & echo $!"))
    assert code == 0
    os.kill(int(output), 9)


async def test_what_is_there_is_read_up_to_what_is_kept() -> None:
    """Not until there is no more: what runs on in the background may write as fast as we read."""
    with _Output(1000) as output:
        os.set_blocking(output.write_fd, False)
        filled = os.write(output.write_fd, bytes(1 << 20))
        assert len(output.taken()) == 1000
        assert os.write(output.write_fd, bytes(1 << 20)) < filled


async def test_cancelling_kills_it(folder: Path) -> None:
    running = asyncio.create_task(run(script(folder, "echo $$ > pid; sleep 1000")))
    async with asyncio.timeout(10):
        while not (folder / "pid").exists() or not (folder / "pid").read_text().strip():
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await all_dead(int((folder / "pid").read_text()))


async def test_what_cannot_be_run_is_an_error_of_the_system(folder: Path) -> None:
    path = folder / "hook.sh"
    path.write_text("no program at all")
    path.chmod(0o700)
    with pytest.raises(OSError, match="Exec format"):
        await run(path)


@pytest.mark.parametrize(
    ("mode", "folder_mode", "reason"),
    [
        (0o700, 0o700, None),
        (0o755, 0o755, None),
        (0o720, 0o700, "written by others"),
        (0o702, 0o700, "written by others"),
        (0o700, 0o770, "written by others"),
        (0o700, 0o707, "written by others"),
        (0o600, 0o700, "not executable"),
    ],
)
def test_only_what_nobody_else_can_have_written_may_run(
    folder: Path, mode: int, folder_mode: int, reason: str | None
) -> None:
    path = script(folder, "exit", mode)
    folder.chmod(folder_mode)
    found = why_not(path)
    assert found is None if reason is None else reason in (found or "")


def test_a_link_or_a_folder_is_no_program(folder: Path) -> None:
    target = script(folder, "exit")
    (folder / "link").symlink_to(target)
    assert "not a plain file" in (why_not(folder / "link") or "")
    assert "not a plain file" in (why_not(folder) or "")
    with pytest.raises(FileNotFoundError):
        why_not(folder / "none")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_not_run(folder: Path) -> None:
    path = script(folder, "exit")
    os.chown(path, 12345, 12345)
    assert "belongs to user 12345" in (why_not(path) or "")
