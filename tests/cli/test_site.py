"""`guestwire site`: files on disk, a context when a broker is given."""

import json
from pathlib import Path

from guestwire.sdk import contexts
from guestwire.site.certificates import describe


def test_init(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run("site", "init", str(tmp_path / "plant"), "--host", "h1", "--host", "h2", "-o", "json")
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    assert set(made["keys"]) == {"host:h1", "host:h2", "operator:admin"}
    assert all(Path(path).exists() for path in made["keys"].values())


def test_init_twice_is_a_conflict(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("site", "init", str(tmp_path / "plant")).exit_code == 0
    again = run("site", "init", str(tmp_path / "plant"))
    assert again.exit_code == 4
    assert again.stderr.startswith("error: EXISTS: ")


def test_init_with_a_broker_makes_the_current_context(run, tmp_path: Path, config: Path) -> None:  # type: ignore[no-untyped-def]
    result = run(
        "site", "init", str(tmp_path / "plant"), "--tls", "--broker", "mqtts://broker.example", "--operator", "eve"
    )
    assert result.exit_code == 0, result.stderr
    name, context = contexts.load(config).get(None)
    assert (name, context.site, context.brokers) == ("plant", "plant", ("mqtts://broker.example",))
    assert context.certificate == str(tmp_path / "plant/tls/eve.crt")
    assert context.key == str(tmp_path / "plant/keys/operator-eve.key")


def test_a_wrong_broker_address(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run("site", "init", str(tmp_path / "plant"), "--broker", "http://x")
    assert result.exit_code == 2
    assert not (tmp_path / "plant").exists(), "it can be done again"


def test_the_broker_has_a_certificate_for_the_address_that_clients_connect_to(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    arguments = ("--tls", "--broker-name", "b.example", "--broker", "mqtts://127.0.0.1:18883")
    assert run("site", "init", str(tmp_path / "plant"), *arguments).exit_code == 0
    assert describe((tmp_path / "plant/tls/broker.crt").read_bytes())[0].names == ("b.example", "127.0.0.1")


def test_add_and_show(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("site", "init", str(tmp_path / "plant"))
    assert run("site", "add-host", str(tmp_path / "plant"), "h7").exit_code == 0
    assert run("site", "add-operator", str(tmp_path / "plant"), "eve").exit_code == 0
    shown = json.loads(run("site", "show", str(tmp_path / "plant"), "-o", "json").stdout)
    risks = {row["principal"]: row["scope"]["risk"] for row in shown}
    assert risks == {"operator:admin": 3, "controller:main": 1, "host:h7": 0, "operator:eve": 3}
    assert run("site", "add-host", str(tmp_path / "plant"), "h7").exit_code == 4


def test_names_that_cannot_be(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("site", "init", str(tmp_path / "plant"), "--host", "H_1").exit_code == 9
