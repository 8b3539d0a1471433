"""What a rollout's options and its file say, judged by the controller's own model."""

import re
from pathlib import Path
from typing import Any

import click
import pytest

from guestwire.cli.rollout_options import rollout_options, spec
from guestwire.controller.rollouts.spec import RolloutSpec


def ref(host: str) -> str:
    return host if "/" in host else f"plant/{host}"


def given(*arguments: str) -> dict[str, Any]:
    """The options as click reads them."""
    found: dict[str, Any] = {}

    @click.command()
    @rollout_options
    def command(**options: Any) -> None:
        found.update(options)

    command.main(list(arguments), standalone_mode=False)
    return found


def made(name: str | None, *arguments: str) -> RolloutSpec:
    return RolloutSpec.model_validate(spec(name, ref, given(*arguments)), strict=False)


def test_everything_at_once() -> None:
    asked = made(
        "r", "--operation", "guest-start", "--body", '{"guest": "web"}', "--host", "h1", "--host", "other/h2",
        "--canary", "h1", "--wave", "10%", "--rate", "5", "--factor", "2", "--max-rate", "50", "--soak", "60",
        "--success", "95", "--pause-at", "2", "--abort-at", "5%", "--attempts", "3", "--window", "night",
        "--deadline", "3600", "--join", "600", "--note", "why",
    )  # fmt: skip
    assert (asked.name, asked.operation, asked.body) == ("r", "guest-start", {"guest": "web"})
    assert asked.targets.hosts == ("plant/h1", "other/h2")
    assert asked.waves.canary is not None
    assert asked.waves.canary.hosts == ("plant/h1",)
    assert asked.waves.size is not None
    assert (asked.waves.size.percent, asked.waves.base_rate, asked.waves.factor, asked.waves.max_rate) == (10, 5, 2, 50)
    assert (asked.thresholds.success_percent, asked.thresholds.pause_count, asked.thresholds.abort_percent) == (
        95,
        2,
        5,
    )
    assert (asked.attempts.most, asked.soak_s, asked.window, asked.deadline_s) == (3, 60, "night", 3600)
    assert (asked.mode, asked.open_s, asked.note) == ("continuous", 600, "why")


def test_a_project() -> None:
    asked = made("r", "--project", "line7@4", "--restart", "--group", "presses", "--canary", "1")
    assert asked.project is not None
    assert (asked.project.name, asked.project.revision, asked.project.restart) == ("line7", 4, True)
    assert asked.targets.group == "presses"


def test_options_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text(
        'name = "f"\noperation = "guest-start"\nbody = { guest = "a" }\n[targets]\nselection = "site=plant"\n[waves]\nbase_rate = 3\n'
    )
    asked = made(None, "--file", str(file), "--rate", "9", "--canary", "2")
    assert (asked.name, asked.targets.selection, asked.waves.base_rate) == ("f", "site=plant", 9)
    assert asked.waves.canary is not None
    assert asked.waves.canary.count == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--wave", "x"),
        ("--pause-at", "%"),
        ("--body", "{"),
        ("--project", "p"),
        ("--project", "p@x"),
        ("--host", "h1", "--group", "g"),
    ],
)
def test_what_is_said_wrongly(arguments: tuple[str, ...]) -> None:
    what = () if {"--body", "--project"} & set(arguments) else ("--operation", "guest-list")
    where = () if "--group" in arguments else ("--group", "g")
    with pytest.raises(click.UsageError):
        spec("r", ref, given(*arguments, *what, *where))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "h1"), "--operation"),
        (("--operation", "guest-strat", "--host", "h1"), "did you mean guest-start?"),
        (("--operation", "guest-start"), "--select"),
    ],
    ids=["nothing to do", "no such operation", "nowhere"],
)
def test_what_is_missing_is_said_before_anybody_is_asked(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(click.UsageError, match=re.escape(says)):
        spec("r", ref, given(*arguments))
    with pytest.raises(click.UsageError, match="name"):
        spec(None, ref, given())
