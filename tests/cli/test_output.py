"""Results in every form, from one view."""

import json

import pytest
import yaml

from guestwire.cli import output, terminal
from guestwire.cli.output import Column, View
from guestwire.cli.settings import Output, Settings
from guestwire.cli.times import ago, span
from guestwire.protocol import ids
from guestwire.protocol.operation_models import JobRef

VIEW: View[dict[str, str]] = View(
    columns=(
        Column("NAME", lambda t: t["name"]),
        Column("SIZE", lambda t: t["size"], right=True),
        Column("MORE", lambda t: t["more"], wide=True),
    ),
    name=lambda t: t["name"],
    document=lambda t: t,
    none="no things",
)
THINGS = [{"name": "a", "size": "1", "more": "x"}, {"name": "long", "size": "100", "more": "y\x1b[2J"}]


def _written(capsys: pytest.CaptureFixture[str], form: Output) -> str:
    output.write_all(Settings(output=form), VIEW, THINGS)
    return capsys.readouterr().out


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert _written(capsys, "table") == "NAME  SIZE\na        1\nlong   100\n"


def test_wide_and_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    assert _written(capsys, "wide") == "NAME  SIZE  MORE\na        1  x\nlong   100  y\\x1b[2J\n"


def test_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert _written(capsys, "name") == "a\nlong\n"


def test_json_and_yaml_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(_written(capsys, "json")) == THINGS
    assert yaml.safe_load(_written(capsys, "yaml")) == THINGS


def test_nothing_is_told_on_stderr_and_an_empty_list_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_all(Settings(), VIEW, [])
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "no things\n")
    output.write_all(Settings(quiet=True), VIEW, [])
    assert capsys.readouterr().err == ""
    output.write_all(Settings(output="json"), VIEW, [])
    assert capsys.readouterr().out == "[]\n"


def test_plain_values() -> None:
    identifier = ids.request_id(1_760_000_000_000)
    assert output.plain(JobRef(request_id=identifier)) == {"request_id": ids.text(identifier)}
    assert output.plain({"log": b"\x01\xff", "several": (b"\x00", None)}) == {"log": "01ff", "several": ["00", None]}


def test_colour_only_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    class Pipe:
        def isatty(self) -> bool:
            return False

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.coloured(Terminal())  # type: ignore[arg-type]
    assert not terminal.coloured(Pipe())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.coloured(Terminal())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.4, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172_800, "2d")]
)
def test_spans(seconds: float | None, text: str) -> None:
    assert span(seconds) == text


def test_ago_never_counts_backwards() -> None:
    assert ago(2000, 1000) == "0s"
    assert ago(None, 1000) == "-"


def test_a_document_on_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert [json.loads(line) for line in _written(capsys, "jsonl").splitlines()] == THINGS
    output.write_document(Settings(output="jsonl"), {"one": 1})
    assert capsys.readouterr().out == '{"one": 1}\n'


@pytest.mark.parametrize(
    ("widths", "terminal", "narrow"),
    [
        ([8, 10, 30], 80, [8, 10, 30]),
        ([8, 10, 30], 42, [8, 10, 20]),
        ([8, 30, 30], 40, [8, 20, 8]),
        ([40, 10, 10], 30, [40, 10, 8]),  # there is too little room: the rest stays whole
    ],
)
def test_columns_give_way_to_a_narrow_terminal(widths: list[int], terminal: int, narrow: list[int]) -> None:
    assert output.narrowed(widths, terminal) == narrow


def test_cells_of_wide_and_combining_characters() -> None:
    assert [terminal.cells(text) for text in ("abc", "表示", "e\u0301")] == [3, 4, 1]
    assert output.cut("表示する", 5) == "表示…"
    assert output.cut("abc", 3) == "abc"
    assert output.padding("表", 4) == "  "
