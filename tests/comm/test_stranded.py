"""Who was attached to an instance that is gone: known until it ends, also while there is no file to watch it by."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest
from tests.comm.test_doorbells import few_files

from guestwire.comm.state_file import AttachedPeer, process_started
from guestwire.comm.stranded import Stranded


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def peer(pid: int, *, later: int = 0) -> AttachedPeer:
    started = process_started(pid)
    assert started is not None
    return AttachedPeer(name="a", uuid="u", pid=pid, started=started + later)


def ending(stranded: Stranded) -> asyncio.Event:
    gone = asyncio.Event()
    stranded.gone = gone.set
    return gone


async def seen_to_end(stranded: Stranded, process: subprocess.Popen[bytes]) -> None:
    gone = ending(stranded)
    process.kill()
    await asyncio.wait_for(gone.wait(), 20)
    assert stranded.left == ()


async def test_who_lives_is_left_until_it_ends(process: subprocess.Popen[bytes]) -> None:
    async with Stranded([peer(process.pid)]) as stranded:
        assert stranded.names == ("a",)
        await seen_to_end(stranded, process)


async def test_who_ended_before_or_has_the_pid_of_another_is_not_left(process: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as short:
        ended = peer(short.pid)
        short.kill()
    async with Stranded([ended, peer(process.pid, later=1)]) as stranded:
        assert stranded.left == ()


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """This process can open so many more, and no others."""
    taken: list[int] = []
    with few_files():
        try:
            with pytest.raises(OSError, match="Too many open files"):
                while True:
                    taken.append(os.open("/dev/null", os.O_RDONLY))
            for _ in range(count):
                os.close(taken.pop())
            yield
        finally:
            for fd in taken:
                os.close(fd)


@pytest.mark.parametrize("left", [0, 1])
async def test_without_a_file_to_watch_it_by_it_is_left_and_watched_later(
    process: subprocess.Popen[bytes], left: int
) -> None:
    """With 1 there is one for the process, and none to read when it began."""
    known = peer(process.pid)
    stranded = Stranded([known], again_s=0.05)
    with files_left(left):
        await stranded.__aenter__()
    async with AsyncExitStack() as stack:
        stack.push_async_exit(stranded)
        assert stranded.names == ("a",)
        await seen_to_end(stranded, process)


async def test_who_ended_while_there_was_no_file_is_found_to_be_gone(process: subprocess.Popen[bytes]) -> None:
    stranded = Stranded([peer(process.pid)], again_s=0.05)
    with files_left(0):
        await stranded.__aenter__()
    gone = ending(stranded)
    process.kill()
    process.wait()
    await asyncio.wait_for(gone.wait(), 20)
    assert stranded.left == ()
    await stranded.__aexit__()
