"""`guestwire site broker-config`: what it writes and says. What mosquitto makes of it: tests/integration/test_acl_matrix.py."""

import json
from pathlib import Path


def test_it_says_what_changed_and_what_is_to_be_done(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    site, out = str(tmp_path / "plant"), str(tmp_path / "broker")
    assert run("site", "init", site, "--tls", "--host", "h1").exit_code == 0
    command = ("site", "broker-config", site, "--for", "mosquitto", "--out", out, "--listen", "127.0.0.1:8884")
    first = run(*command)
    assert first.exit_code == 0, first.stderr
    assert f"{out}/mosquitto.conf" in first.stdout.splitlines()
    assert "systemctl restart mosquitto" in first.stderr
    assert "listener 8884 127.0.0.1\n" in Path(out, "mosquitto.conf").read_text()
    again = json.loads(run(*command, "-o", "json").stdout)
    assert (again["changed"], again["action"]) == ([], "nothing")
    assert run("site", "add-host", site, "h2").exit_code == 0
    added = run(*command)
    assert added.stdout == f"{out}/access.acl\n"
    assert "systemctl reload mosquitto" in added.stderr


def test_a_site_without_tls(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("site", "init", str(tmp_path / "plant"))
    result = run("site", "broker-config", str(tmp_path / "plant"), "--for", "mosquitto", "--out", str(tmp_path / "b"))
    assert result.stderr.startswith("error: FILE-MISSING: ")
    assert not (tmp_path / "b").exists()
