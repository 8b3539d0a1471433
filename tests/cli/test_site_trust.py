"""`guestwire site signer|trust|root|enroller`, `guestwire trust` and `guestwire key`: over files, OpenSSL and hosts that run."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from fake_host import FakeFleet

from guestwire.site.layout import Layout

Run = Callable[..., Result]


def good(run: Run, *arguments: object) -> Any:
    """The document that a command writes."""
    result = run(*map(str, arguments), "-o", "json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout) if result.stdout else None


def states(run: Run, layout: Layout) -> dict[str, str]:
    return {row["key_id"]: row["state"] for row in good(run, "site", "signer", "list", layout.base)}


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


def test_an_operators_key_never_leaves_his_machine(run: Run, layout: Layout, tmp_path: Path) -> None:
    made = good(run, "key", "make", tmp_path / "mia")
    assert made == {"key_id": made["key_id"], "public": str(tmp_path / "mia.pub")}
    assert (tmp_path / "mia").stat().st_mode & 0o777 == 0o600
    good(
        run, "site", "signer", "add", layout.base, "operator:mia", "--role", "engineer", "--host", "h1", "--valid-days", "9",
        "--key-file", tmp_path / "mia.pub",
    )  # fmt: skip
    row = good(run, "site", "signer", "list", layout.base)[-1]
    assert (row["principal"], row["role"], row["key_id"]) == ("operator:mia", "engineer", made["key_id"])
    assert (row["scope"]["hosts"], row["scope"]["risk"], row["state"]) == (["h1"], 2, "added in the draft")
    assert not layout.key("operator:mia").exists()
    assert run("key", "make", str(tmp_path / "mia")).exit_code == 4
    assert good(run, "key", "show", tmp_path / "mia.pub")["key_id"] == made["key_id"]
    assert run("site", "signer", "add", str(layout.base), "host:mia").exit_code == 4
    assert run("site", "signer", "revoke", str(layout.base), "operator:nobody").exit_code == 3


def test_what_is_published_is_given_to_every_host(run: Run, fleet: FakeFleet, layout: Layout) -> None:
    run("site", "signer", "revoke", str(layout.base), "operator:eve")
    given = good(run, "site", "trust", "publish", layout.base)
    assert {row["host"]: (row["outcome"], row["revision"]) for row in given} == {
        "h1": ("taken up", [2, 0]), "h2": ("taken up", [2, 0]),
    }  # fmt: skip
    assert [host.executor.trust.rev for host in fleet.hosts.values()] == [2, 2]
    assert run("--context", "eve", "guest", "list").exit_code == 5
    again = good(run, "site", "trust", "publish", layout.base)
    assert {row["outcome"] for row in again} == {"had it"}
    assert {row["state"] for row in good(run, "trust", "show", "--all")} == {"as here"}


def test_a_host_that_is_away_is_named_and_has_it_with_the_next(
    run: Run, start: Callable[..., FakeFleet], layout: Layout
) -> None:
    start("h1")
    run("site", "mandate-revoke", str(layout.base), "ab" * 16)
    result = run("site", "trust", "publish", str(layout.base), "-o", "json")
    assert result.exit_code == 6
    assert [(row["host"], row["outcome"]) for row in json.loads(result.stdout)] == [("h1", "taken up"), ("h2", "away")]
    assert '"HOST-UNREACHABLE"' in result.stderr
    assert good(run, "site", "trust", "show", layout.base)["revision"] == [2, 0]


def test_a_host_that_has_a_newer_one_refuses(run: Run, fleet: FakeFleet, layout: Layout, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(layout.trust.read_bytes())
    run("site", "signers-needed", str(layout.base), "R3=2")
    run("site", "trust", "publish", str(layout.base))
    result = run("trust", "push", "h1", "--file", str(old))
    assert result.exit_code == 5
    assert "TRUST-INVALID" in result.stderr
    assert fleet.hosts["h1"].executor.trust.rev == 2


def test_without_a_context_it_is_signed_and_given_to_nobody(run: Run, layout: Layout) -> None:
    run("site", "signers-needed", str(layout.base), "R3=2", "r2=1")
    result = run("site", "trust", "publish", str(layout.base))
    assert result.exit_code == 0, result.stderr
    assert "revision 2 signed" in result.stderr
    assert "no context" in result.stderr
    assert good(run, "site", "trust", "show", layout.base)["document"]["signers_needed"] == {"3": 2}


def test_a_context_of_another_site(run: Run, fleet: FakeFleet, tmp_path: Path) -> None:
    run("site", "init", str(tmp_path / "other"))
    assert "no context for this site" in run("site", "trust", "publish", str(tmp_path / "other")).stderr
    named = run("--context", "plant", "site", "trust", "publish", str(tmp_path / "other"))
    assert named.exit_code == 9
    assert "site plant" in named.stderr


def test_a_root_in_openssl(run: Run, tmp_path: Path) -> None:
    pem, public, file, site = tmp_path / "r.pem", tmp_path / "r.pub.pem", tmp_path / "t", tmp_path / "plant"
    openssl("genpkey", "-algorithm", "ed25519", "-out", pem)
    openssl("pkey", "-in", pem, "-pubout", "-out", public)
    assert run("site", "init", str(site), "--root-public", str(public), "--host", "h1").exit_code == 0
    refused = run("site", "trust", "publish", str(site))
    assert (refused.exit_code, "export" in refused.stderr) == (5, True)
    assert run("site", "trust", "discard", str(site)).exit_code == 5
    assert run("site", "trust", "export", str(site), str(file)).exit_code == 0
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", pem, "-in", file, "-out", f"{file}.sig")
    assert run("site", "trust", "publish", str(site), "--signature", str(file)).exit_code == 5
    assert run("site", "trust", "publish", str(site), "--signature", f"{file}.sig").exit_code == 0
    assert good(run, "site", "trust", "show", site)["revision"] == [1, 0]
    assert run("site", "add-host", str(site), "h2").exit_code == 0
    assert good(run, "site", "trust", "show", site)["draft"] == 2


def test_a_machine_without_a_network(run: Run, layout: Layout, tmp_path: Path) -> None:
    away, file, signature = tmp_path / "root.key", tmp_path / "t", tmp_path / "t.sig"
    layout.root_key.rename(away)
    run("site", "signer", "add", str(layout.base), "operator:mia")
    run("site", "trust", "export", str(layout.base), str(file))
    sign = ("site", "trust", "sign", str(file), "--root-key", str(away), "--out", str(signature))
    assert run(*sign).exit_code == 2  # nobody was asked
    said = run(*sign, "--yes")
    assert said.exit_code == 0, said.stderr
    assert "operator:mia" in said.stderr
    assert run("site", "trust", "publish", str(layout.base), "--signature", str(signature)).exit_code == 0
    assert "in force" in states(run, layout).values()


def test_roots_and_enrollers_follow_each_other(run: Run, fleet: FakeFleet, layout: Layout) -> None:
    before = good(run, "site", "trust", "show", layout.base)["root"]
    for what in ("root", "enroller"):
        assert run("site", what, "rotate", str(layout.base)).exit_code == 0
    good(run, "site", "trust", "publish", layout.base)
    after = good(run, "site", "trust", "show", layout.base)
    assert (after["root"] != before, after["revision"], after["draft"]) == (True, [2, 1_000_000], None)
    assert all(len(host.executor.trust.roots) == 2 for host in fleet.hosts.values())
    assert good(run, "trust", "show")["root"] == after["root"]
    assert run("host", "ping", "h1").exit_code == 0


def test_a_key_follows_another(run: Run, fleet: FakeFleet, layout: Layout) -> None:
    [old] = [
        row["key_id"]
        for row in good(run, "site", "signer", "list", layout.base)
        if row["principal"] == "operator:admin"
    ]
    assert run("site", "signer", "rotate", str(layout.base), "operator:admin").exit_code == 0
    good(run, "site", "trust", "publish", layout.base)
    assert run("site", "signer", "revoke", str(layout.base), old).exit_code == 0
    good(run, "site", "trust", "publish", layout.base)
    assert states(run, layout)[old] == "revoked"
    assert run("guest", "start", "h1/db").exit_code == 0  # the context names the file that the new key is in now
    assert run("site", "signer", "rotate", str(layout.base), "operator:nobody").exit_code == 3


def test_a_client_takes_up_what_hosts_have(
    run: Run, fleet: FakeFleet, layout: Layout, config: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(layout.trust.read_bytes())
    text = config.read_text()
    run("site", "signer", "revoke", str(layout.base), "host:h2")
    run("site", "trust", "publish", str(layout.base))
    config.write_text(text.replace(f'trust = "{layout.trust}"', f'trust = "{mine}"'))
    assert good(run, "trust", "show")["revision"] == [1, 0]
    assert [row["state"] for row in good(run, "trust", "show", "--all")] == ["newer", "as here"]
    assert run("host", "ping", "h2").exit_code == 0
    assert good(run, "trust", "update", "--host", "h1")["revision"] == [2, 0]
    assert good(run, "trust", "show")["hosts"] == ["h1"]
    assert mine.read_bytes() == layout.trust.read_bytes()
    assert run("host", "ping", "h2", "-c", "1", "--timeout", "0.5").exit_code == 5
    assert run("host", "ping", "h1").exit_code == 0


def test_a_client_takes_up_a_file(run: Run, fleet: FakeFleet, layout: Layout, config: Path, tmp_path: Path) -> None:
    mine, newer = tmp_path / "mine", tmp_path / "newer"
    mine.write_bytes(layout.trust.read_bytes())
    config.write_text(config.read_text().replace(f'trust = "{layout.trust}"', f'trust = "{mine}"'))
    run("site", "signers-needed", str(layout.base), "R3=2")
    run("site", "trust", "publish", str(layout.base), "--context", "plant")
    newer.write_bytes(layout.trust.read_bytes())
    assert good(run, "trust", "update", newer)["revision"] == [2, 0]
    newer.write_bytes(b"nothing")
    assert run("trust", "update", str(newer)).exit_code == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ("site", "signers-needed", "DIR", "R4=2"),
        ("site", "signers-needed", "DIR", "R3=0"),
        ("site", "mandate-revoke", "DIR", "xyz"),
        ("site", "signer", "add", "DIR", "operator:x", "--role", "king"),
        ("site", "init", "DIR2", "--operator", "eve=king"),
    ],
)
def test_command_lines_that_cannot_be(run: Run, layout: Layout, arguments: tuple[str, ...]) -> None:
    assert run(*(str(layout.base) if word == "DIR" else word for word in arguments)).exit_code == 2


def test_operators_have_roles(run: Run, tmp_path: Path) -> None:
    run("site", "init", str(tmp_path / "p"), "--operator", "eve=observer", "--operator", "mia")
    run("site", "add-operator", str(tmp_path / "p"), "anna", "--role", "operator")
    rows = good(run, "site", "signer", "list", tmp_path / "p")
    assert {row["principal"]: row["role"] for row in rows} == {
        "operator:eve": "observer", "operator:mia": "admin", "operator:anna": "operator", "controller:main": "controller",
    }  # fmt: skip


def test_the_cas_follow_each_other(run: Run, tmp_path: Path) -> None:
    site, request = str(tmp_path / "plant"), tmp_path / "csr.pem"
    run("site", "init", site, "--tls", "--host", "h1")
    for arguments, code in (
        (("switch", site), 3),
        (("rotate", site), 0),
        (("switch", site), 5),
        (None, 0),
        (("drop", site), 5),
        (("switch", site), 0),
        (("drop", site), 0),
        (("issuing", site), 0),
        (("issuing", site, "--request", str(request)), 0),
        (("issuing", site, "--request", str(request), "--certificate", str(request)), 2),
        (("issuing", site, "--certificate", str(request)), 5),
    ):
        result = run("site", "trust", "publish", site) if arguments is None else run("site", "ca", *arguments)
        assert result.exit_code == code, (arguments, result.stderr)
    assert request.read_text().startswith("-----BEGIN CERTIFICATE REQUEST-----")


def test_a_command_looks_for_newer_trust_where_nobody_has_lately(
    run: Run, fleet: FakeFleet, layout: Layout, config: Path, tmp_path: Path
) -> None:
    """h2 was stolen and goes on by what it has: a command that is run a minute later does not believe it."""
    mine = tmp_path / "mine"
    mine.write_bytes(layout.trust.read_bytes())
    text = config.read_text()
    run("site", "signer", "revoke", str(layout.base), "host:h2")
    run("site", "trust", "publish", str(layout.base))
    config.write_text(text.replace(f'trust = "{layout.trust}"', f'trust = "{mine}"'))
    ping = ("host", "ping", "h2", "-c", "1", "--timeout", "0.5")
    assert run(*ping).exit_code == 0  # the document was put there just now
    os.utime(mine, (time.time() - 31,) * 2)
    assert run(*ping).exit_code == 5
    assert mine.read_bytes() == layout.trust.read_bytes()
