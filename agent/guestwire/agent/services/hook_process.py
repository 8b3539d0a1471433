"""One run of a user's program: bounded in time and in what is kept of its output; and which programs may be run."""

import asyncio
import os
import signal
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

CHUNK = 16 * 1024


def why_not(program: Path) -> str | None:
    """What forbids running a program as the agent's user; None: nothing. It must be a plain file, no link, that only root
    and the agent's user can have written, in a folder of which the same is true. Raises FileNotFoundError."""
    for path, is_kind, kind in ((program, stat.S_ISREG, "plain file"), (program.parent, stat.S_ISDIR, "folder")):
        found = path.lstat()
        if not is_kind(found.st_mode):
            return f"{path} is not a {kind}"
        if found.st_uid not in (0, os.geteuid()):
            return f"{path} belongs to user {found.st_uid}: it must be root's or the agent's"
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{path} can be written by others: chmod go-w it"
    if not os.access(program, os.X_OK):
        return f"{program} is not executable: chmod u+x it"
    return None


async def run_program(
    program: Path, environment: Mapping[str, str], *, deadline_s: float, keep_bytes: int
) -> tuple[int | None, bytes]:
    """Run it in its own folder, without input. Its exit code, as subprocess gives it, or None when it was killed at the
    deadline, with all it had started; and the first `keep_bytes` of its output. What it left running in the background
    may run on. Raises OSError when it cannot be run. Cancelling kills it."""
    with _Output(keep_bytes) as output:
        process = await asyncio.create_subprocess_exec(
            program, cwd=program.parent, env=dict(environment), stdin=asyncio.subprocess.DEVNULL,
            stdout=output.write_fd, stderr=output.write_fd, start_new_session=True,
        )  # fmt: skip
        output.begin()
        code: int | None = None
        try:
            async with asyncio.timeout(deadline_s):
                code = await process.wait()
        except TimeoutError:
            code = None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return code, output.taken()


class _Output:
    """A pipe, read while the program runs and no longer: a child that it left in the background may keep it open."""

    def __init__(self, keep_bytes: int) -> None:
        self._keep = keep_bytes
        self._data = bytearray()
        self._read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_fd, False)

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._read_fd)
        os.close(self._read_fd)
        if self.write_fd >= 0:
            os.close(self.write_fd)

    def begin(self) -> None:
        """The program has its end of the pipe."""
        os.close(self.write_fd)
        self.write_fd = -1
        asyncio.get_running_loop().add_reader(self._read_fd, self._read)

    def taken(self) -> bytes:
        """What there is until now, of what is kept: a child in the background may write as fast as we read."""
        while len(self._data) < self._keep and self._read():
            pass
        return bytes(self._data)

    def _read(self) -> bool:
        """Take a chunk; whether there may be more."""
        try:
            chunk = os.read(self._read_fd, CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._read_fd)
            return False
        self._data += chunk[: self._keep - len(self._data)]
        return True
