"""One command of the operating system, run to its end: an argument list, a deadline, killed when it is cancelled.

No shell is involved and texts are in English (LC_ALL=C), so that errors can be told apart.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from guestwire.model.errors import GuestwireError

_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What it said of its failure, on one line."""
        return " ".join((self.err.strip() or self.out.strip()).split("\n"))[:1000]


class Run(Protocol):
    """Runs a command. Raises UNSUPPORTED where there is no such program, DRIVER-ERROR where it outlasts the deadline."""

    async def __call__(self, *arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> Ended: ...


async def run_command(*arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> Ended:
    """`Run`, as a child process of this one."""
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{_PATHS}".lstrip(":")},
        )
    except (FileNotFoundError, PermissionError) as err:
        raise GuestwireError(
            "UNSUPPORTED", f"{arguments[0]} cannot be run here: {err.strerror}", detail={"program": arguments[0]}
        ) from err
    try:
        async with asyncio.timeout(deadline_s):
            out, err_out = await process.communicate(None if stdin is None else stdin.encode())
    except TimeoutError as err:
        raise GuestwireError(
            "DRIVER-ERROR",
            f"{arguments[0]} did not end within {deadline_s:g} s",
            detail={"program": arguments[0], "text": "deadline"},
        ) from err
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            with suppress(TimeoutError):  # one that hangs in the kernel does not die at once
                async with asyncio.timeout(5.0):
                    await process.wait()
    return Ended(process.returncode or 0, out.decode("utf-8", "replace"), err_out.decode("utf-8", "replace"))


async def run_checked(run: Run, *arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> str:
    """What the command printed; DRIVER-ERROR with its words when it failed."""
    ended = await run(*arguments, stdin=stdin, deadline_s=deadline_s)
    if ended.code != 0:
        raise failed(arguments, ended)
    return ended.out


def failed(arguments: Sequence[str], ended: Ended) -> GuestwireError:
    return GuestwireError(
        "DRIVER-ERROR",
        f"{arguments[0]} failed: {ended.words}",
        detail={"program": arguments[0], "arguments": list(arguments[1:]), "code": ended.code, "text": ended.words},
    )
