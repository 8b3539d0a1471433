"""Commands that only a controller can answer, where the context is not one's; and what they read of files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from guestwire.cli.documents_in import read_document
from guestwire.cli.main import COMMANDS
from guestwire.model.errors import GuestwireError
from guestwire.sdk import context_file
from guestwire.sdk.contexts import Context

Run = Callable[..., Result]
ONLY = [
    ("fleet", "list"), ("fleet", "group", "list"), ("rollout", "list"), ("approval", "list"), ("metrics", "list"),
    ("alarm", "list"), ("alarm", "rule", "list"), ("webhook", "list"), ("user", "list"), ("token", "list"), ("role", "list"),
    ("window", "list"), ("key", "list"), ("logout",), ("job", "wait", "x"), ("job", "retry", "x"), ("job", "approve", "x"),
    ("job", "list", "--watch"), ("connection", "list"), ("session", "list"), ("metrics", "gaps"), ("project", "review", "h1"),
    ("project", "restore", "h1", "1"), ("project", "history", "h1", "--draft"), ("notices", "--since", "1h"),
    ("notices", "--export", "never.ndjson"), ("project", "saved"),
]  # fmt: skip


@pytest.mark.parametrize("command", ONLY, ids=" ".join)
def test_they_say_what_to_do(run: Run, config: Path, command: tuple[str, ...]) -> None:
    said = run(*command)
    assert (said.exit_code, "CONTEXT-NEEDS-CONTROLLER" in said.stderr) == (4, True)
    context_file.put(config, "plant", Context(site="plant", brokers=("mqtt://127.0.0.1:1",)), make_current=True)
    said = run(*command)
    assert said.exit_code == 4
    assert "The context 'plant' is not one" in said.stderr
    assert "guestwire login" in said.stderr
    there = Context(site="plant", via="controller", controller="http://127.0.0.1:1", token_file="/nowhere")
    context_file.put(config, "plant-controller", there)
    assert "lead to one: plant-controller." in run(*command).stderr
    assert "A socket leads to one host" in run("--socket", "/nowhere", *command).stderr


def test_a_context_of_a_controller_is_added(run: Run, config: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    said = run(
        "context",
        "add",
        "c",
        "--controller",
        "http://127.0.0.1:1",
        "--token-file",
        str(token),
        "--site",
        "plant",
        "--use",
    )
    assert (said.exit_code, said.stderr) == (0, f"c added to {config}\n")
    assert "http://127.0.0.1:1" in run("context", "list").stdout
    assert run("fleet", "list").exit_code == 5, "there is no token yet"
    token.write_text("gwt_x\n")
    token.chmod(0o644)
    assert "chmod 600" in run("fleet", "list").stderr
    token.chmod(0o600)
    assert run("fleet", "list", "--timeout", "5").exit_code == 6
    away = run("guest", "list", "h1")
    assert (away.exit_code, "CONTROLLER-UNREACHABLE" in away.stderr) == (6, True)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:5000", "https://h/x", "ftp://h", "https://u:p@h", "http://localhost.evil"]
)
def test_a_token_goes_over_tls_or_to_this_machine(run: Run, config: Path, url: str) -> None:
    said = run("context", "add", "c", "--controller", url, "--token-file", "t", "--site", "plant")
    assert (said.exit_code, config.exists()) == (9, False)
    said = run("login", url, "--name", "anna", "--site", "plant", input="x\n")
    assert (said.exit_code, said.stderr.count("such as https://"), "contexts." in said.stderr) == (9, 1, False)


@pytest.mark.parametrize("option", ["--ca", "--key", "--password-file", "--first-file"])
def test_files_of_a_login_are_there(run: Run, config: Path, option: str) -> None:
    said = run("login", "http://127.0.0.1:1", "--name", "anna", option, "/nowhere/file", input="x\n")
    assert (said.exit_code, "/nowhere/file" in said.stderr, config.exists()) == (2, True, False)


def test_names_that_are_no_approval(run: Run, config: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("gwt_x\n")
    there = Context(site="plant", via="controller", controller="http://127.0.0.1:1", token_file=str(token))
    context_file.put(config, "c", there, make_current=True)
    for verb in ("show", "sign", "reject"):
        said = run("approval", verb, "5", "--timeout", "5")
        assert (said.exit_code, "guestwire approval list" in said.stderr) == (3, True), said.stderr


def test_doctor_says_how_to_get_a_token(run: Run, config: Path) -> None:
    there = Context(site="plant", via="controller", controller="http://127.0.0.1:1", token_file="/nowhere/token")
    context_file.put(config, "c", there, make_current=True)
    assert "guestwire login" in run("doctor", "--timeout", "1").stdout


def test_documents_are_toml_or_json(tmp_path: Path) -> None:
    for name, text in (("a.toml", "x = 1"), ("a.json", '{"x": 1}')):
        (tmp_path / name).write_text(text)
        assert read_document(tmp_path / name) == {"x": 1}
    for name, text in (("b.toml", "x"), ("b.json", "[]"), ("c.json", "{")):
        (tmp_path / name).write_text(text)
        with pytest.raises(GuestwireError, match="DOCUMENT-INVALID"):
            read_document(tmp_path / name)


def test_every_new_command_says_what_it_is_for(run: Run) -> None:
    for noun in (
        "alarm",
        "approval",
        "fleet",
        "login",
        "logout",
        "metrics",
        "role",
        "rollout",
        "token",
        "user",
        "webhook",
        "window",
    ):
        assert noun in COMMANDS
        assert run(noun, "--help").exit_code == 0
