"""Processes of a bench: each says one JSON line when it is ready, then answers one JSON line per order on stdin.

Every one is started in the same way, pinned by its role, and ended by its own process id.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

HERE = Path(__file__).parent
Role = Literal["caller", "responder", "broker", "free"]


class ChildFailed(Exception):
    """A process of the bench ended, or did not answer in time."""


def cpus(role: Role) -> str:
    """Where a role runs, the same for every variant: the two ends each on a processor of their own, the broker where
    there is room (a third processor, or wherever the scheduler finds a gap)."""
    have = sorted(os.sched_getaffinity(0))
    if role == "caller":
        return str(have[0])
    if role == "responder":
        return str(have[1 % len(have)])
    if role == "broker" and len(have) > 2:
        return str(have[2])
    return ",".join(map(str, have))


class Missing(Exception):
    """A peer cannot be measured here: a program or library is not installed."""


class Child:
    """One process. `with` it: leaving ends it."""

    def __init__(
        self, command: Sequence[str], role: Role, *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        with ExitStack() as stack:
            self._process = subprocess.Popen(
                ["taskset", "-c", cpus(role), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if log is None else stack.enter_context(log.open("wb")),
                env={**os.environ, **(env or {})},
            )
        self._rest = b""
        self._orderly = False  # it takes orders, so it ends by itself when there are no more
        self.name = Path(command[-1] if command[0] != sys.executable else command[1]).name

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def answer(self, timeout_s: float = 30.0) -> dict[str, Any]:
        """Its next line that is JSON (a daemon may print other lines before it is ready)."""
        while True:
            line = self.line(timeout_s)
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer

    def line(self, timeout_s: float = 30.0) -> str:
        stdout = self._process.stdout
        assert stdout is not None
        until = time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise ChildFailed(f"{self.name} said nothing for {timeout_s} s")
            data = os.read(stdout.fileno(), 65536)
            if not data:
                raise ChildFailed(f"{self.name} ended with {self._process.wait(5)}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def order(self, order: Mapping[str, Any], timeout_s: float = 60.0) -> dict[str, Any]:
        """Send an order, wait for its answer."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(order).encode() + b"\n")
        stdin.flush()
        self._orderly = True
        return self.answer(timeout_s)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()
        self.end()

    def end(self, timeout_s: float = 10.0) -> None:
        """No more orders, then SIGTERM, then SIGKILL; waits until it is gone."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        if self._orderly:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def scratch() -> AbstractContextManager[str]:
    """A folder on a real disk (/tmp may be memory), removed at the end."""
    return tempfile.TemporaryDirectory(prefix="guestwire-bench-", dir="/var/tmp")


def python(script: str, *arguments: str) -> list[str]:
    """The command of one of our scripts."""
    return [sys.executable, str(HERE / script), *arguments]


def broker(kind: Literal["mosquitto", "embedded"]) -> tuple[Child, int]:
    """A test broker in a process of its own, and its port."""
    flags = ["--embedded"] if kind == "embedded" else []
    child = Child([sys.executable, "-m", "guestwire.broker_test", "--json", *flags], "broker")
    try:
        ready = child.answer()
        if ready["kind"] != kind:
            raise ChildFailed(f"the broker is {ready['kind']}, not {kind}: is mosquitto installed?")
    except BaseException:
        child.end()
        raise
    return child, int(ready["port"])


def rss_kib(pid: int) -> int:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ChildFailed(f"process {pid} has no memory")


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used, its own threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
