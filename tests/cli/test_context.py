"""`guestwire context` over the user's file."""

import json
from pathlib import Path

TEXT = """# mine
current = "plant"

[contexts.plant]  # the plant
site = "plant"
brokers = ["mqtt://10.0.0.1:1883", "mqtts://10.0.0.2"]

[contexts.desk]
site = "plant"
via = "socket"
socket = "agent.sock"
host = "h1"
"""


def _write(config: Path) -> None:
    config.parent.mkdir(parents=True)
    config.write_text(TEXT)


def test_list_marks_the_current_one(run, config: Path) -> None:  # type: ignore[no-untyped-def]
    _write(config)
    rows = json.loads(run("context", "list", "-o", "json").stdout)
    assert [(row["name"], row["current"]) for row in rows] == [("desk", False), ("plant", True)]
    assert rows[0]["socket"] == str(config.parent / "agent.sock")


def test_use_keeps_remarks(run, config: Path) -> None:  # type: ignore[no-untyped-def]
    _write(config)
    assert run("context", "use", "desk").exit_code == 0
    text = config.read_text()
    assert text.count("current =") == 1
    assert text.replace('current = "desk"', 'current = "plant"').split() == TEXT.split()
    assert run("context", "show", "-o", "name").stdout == "desk\n"


def test_unknown(run, config: Path) -> None:  # type: ignore[no-untyped-def]
    _write(config)
    result = run("context", "use", "nowhere")
    assert result.exit_code == 3
    assert "desk, plant" in result.stderr


def test_remove(run, config: Path) -> None:  # type: ignore[no-untyped-def]
    _write(config)
    assert run("context", "remove", "plant").exit_code == 0
    assert "10.0.0.1" not in config.read_text()
    assert "[contexts.desk]" in config.read_text()
    assert run("guest", "list").exit_code == 3


def test_no_file_is_no_contexts(run) -> None:  # type: ignore[no-untyped-def]
    result = run("context", "list", "-o", "name")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_wrong_setting_is_named(run, config: Path) -> None:  # type: ignore[no-untyped-def]
    config.parent.mkdir(parents=True)
    config.write_text('[contexts.plant]\nsite = "plant"\nbroker = "x"\n')
    result = run("context", "list")
    assert result.exit_code == 9
    assert "contexts.plant.broker" in result.stderr


def test_add(run, config: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _write(config)
    tls = ("--ca", "ca.crt", "--certificate", str(tmp_path / "x.crt"), "--certificate-key", str(tmp_path / "x.key"))
    added = run("context", "add", "straight", "--via", "tcp", "--site", "plant", "--host", "h1", "--address", "h", *tls)
    assert added.exit_code == 0, added.stderr
    assert config.read_text().startswith(TEXT.rstrip())
    shown = json.loads(run("context", "show", "straight", "-o", "json").stdout)
    assert (shown["via"], shown["address"], shown["ca"]) == ("tcp", "h", str(Path.cwd() / "ca.crt"))
    assert (
        run("context", "add", "local", "--via", "socket", "--site", "p", "--host", "h1", "--socket", "s").exit_code == 0
    )
    assert json.loads(run("context", "show", "local", "-o", "json").stdout)["socket"] == str(Path.cwd() / "s")
    run("context", "add", "direct", "--site", "plant", "--host", "h1", "--address", "h", *tls)
    assert json.loads(run("context", "show", "direct", "-o", "json").stdout)["via"] == "tcp"
    run("context", "add", "other", "--site", "plant", "--broker", "mqtt://b", "--broker", "mqtt://c", "--use")
    assert json.loads(run("context", "show", "-o", "json").stdout)["brokers"] == ["mqtt://b", "mqtt://c"]


def test_add_refuses_what_cannot_work(run, config: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, code, says in (
        (
            ("straight", "--via", "tcp", "--site", "plant", "--host", "h1"),
            9,
            "contexts.straight: a context over tcp needs address",
        ),
        (("a b", "--site", "plant", "--broker", "mqtt://b"), 9, "contexts"),
        (("wrong", "--site", "plant", "--broker", "http://b"), 9, "brokers"),
    ):
        refused = run("context", "add", *arguments)
        assert (refused.exit_code, says in refused.stderr) == (code, True), refused.stderr
    assert not config.exists()
