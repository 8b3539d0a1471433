"""What a test run says, kept in files for `redaction`: `pytest -p tests.support.run_record`, which `tests/run.py` asks for.

Into the directory that $GUESTWIRE_TEST_RECORD names goes, for every pytest process: what child processes were started with and
what they wrote into our pipes, what commands in this process wrote, and what tests failed with and had captured. Most of
it would be gone with the test otherwise. Nothing of ours is replaced for it: only Python's pipes and click's runner are heard.
"""

import asyncio.subprocess
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

DIRECTORY = "GUESTWIRE_TEST_RECORD"
CODES = "codes"
"""The name of the files for what `guestwire host enrol` says: a code, which nobody else may say."""
OTHER = "said"
_FLUSH_BYTES = 1 << 20


class Record:
    """The files of one process. Opened when first written to, so that a fork that says nothing leaves nothing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pipes: dict[tuple[int, int], tuple[Any, bytearray]] = {}

    def write(self, what: str, data: bytes, *, code: bool = False) -> None:
        """Append it, with a line before it that says what it is and in which test."""
        if not data:
            return
        name = f"{CODES if code else OTHER}-{os.getpid()}.txt"
        head = f"\n== {what}, in {os.environ.get('PYTEST_CURRENT_TEST', 'no test')}\n"
        with (self._directory / name).open("ab") as file:
            file.write(head.encode(errors="replace") + data)

    def started(self, arguments: object) -> None:
        """The argument list of a child, a line for each."""
        words = arguments if isinstance(arguments, list | tuple) else [arguments]
        self.write("argv", b"\n".join(_bytes(word) for word in words))

    def heard(self, protocol: Any, number: int, data: bytes) -> None:
        """Of a child's pipe, kept together until it closes: a secret may come in two halves."""
        _, kept = self._pipes.setdefault((id(protocol), number), (protocol, bytearray()))
        kept += data
        if len(kept) > _FLUSH_BYTES:
            self.closed(protocol, number)

    def closed(self, protocol: Any, number: int) -> None:
        _, kept = self._pipes.pop((id(protocol), number), (None, bytearray()))
        self.write(f"pipe {number}", bytes(kept), code=b"gwe1-" in kept and _is_code_alone(bytes(kept)))

    def close(self) -> None:
        for protocol, number in [(protocol, key[1]) for key, (protocol, _) in self._pipes.items()]:
            self.closed(protocol, number)


def _is_code_alone(data: bytes) -> bool:
    """Whether that is what `guestwire host enrol` says on its standard output: a code, and nothing else."""
    return data.startswith(b"gwe1-") and len(data.split()) == 1


def _bytes(word: object) -> bytes:
    return os.fsencode(word) if isinstance(word, str | bytes | os.PathLike) else repr(word).encode()


def pytest_configure(config: pytest.Config) -> None:
    directory = os.environ.get(DIRECTORY)
    if directory is None:
        raise pytest.UsageError(f"{DIRECTORY} names no directory for the record of this run")
    Path(directory).mkdir(parents=True, exist_ok=True)
    record = Record(Path(directory))
    config.stash[_RECORD] = record
    _hear_children(record)
    _hear_commands(record)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _of_report(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _of_report(report)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_RECORD].close()


_RECORD = pytest.StashKey[Record]()


def _of_report(report: pytest.TestReport | pytest.CollectReport) -> None:
    directory = os.environ.get(DIRECTORY)
    if directory is None or hasattr(report, "node"):  # the worker that ran it has told
        return
    said = [report.longreprtext, *(f"{name}\n{text}" for name, text in report.sections)]
    Record(Path(directory)).write(f"report of {report.nodeid}", "\n".join(said).strip().encode(errors="replace"))


def _hear_children(record: Record) -> None:
    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            record.started(arguments[1])

    sys.addaudithook(on_event)
    pipes = asyncio.subprocess.SubprocessStreamProtocol
    received, lost = pipes.pipe_data_received, pipes.pipe_connection_lost

    def pipe_data_received(self: Any, fd: int, data: Any) -> None:
        record.heard(self, fd, bytes(data))
        received(self, fd, data)

    def pipe_connection_lost(self: Any, fd: int, exc: Exception | None) -> None:
        record.closed(self, fd)
        lost(self, fd, exc)

    pipes.pipe_data_received = pipe_data_received  # type: ignore[method-assign]
    pipes.pipe_connection_lost = pipe_connection_lost  # type: ignore[method-assign]
    communicate: Callable[..., Any] = subprocess.Popen.communicate

    def communicated(self: Any, *arguments: Any, **named: Any) -> Any:
        both = communicate(self, *arguments, **named)
        for number, said in enumerate(both, 1):
            if said:
                record.write(f"pipe {number}", said.encode(errors="replace") if isinstance(said, str) else said)
        return both

    subprocess.Popen.communicate = communicated  # type: ignore[method-assign]


def _hear_commands(record: Record) -> None:
    invoke: Callable[..., Result] = CliRunner.invoke

    def invoked(self: Any, cli: Any, args: Any = None, **named: Any) -> Result:
        result = invoke(self, cli, args, **named)
        words = [args] if isinstance(args, str) else list(args or ())
        record.started(words)
        record.write("command, stdout", result.stdout_bytes, code=words[:2] == ["host", "enrol"])
        record.write("command, stderr", result.stderr_bytes or b"")
        if result.exc_info is not None and not isinstance(result.exception, SystemExit):
            record.write("command, raised", "".join(traceback.format_exception(*result.exc_info)).encode())
        return result

    CliRunner.invoke = invoked  # type: ignore[method-assign]
