"""Tells the broker of this machine to read its files again, or to start anew: by a signal, or by a command of the operator's."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guestwire.model.errors import GuestwireError

COMMAND_S = 20.0
PROGRAM = "mosquitto"
_MAX_SAID = 300


@dataclass(frozen=True, slots=True)
class BrokerControl:
    """How to. One of `pid_file` and `reloads` is given; the commands are argument lists, run without a shell."""

    pid_file: Path | None = None
    reloads: Sequence[str] = ()
    restarts: Sequence[str] = ()
    deadline_s: float = COMMAND_S

    async def reload(self) -> None:
        """Raises SYSTEM-REFUSED with the reason."""
        if self.pid_file is not None:
            hang_up(self.pid_file)
        else:
            await run(self.reloads, self.deadline_s)

    async def restart(self) -> None:
        """Raises SYSTEM-REFUSED with the reason."""
        await run(self.restarts, self.deadline_s)


def hang_up(pid_file: Path) -> None:
    """SIGHUP to the broker whose process id is in the file; to no other program, for which it could be the end.

    Raises SYSTEM-REFUSED."""
    try:
        pid = int(pid_file.read_bytes()[:32])
        process = os.pidfd_open(pid)
    except ValueError:
        raise _refused(f"{pid_file} holds no process id.") from None
    except (OSError, OverflowError) as err:
        raise _refused(f"No broker runs by {pid_file}: {getattr(err, 'strerror', None) or err}.") from err
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        if name != PROGRAM:
            raise _refused(f"The process {pid} in {pid_file} is {name}, not {PROGRAM}.")
        signal.pidfd_send_signal(process, signal.SIGHUP)
    except OSError as err:
        raise _refused(f"The process {pid} in {pid_file} cannot be told: {err.strerror}.") from err
    finally:
        os.close(process)


async def run(argv: Sequence[str], deadline_s: float) -> None:
    """Run a command to its end. What it says on stderr is in the error. Raises SYSTEM-REFUSED, also at the deadline, when it
    is ended with everything that it started."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True
        )
    except OSError as err:
        raise _refused(f"{argv[0]} cannot be run: {err.strerror}.") from err
    try:
        async with asyncio.timeout(deadline_s):
            _, said = await process.communicate()
    except TimeoutError:
        raise _refused(f"{argv[0]} did not end within {deadline_s:g} s.") from None
    finally:
        await _end(process)
    if process.returncode:
        why = said.decode(errors="replace").strip()[-_MAX_SAID:] or f"status {process.returncode}"
        raise _refused(f"{argv[0]} failed: {why}")


async def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _refused(text: str) -> GuestwireError:
    return GuestwireError("SYSTEM-REFUSED", text)
