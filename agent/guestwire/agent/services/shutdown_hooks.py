"""The hook that runs after a guest stopped: vm_shutdown_hook.sh in the guest's folder (SM 4.7).

Once for each stop that is seen, at most: a stop while the agent was down runs none, and one that the agent's own end
interrupts is not run again. A hook runs as the agent's user, in the agent's sandbox and in the guest's folder.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from guestwire.agent.audit import Log
from guestwire.agent.services.guest_folder import HOOK, HOOK_LOGS
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.hook_process import run_program, why_not
from guestwire.agent.services.ports import OFF
from guestwire.link.vital import Vital

DEADLINE_S = 60.0
AT_ONCE = 4
WAITING = 64
OUTPUT_BYTES = 64 * 1024
"""What is kept of one run's output."""
LOG_BYTES = 256 * 1024
"""A log that is longer is put aside before the next run; one older log is kept."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ShutdownHooks:
    """Told of every transition by `guest_changed`. `folder`: where the folder of GUESTnnnn is. `async with` it: leaving
    kills what runs. At most WAITING hooks wait; one that comes when so many do is not run, and the log says so."""

    def __init__(
        self, folder: Callable[[str], Path], log: Log, vital: Vital, *, deadline_s: float = DEADLINE_S
    ) -> None:
        self._folder = folder
        self._log = log
        self._vital = vital
        self._deadline_s = deadline_s
        self._on: set[str] = set()
        self._waiting: deque[Transition] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> "ShutdownHooks":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._waiting.clear()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def guest_changed(self, change: Transition) -> None:
        """A guest that was seen on has stopped: its hook runs. Seen `unknown` in between, it stopped unseen."""
        uuid = change.guest.uuid or ""
        if change.after in ("running", "ready", "paused", "stopping"):
            self._on.add(uuid)
        elif change.after is None:
            self._on.discard(uuid)
        elif change.after in OFF and uuid in self._on:
            self._on.discard(uuid)
            if change.guest.id is not None and not self._closed:
                self._enqueue(change)

    async def idle(self) -> None:
        """Wait until no hook runs or waits."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    # -- pieces

    def _enqueue(self, change: Transition) -> None:
        # one that is done, but not discarded yet, takes no more from those that wait
        if sum(not task.done() for task in self._tasks) < AT_ONCE:
            task = asyncio.create_task(self._run_all(change), name="shutdown-hook")
            self._vital.watch(task, may_return=True)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(self._waiting) < WAITING:
            self._waiting.append(change)
        else:
            self._log.error("shutdown hook not run: too many wait", guest=change.guest.id, waiting=WAITING)

    async def _run_all(self, change: Transition) -> None:
        await self._run(change)
        while self._waiting:
            await self._run(self._waiting.popleft())

    async def _run(self, change: Transition) -> None:
        guest = change.guest
        assert guest.id is not None
        folder = self._folder(guest.id)
        hook = folder / HOOK
        try:
            reason = await asyncio.to_thread(why_not, hook)
            if reason is None:
                code, output = await run_program(
                    hook, _environment(change), deadline_s=self._deadline_s, keep_bytes=OUTPUT_BYTES
                )
                result = f"killed after {self._deadline_s:g} s" if code is None else f"exit code {code}"
                await asyncio.to_thread(_append, folder, _report(change, result, output))
        except FileNotFoundError:
            return  # most guests have none
        except OSError as err:
            reason = f"{hook}: {err.strerror}"
        if reason is not None:
            self._log.warning("shutdown hook not run", guest=guest.id, name=guest.name, reason=reason)
        else:
            say = self._log.info if code == 0 else self._log.warning
            say("shutdown hook", guest=guest.id, name=guest.name, result=result)


def _environment(change: Transition) -> dict[str, str]:
    guest = change.guest
    return {
        "PATH": PATH,
        "GUESTWIRE_GUEST": guest.id or "",
        "GUESTWIRE_NAME": guest.name,
        "GUESTWIRE_STATE": change.after or "",
        "GUESTWIRE_REASON": change.reason,
    }


def _report(change: Transition, result: str, output: bytes) -> bytes:
    """A run as the guest's log has it."""
    at = datetime.fromtimestamp(change.at / 1000, UTC).isoformat(timespec="seconds")
    head = f"== {at} {change.guest.name} {change.after} ({change.reason}): {result}\n"
    end = b"" if not output or output.endswith(b"\n") else b"\n"
    return head.encode() + output + end


def _append(folder: Path, report: bytes) -> None:
    log, older = (folder / name for name in HOOK_LOGS)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(older)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(report)
