"""`guestwire site serve`, before it serves; that it does is shown end to end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from guestwire.cli.site_hosts import in_a_line
from guestwire.sdk import context_file
from guestwire.sdk.contexts import Context
from guestwire.sdk.trust_spread import Standing


def test_a_service_has_to_know_its_name_and_its_site(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plant = tmp_path / "plant"
    assert run("site", "init", str(plant), "--tls").exit_code == 0
    assert run("site", "serve", str(plant)).exit_code == 2
    assert run("site", "serve", str(plant), "--name", "a", "--listen", "nowhere").exit_code == 2
    (tmp_path / "empty").mkdir()
    assert run("site", "serve", str(tmp_path / "empty"), "--name", "a", "--listen", "127.0.0.1:0").exit_code == 5
    assert run("site", "init", str(tmp_path / "plain")).exit_code == 0
    assert run("site", "serve", str(tmp_path / "plain"), "--name", "a", "--listen", "127.0.0.1:0").exit_code == 5


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--broker-reload", "true"), "--broker-dir"),
        (("--broker-dir", "b"), "--broker-pid-file"),
        (("--broker-dir", "b", "--broker-reload", "true", "--broker-pid-file", "p"), "one of"),
        (("--broker-dir", "b", "--broker-reload", "'"), "--broker-reload"),
        (("--broker-dir", "b", "--broker-reload", ""), "--broker-reload"),
        (("--broker-dir", "b", "--broker-reload", "true", "--broker-listen", "8883"), "ADDRESS:PORT"),
        (("--broker-dir", "b", "--broker-reload", "true", "--broker-user", "a b"), "no name of a user"),
        (("--context", "nowhere"), "CONTEXT-UNKNOWN"),
        (("--context", "other"), "site other, not plant"),
        (("--context", "here"), "has to reach every host"),
    ],
)
def test_what_cannot_be_kept_in_step_is_said_before_it_serves(
    run: Callable[..., Result],
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    plant = tmp_path / "plant"
    assert run("site", "init", str(plant), "--tls").exit_code == 0
    context_file.put(config, "other", Context(site="other", brokers=("mqtt://127.0.0.1",)))
    context_file.put(config, "here", Context(site="plant", via="socket", socket="/run/x", host="h1"))
    result = run("site", "serve", str(plant), "--name", "127.0.0.1", "--listen", "127.0.0.1:0", *more)
    assert result.exit_code != 0
    assert why in result.stderr
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("have", "missing", "line"),
    [
        (2, {}, "trust document 3.1: every host has it (2)"),
        (1, {"h9": "NO-ANSWER", "h8": ""}, "trust document 3.1: 1 of 3 have it; missing h9 (NO-ANSWER), h8"),
        (
            0,
            {f"h{n}": "" for n in range(12)},
            f"trust document 3.1: 0 of 12 have it; missing {', '.join(f'h{n}' for n in range(10))} and 2 more",
        ),
    ],
)
def test_how_it_stands_in_a_line(have: int, missing: dict[str, str], line: str) -> None:
    assert in_a_line(Standing((3, 1), frozenset(f"a{n}" for n in range(have)), missing)) == line
