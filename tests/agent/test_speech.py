"""log-query and log-level: what of the log is found, how much at most, and the level that is set."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from guestwire.agent.log_files import LogFiles
from guestwire.agent.logs import LevelControl
from guestwire.agent.messages import Messages, parse_line
from guestwire.agent.speech import QUERY_BYTES, Speech
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import Level, LogLevel, LogLevelSet, LogLines, LogQuery, MessageQuery

LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[LogFiles]:
    files = LogFiles(tmp_path, max_bytes=4096, files=3)
    yield files
    files.close()


def _say(files: LogFiles, count: int, size: int = 0) -> None:
    at = iter(range(1000, 1_000_000))
    messages = Messages(files, b"i" * 16, lambda: next(at))
    for number in range(count):
        messages.say(LEVELS[number % 4], f"event {number}", {"pad": "x" * size})


def _speech(files: LogFiles | None) -> Speech:
    return Speech(Messages(None, b"i" * 16, lambda: 0), files, LevelControl("info", lambda: 0))


def _call(**fields: Any) -> Any:
    return SimpleNamespace(request=LogQuery(**fields))


async def _query(files: LogFiles | None, **fields: Any) -> LogLines:
    async with _speech(files) as speech:
        return await speech.query(_call(**fields))


def _events(answer: LogLines) -> list[str]:
    found = [parse_line(line.encode()) for line in answer.lines]
    return [message.event for message in found if message is not None]


async def test_by_time_level_and_text(files: LogFiles) -> None:
    _say(files, 12)
    assert _events(await _query(files)) == [f"event {number}" for number in range(12)]
    assert _events(await _query(files, level="error")) == ["event 3", "event 7", "event 11"]
    assert _events(await _query(files, since=1004, until=1006)) == ["event 4", "event 5", "event 6"]
    assert _events(await _query(files, match="event 1")) == ["event 1", "event 10", "event 11"]
    answer = await _query(files, lines=2)
    assert (_events(answer), answer.truncated) == (["event 10", "event 11"], True)


async def test_an_answer_is_bounded(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, max_bytes=2 << 20)
    _say(files, 400, size=3000)
    answer = await _query(files, lines=2000)
    assert answer.truncated
    assert sum(len(line) for line in answer.lines) <= QUERY_BYTES
    assert _events(answer)[-1] == "event 399"
    files.close()


class SlowFiles(LogFiles):
    """Log files on a disk that gives a line only when it is let."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reading, self.let, self.over = threading.Event(), threading.Event(), threading.Event()
        self.given = 0

    def newest_first(self) -> Iterator[bytes]:
        self.reading.set()
        self.let.wait(10)
        try:
            for line in super().newest_first():
                self.given += 1
                yield line
        finally:
            self.over.set()


def _slow(folder: Path) -> SlowFiles:
    """With a hundred lines in them."""
    files = LogFiles(folder)
    _say(files, 100)
    files.close()
    return SlowFiles(folder)


async def test_one_search_at_a_time_and_none_goes_on_for_nobody(tmp_path: Path) -> None:
    files = _slow(tmp_path)
    async with _speech(files) as speech:
        first = asyncio.create_task(speech.query(_call()))
        await asyncio.to_thread(files.reading.wait, 10)
        with pytest.raises(GuestwireError) as refused:
            await speech.query(_call())
        assert (refused.value.code, refused.value.after_ms is None) == ("BUSY", False)
        first.cancel()
        await asyncio.wait({first})
        with pytest.raises(GuestwireError, match="BUSY"):
            await speech.query(_call())  # its thread still waits for the disk
        files.let.set()
        await asyncio.to_thread(files.over.wait, 10)
        assert files.given <= 1
        async with asyncio.timeout(10):
            while True:
                try:
                    assert len((await speech.query(_call())).lines) == 100
                    break
                except GuestwireError:
                    await asyncio.sleep(0)
    files.close()


async def test_leaving_ends_a_search(tmp_path: Path) -> None:
    files = _slow(tmp_path)
    async with _speech(files) as speech:
        searching = asyncio.create_task(speech.query(_call()))
        await asyncio.to_thread(files.reading.wait, 10)
    files.let.set()
    await asyncio.to_thread(files.over.wait, 10)
    assert files.given <= 1
    await asyncio.wait({searching}, timeout=10)
    assert searching.done()
    files.close()


async def test_without_log_files() -> None:
    with pytest.raises(GuestwireError) as refused:
        await _query(None)
    assert refused.value.code == "UNSUPPORTED"


async def test_a_level_for_a_time() -> None:
    control = LevelControl("info", lambda: 5000)
    speech = Speech(Messages(None, b"i" * 16, lambda: 0), None, control)
    running: Any = SimpleNamespace(call=SimpleNamespace(request=LogLevel(level="debug", ttl_s=10)))
    assert await speech.set_level(running) == LogLevelSet(level="debug", until=15_000)
    assert control.says("debug")


async def test_a_cleared_log_is_gone_from_the_disk_and_the_numbers_go_on(files: LogFiles) -> None:
    at = iter(range(1000, 1_000_000))
    messages = Messages(files, b"i" * 16, lambda: next(at))
    for number in range(200):
        messages.say("info", f"event {number}", {"pad": "x" * 50})
    async with Speech(messages, files, LevelControl("info", lambda: 0)) as speech:
        running: Any = SimpleNamespace(call=SimpleNamespace(issuer="operator:anna"))
        cleared = await speech.clear(running)
        assert (cleared.forgotten, cleared.last_seq) == (200, 201)
        left = [parse_line(line.encode()) for line in (await speech.query(_call())).lines]
    assert [message and (message.seq, message.fields["by"]) for message in left] == [(201, "operator:anna")]
    assert Messages(files, b"i" * 16, lambda: 0).last_seq == 201


async def test_a_log_that_the_disk_keeps(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "log", max_bytes=4096, files=2)
    (tmp_path / "log" / "agent.log.new").mkdir()  # where the new file would be made
    messages = Messages(files, b"i" * 16, lambda: 0)
    messages.say("info", "kept", {})
    async with Speech(messages, files, LevelControl("info", lambda: 0)) as speech:
        with pytest.raises(GuestwireError) as refused:
            await speech.clear(SimpleNamespace(call=SimpleNamespace(issuer="operator:anna")))  # type: ignore[arg-type]
    assert refused.value.code == "LOG-NOT-CLEARED"
    assert [message.event for message in messages.query(MessageQuery()).messages] == ["kept"]
    files.close()
