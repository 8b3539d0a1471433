"""The command tree: lazy, complete, and told the same in both places."""

import subprocess
import sys

import click
import pytest

from guestwire.cli.main import COMMANDS, cli

OF_THE_ISSUE = (
    "site init", "demo", "broker", "doctor", "host list", "host show", "host ping", "guest list", "guest show",
    "guest define", "guest start", "guest shutdown", "guest destroy", "guest reset", "guest pause", "guest resume",
    "guest undefine", "guest threads", "job list", "job show", "job cancel", "notices", "messages", "log", "context list",
    "context use", "context show", "completion",
    "project new", "project list", "project pull", "project show", "project set", "project add", "project remove",
    "project rename", "project edit", "project validate", "project diff", "project plan", "project apply",
    "project confirm", "project cancel", "project rollback", "project history", "project status", "project adopt",
    "project import", "project export", "guest import", "guest export", "guest set", "guest media",
    "guest snapshot list", "guest snapshot create", "guest snapshot revert", "guest snapshot delete", "hardware show",
    "hardware pull", "example list", "example open", "template list", "template import", "boot", "shutdown",
    "host reboot", "host poweroff",
)  # fmt: skip


def _tree(command: click.Command, path: tuple[str, ...] = ()) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {" ".join(path): command}
    ctx = click.Context(command)
    found: dict[str, click.Command] = {}
    for name in command.list_commands(ctx):
        child = command.get_command(ctx, name)
        assert child is not None
        found |= _tree(child, (*path, name))
    return found


TREE = _tree(cli)


@pytest.mark.parametrize("name", OF_THE_ISSUE)
def test_command_is_there(name: str) -> None:
    assert name in TREE


@pytest.mark.parametrize("name", sorted(TREE))
def test_command_takes_the_shared_options_and_has_help(name: str) -> None:
    options = {option for param in TREE[name].params for option in param.opts}
    assert {"--output", "--context", "--socket", "--timeout", "--quiet", "--yes"} <= options
    assert TREE[name].get_short_help_str()


@pytest.mark.parametrize("name", sorted(TREE))
def test_no_option_is_given_twice(name: str) -> None:
    options = [option for param in TREE[name].params for option in param.opts]
    assert len(options) == len(set(options))


@pytest.mark.parametrize("name", sorted(TREE))
def test_help_of_every_command(name: str, run) -> None:  # type: ignore[no-untyped-def]
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert "Shared options" in result.output


def test_summaries_are_the_commands_own() -> None:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.name == name
        assert command.help


def test_help_imports_nothing_heavy() -> None:
    """What makes `--help` quick: none of the costly packages, and no command's module."""
    heavy = (
        "pydantic",
        "asyncio",
        "cryptography",
        "rich",
        "yaml",
        "msgpack",
        "uvloop",
        "structlog",
        "guestwire.cli.guest",
    )
    code = (
        "import sys\nfrom guestwire.cli.main import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"found = [name for name in {heavy!r} if name in sys.modules]\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_an_unknown_command_is_a_usage_error_with_a_hint(run) -> None:  # type: ignore[no-untyped-def]
    result = run("guests", "list")
    assert result.exit_code == 2
    assert "'guest'" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, run) -> None:  # type: ignore[no-untyped-def]
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_GUESTWIRE_COMPLETE" in result.stdout


def test_options_are_options(run) -> None:  # type: ignore[no-untyped-def]
    """What is not one stands in the usage line, with the summary."""
    said = run("guest", "start", "--help").stdout
    options = said.partition("\nOptions:\n")[2].partition("\n\n")[0]
    assert options
    assert not [line for line in options.splitlines() if line.startswith("  ") and line[2] not in "- "]
