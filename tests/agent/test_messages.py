"""What the agent said: numbered, bounded, and the numbers go on after a restart."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.log_files import NAME, LogFiles
from guestwire.agent.messages import Messages, line_of, log_id, parse_line
from guestwire.protocol.operation_models import Message, MessageQuery

ID = b"i" * 16


def _messages(files: LogFiles | None = None, capacity: int = 100) -> Messages:
    return Messages(files, ID, lambda: 1234, capacity=capacity)


def _seqs(messages: Messages, **query: object) -> list[int]:
    return [message.seq for message in messages.query(MessageQuery.model_validate(query)).messages]


def test_by_level_and_number() -> None:
    messages = _messages()
    for level in ("debug", "info", "warning", "error", "info"):
        messages.say(level, f"an {level}", {"n": 1})  # type: ignore[arg-type]
    assert _seqs(messages) == [2, 3, 4, 5]
    assert _seqs(messages, level="debug") == [1, 2, 3, 4, 5]
    assert _seqs(messages, level="error") == [4]
    assert _seqs(messages, level="off") == []
    assert _seqs(messages, after_seq=3) == [4, 5]
    assert _seqs(messages, limit=2) == [2, 3]
    assert _seqs(messages, limit=2, newest=True) == [4, 5]
    answer = messages.query(MessageQuery())
    assert (answer.log, answer.last_seq) == (ID, 5)
    assert (answer.messages[0].at, answer.messages[0].fields) == (1234, {"n": 1})


def test_memory_is_bounded_and_numbers_are_not() -> None:
    messages = _messages(capacity=10)
    for _ in range(25):
        messages.say("info", "x", {})
    assert _seqs(messages) == list(range(16, 26))


def test_a_restart_goes_on_counting(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, max_bytes=500, files=2)
    messages = _messages(files)
    for number in range(30):
        messages.say("info", "said", {"number": number, "text": "ü\n", "flag": True, "none": None})
    before = messages.query(MessageQuery()).messages
    files.close()
    with (tmp_path / NAME).open("ab") as torn:
        torn.write(b'{"seq": 9999, "at"')
    files = LogFiles(tmp_path, max_bytes=500, files=2)
    again = _messages(files)
    assert again.last_seq == 30
    after = again.query(MessageQuery()).messages
    assert after == before[-len(after) :]
    assert after
    assert again.say("info", "next", {}).seq == 31
    files.close()


def test_the_log_keeps_its_name_as_long_as_it_lives(tmp_path: Path) -> None:
    first = log_id(tmp_path, "boot-1")
    files = LogFiles(tmp_path)
    _messages(files).say("info", "x", {})
    files.close()
    assert len(first) == 16
    assert log_id(tmp_path, "boot-1") == first
    (tmp_path / NAME).unlink()
    second = log_id(tmp_path, "boot-1")
    assert second != first, "numbers begin anew, so the name must be new as well"


def test_after_a_boot_of_the_host_the_log_has_another_name(tmp_path: Path) -> None:
    """A power cut may have taken the newest lines: their numbers must not be given out again under the same name."""
    files = LogFiles(tmp_path)
    first = log_id(tmp_path, "boot-1")
    _messages(files).say("info", "x", {})
    files.close()
    assert log_id(tmp_path, "boot-1") == first
    assert log_id(tmp_path, "boot-2") != first


@pytest.mark.parametrize("line", [b"", b"nonsense", b"[]", b"1", b'{"seq":1}', b"\xff\xfe", b'{"seq":[],"at":1,"level":"info","event":"","fields":{}}',
                                  b'{"seq":1,"at":1,"level":"loud","event":"","fields":{}}', b'{"seq":1,"at":1,"level":"info","event":"","fields":{"a":[]}}'])  # fmt: skip
def test_foreign_lines_are_passed_over(line: bytes) -> None:
    assert parse_line(line) is None


VALUES = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False) | st.text()


@given(st.text(), st.dictionaries(st.text(), VALUES))
def test_a_line_holds_its_message(event: str, fields: dict[str, str | int | float | bool | None]) -> None:
    message = Message(seq=7, at=1, level="warning", event=event, fields=fields)
    line = line_of(message)
    assert b"\n" not in line
    assert parse_line(line) == message
