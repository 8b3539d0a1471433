"""A child process: told to end, killed when it does not."""

import signal
import sys

from guestwire.broker_test.child import end_child, kill_child, start_child

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


async def test_an_obedient_child_ends_by_sigterm():
    child = await start_child([sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(60)"])
    assert await child.stdout.readline() == b"ready\n"
    assert await end_child(child, 10) == -signal.SIGTERM
    assert await end_child(child, 10) == -signal.SIGTERM


async def test_a_stubborn_child_is_killed():
    child = await start_child([sys.executable, "-c", STUBBORN])
    assert await child.stdout.readline() == b"ready\n"
    assert await end_child(child, 0.1) == -signal.SIGKILL
    kill_child(child)


async def test_a_program_that_is_not_there_says_so():
    child = await start_child(["/nowhere/program"])
    assert b"FileNotFoundError" in await child.stdout.read()
    assert await child.wait() == 1
