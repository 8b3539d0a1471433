"""The logger: its level, and that every line said is a message kept."""

import io
import json

import pytest

from guestwire.agent.logs import LevelControl, make_logger
from guestwire.agent.messages import Messages
from guestwire.protocol.operation_models import Level, MessageQuery


class Clock:
    def __init__(self) -> None:
        self.ms = 1000

    def __call__(self) -> int:
        return self.ms


def _kept(messages: Messages) -> list[tuple[str, str]]:
    return [(message.level, message.event) for message in messages.query(MessageQuery(level="debug")).messages]


def test_what_is_said_is_a_line_and_a_message() -> None:
    stream, messages = io.StringIO(), Messages(None, b"i" * 16, Clock())
    log = make_logger(messages, LevelControl("info", Clock()), stream=stream)
    log.debug("not said")
    log.info("guest", guest="GUEST0001", count=3)
    log.bind(peer="x").warning("odd", value=1 << 70, thing=object)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["event"], line["seq"]) for line in lines] == [
        ("info", "guest", 1),
        ("warning", "odd", 2),
    ]
    assert lines[0]["fields"] == {"guest": "GUEST0001", "count": 3}
    assert (lines[1]["fields"]["peer"], lines[1]["fields"]["value"]) == ("x", str(1 << 70))
    assert _kept(messages) == [("info", "guest"), ("warning", "odd")]


def test_exceptions_become_text() -> None:
    stream, messages = io.StringIO(), Messages(None, b"i" * 16, Clock())
    log = make_logger(messages, LevelControl("info", Clock()), stream=stream)
    try:
        raise ValueError("what went wrong")
    except ValueError as err:
        log.error("defect", exc_info=err)
        log.exception("defect")
    first, second = messages.query(MessageQuery()).messages
    assert "what went wrong" in str(first.fields["exception"])
    assert first.fields == second.fields
    assert (first.level, second.level) == ("error", "error")


def test_half_characters_and_long_texts_are_made_fit() -> None:
    messages = Messages(None, b"i" * 16, Clock())
    log = make_logger(messages, LevelControl("info", Clock()), stream=io.StringIO())
    log.info("file \udcff", name="\udc80x", text="y" * 10_000)
    (message,) = messages.query(MessageQuery()).messages
    assert (message.event, message.fields["name"]) == ("file \\udcff", "\\udc80x")
    assert len(str(message.fields["text"])) == 4000


def test_a_stream_that_fails_loses_no_message() -> None:
    stream, messages = io.StringIO(), Messages(None, b"i" * 16, Clock())
    log = make_logger(messages, LevelControl("info", Clock()), stream=stream)
    stream.close()
    log.info("still kept")
    assert _kept(messages) == [("info", "still kept")]


def test_for_people() -> None:
    stream, messages = io.StringIO(), Messages(None, b"i" * 16, Clock())
    make_logger(messages, LevelControl("info", Clock()), stream=stream, for_people=True).info("hello", who="you")
    assert "hello" in stream.getvalue()
    assert "{" not in stream.getvalue()


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("off", ()),
        ("debug", ("debug", "info", "warning", "error")),
        ("info", ("info", "warning", "error")),
        ("error", ("error",)),
    ],
)
def test_levels(level: Level, said: tuple[str, ...]) -> None:
    control = LevelControl(level, Clock())
    assert tuple(name for name in ("debug", "info", "warning", "error") if control.says(name)) == said
    assert control.says("critical") == ("error" in said)


def test_a_level_for_a_time_falls_back() -> None:
    clock = Clock()
    control = LevelControl("warning", clock)
    control.set("debug", 10)
    assert (control.level, control.until_ms) == ("debug", 11_000)
    control.configure("error")
    clock.ms = 10_999
    assert control.level == "debug"
    clock.ms = 11_000
    assert (control.level, control.until_ms) == ("error", None)
    control.set("debug", 0)
    clock.ms = 1 << 40
    assert control.level == "debug"
