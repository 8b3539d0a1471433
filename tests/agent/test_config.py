"""Settings: where they come from, which wins, and that a wrong one is named."""

import argparse
from pathlib import Path

import pytest

from guestwire.agent.config import Settings, load
from guestwire.link.broker_url import BrokerAddress
from guestwire.model.errors import GuestwireError
from guestwire.settings.table import add_flags, given_flags, settings_table

TOML = """
[host]
id = "h1"
site = "plant"

[broker]
urls = ["mqtt://one", "mqtts://two:1234"]
keep_alive_s = 20

[log]
level = "warning"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(TOML)
    return path


def _refused(file: Path, **flags: str) -> GuestwireError:
    with pytest.raises(GuestwireError) as refused:
        load(file, {name.replace("__", "."): text for name, text in flags.items()})
    assert refused.value.code == "CONFIG-INVALID"
    return refused.value


def test_file_then_environment_then_flag(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(file)
    assert (settings.host.id, settings.broker.keep_alive_s, settings.log.level) == ("h1", 20, "warning")
    assert settings.broker.addresses == (BrokerAddress("one", 1883, False), BrokerAddress("two", 1234, True))
    monkeypatch.setenv("GUESTWIRE_LOG_LEVEL", "error")
    monkeypatch.setenv("GUESTWIRE_BROKER_KEEP_ALIVE_S", "40")
    monkeypatch.setenv("GUESTWIRE_BROKER_URLS", "mqtt://three, mqtt://four")
    monkeypatch.setenv("GUESTWIRE_SIMULATED_GUEST_AGENT", "false")
    monkeypatch.setenv("GUESTWIRE_CONTEXT", "the client's, not ours")
    settings = load(file, {"log.level": "debug"})
    assert (settings.host.id, settings.broker.keep_alive_s, settings.log.level) == ("h1", 40, "debug")
    assert settings.broker.urls == ("mqtt://three", "mqtt://four")
    assert settings.simulated.guest_agent is False


def test_no_file_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUESTWIRE_HOST_ID", "h1")
    settings = load(None, {"host.site": "plant", "host.socket": "", "broker.urls": "mqtts://[::1]"})
    assert (settings.host.id, settings.host.site, settings.host.socket) == ("h1", "plant", None)
    assert settings.broker.addresses == (BrokerAddress("::1", 8883, True),)


def test_unknown_keys_are_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _refused(file, log__colour="red").field == "log.colour"
    assert _refused(file, logs__level="info").field == "logs"
    file.write_text(TOML + "\n[limits]\nqueue = 3\n")
    assert _refused(file).field == "limits.queue"
    file.write_text(TOML)
    monkeypatch.setenv("GUESTWIRE_BROKER_URL", "mqtt://x")
    error = _refused(file)
    assert error.field == "broker.url"
    assert "no such setting" in error.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("host.id", "No Slug"),
        ("host.driver", "xen"),
        ("broker.keep_alive_s", "soon"),
        ("broker.keep_alive_s", "0"),
        ("broker.urls.0", "tcp://x"),
        ("limits.running", "0"),
        ("simulated.guest_agent", "perhaps"),
    ],
)
def test_wrong_values_are_named(file: Path, name: str, text: str) -> None:
    error = _refused(file, **{name.removesuffix(".0").replace(".", "__"): text})
    assert error.field == name
    assert text in error.message


def test_missing_and_unreadable(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    assert _refused(empty).field == "host"
    assert _refused(empty, host__id="h1").field == "host.site"
    assert "no such file" in _refused(tmp_path / "none.toml").message
    empty.write_text("[host\n")
    assert "line 1" in _refused(empty).message


def test_what_goes_together(file: Path) -> None:
    assert "go together" in _refused(file, broker__cert="/x").message
    assert "needs username" in _refused(file, broker__password_file="/x").message


def test_the_table_has_every_setting_and_says_what_it_is() -> None:
    rows = settings_table(Settings)
    assert len(rows) == len({row.name for row in rows}) > 40
    assert [row.name for row in rows if not row.text] == []
    by_name = {row.name: row for row in rows}
    level = by_name["log.level"]
    assert (level.type, level.default) == ("off | debug | info | warning | error", "info")
    assert (level.environment, level.flag) == ("GUESTWIRE_LOG_LEVEL", "--log-level")
    assert by_name["host.id"].default == "(required)"
    assert (by_name["broker.urls"].type, by_name["broker.ca"].type) == ("list", "path")


def test_every_default_is_a_valid_setting(file: Path) -> None:
    given = {row.name: row.default for row in settings_table(Settings) if row.default not in ("(required)", "")}
    assert load(file, given).model_dump(exclude={"host", "broker", "log"}) == load(file).model_dump(
        exclude={"host", "broker", "log"}
    )


def test_flags_are_made_from_the_table(file: Path) -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Settings)
    arguments = parser.parse_args(["--log-level", "debug", "--broker-keep-alive-s", "60"])
    assert given_flags(arguments, Settings) == {"log.level": "debug", "broker.keep_alive_s": "60"}
    assert load(file, given_flags(arguments, Settings)).broker.keep_alive_s == 60
    assert "--host-state-dir" in parser.format_help()


def test_settings_cannot_be_changed(file: Path) -> None:
    settings: Settings = load(file)
    with pytest.raises(ValueError):
        settings.log.level = "debug"  # type: ignore[misc]


def test_a_path_may_be_a_credential_of_systemd(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "host.key").touch()
    settings = load(file, {"trust.host_key": "credential:host.key", "broker.ca": "credential:host.key"})
    assert settings.trust.host_key == settings.broker.ca == tmp_path / "host.key"
    assert load(file, {"broker.ca": ""}).broker.ca is None


@pytest.mark.parametrize(
    ("folder", "name", "says"),
    [
        (None, "host.key", "put LoadCredential=host.key:FILE into its unit"),
        ("", "host.key", "put LoadCredential=host.key:FILE into its unit and restart it"),
        ("", "../agent.toml", "names no credential"),
        ("", "", "names no credential"),
        ("", "..", "names no credential"),
    ],
)
def test_a_credential_that_is_not_there_is_named_with_what_to_do(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str | None, name: str, says: str
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    if folder is not None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / folder))
    error = _refused(file, trust__host_key=f"credential:{name}")
    assert error.field == "trust.host_key"
    assert says in error.message
