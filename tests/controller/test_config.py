"""The controller's settings: where they come from, and the connections as the file has them."""

from pathlib import Path

import pytest

from guestwire.controller.config import Settings, load
from guestwire.model.errors import GuestwireError
from guestwire.settings.table import settings_table

TOML = """
[controller]
name = "north"

[serve]
listen = "127.0.0.1:0"

[[connections]]
name = "plant"
site = "plant"
brokers = ["mqtt://127.0.0.1:1883"]
trust = "keys/trust"
root = "keys/root.pub"
key = "keys/controller.key"

[[connections]]
name = "bench"
site = "lab"
via = "socket"
socket = "/run/guestwire/agent.sock"
host = "bench-1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "controller.toml"
    path.write_text(TOML)
    return path


def test_file_environment_and_flags(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUESTWIRE_CONTROLLER_LOG_LEVEL", "error")
    monkeypatch.setenv("GUESTWIRE_CONTROLLER_SERVE_ALLOWED_HOSTS", "one.example, two.example")
    settings = load(file, {"jobs.sending": "7"})
    assert (settings.controller.name, settings.log.level, settings.jobs.sending) == ("north", "error", 7)
    assert settings.serve.allowed_hosts == ("one.example", "two.example")
    assert settings.database_url == "sqlite:////var/lib/guestwire-controller/controller.db"


def test_connections_are_contexts_with_names(file: Path, tmp_path: Path) -> None:
    plant, bench = load(file).connections
    assert (plant.name, plant.brokers, plant.trust) == (
        "plant",
        ("mqtt://127.0.0.1:1883",),
        str(tmp_path / "keys/trust"),
    )
    assert (bench.via, bench.host, bench.socket) == ("socket", "bench-1", "/run/guestwire/agent.sock")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('name = "bench"', 'name = "plant"'), ""),
        (('listen = "127.0.0.1:0"', 'listen = "nowhere"'), "serve.listen"),
        (('via = "socket"', 'via = "pigeon"'), "connections.1.via"),
        (('[serve]', '[serve]\ncert = "/x"'), "serve"),
        (('[serve]', '[serve]\nlisten_to = "x"'), "serve.listen_to"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(file: Path, change: tuple[str, str], field: str) -> None:
    file.write_text(TOML.replace(*change))
    with pytest.raises(GuestwireError) as refused:
        load(file)
    assert (refused.value.code, refused.value.field) == ("CONFIG-INVALID", field)


def test_every_setting_says_what_it_is() -> None:
    rows = settings_table(Settings)
    assert [row.name for row in rows if not row.text] == []
    by_name = {row.name: row for row in rows}
    assert by_name["database.url"].environment == "GUESTWIRE_CONTROLLER_DATABASE_URL"
    assert not any(row.section == "connections" for row in rows)
