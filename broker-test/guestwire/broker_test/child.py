"""One child process that cannot outlive us.

The child is started through a one-line Python launcher that asks the kernel to kill it when we die
(prctl PR_SET_PDEATHSIG, which survives execve) and then becomes the program. So even `kill -9` of a test run leaves no
broker behind. `preexec_fn` would do the same, but runs Python code in a forked, possibly multi-threaded process.
The kernel watches the thread that started the child: start it from a thread that lives as long as the child shall.
"""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Sequence
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_ASK_AGAIN_S = 0.25

# Between fork and prctl we may have died already: then the parent is somebody else, and nobody would ever stop the child.
_LAUNCHER = f"""
import os, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGKILL)}, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        os._exit(125)
os.execv(sys.argv[2], sys.argv[2:])
"""


async def start_child(argv: Sequence[str]) -> Process:
    """Start `argv` (an absolute program path first) with stdout and stderr on one pipe, `process.stdout`.

    It gets a session of its own: Ctrl-C at the terminal reaches only us, and we end it in order.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        "-c",
        _LAUNCHER,
        str(os.getpid()),
        *argv,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )


async def end_child(process: Process, timeout_s: float) -> int:
    """SIGTERM, then SIGKILL after `timeout_s`; gives the exit status. A child that has ended is left alone."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while process.returncode is None:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            kill_child(process)
            break
        _send(process, signal.SIGTERM)
        # A stopped process takes no SIGTERM; tests stop brokers to make half-open connections.
        _send(process, signal.SIGCONT)
        try:
            # Asked again, because mosquitto forgets a SIGTERM that comes just after its ready line.
            async with asyncio.timeout(min(left, _ASK_AGAIN_S)):
                await process.wait()
        except TimeoutError:
            continue
    return await process.wait()


def kill_child(process: Process) -> None:
    """SIGKILL, if it still runs."""
    if process.returncode is None:
        _send(process, signal.SIGKILL)


def _send(process: Process, number: signal.Signals) -> None:
    # Process.send_signal would poll first and could reap the child before the loop's watcher: exit status lost (255).
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def end_with_parent() -> None:
    """Have the kernel send us SIGTERM when the process that started us ends. Linux only; elsewhere nothing happens.

    Call it first thing: a parent that has ended before is not noticed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
