"""`guestwire mandate`, where no host is needed."""

from pathlib import Path

import pytest


@pytest.fixture
def plant(run, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    run("site", "init", str(tmp_path / "plant"), "--operator", "eve", "--broker", "mqtt://127.0.0.1:1")
    return tmp_path / "plant"


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--holder", "main", "--host", "h1"), "controller:NAME"),
        (("--holder", "controller:main", "--host", "H_1"), "a-z 0-9 -"),
        (("--holder", "controller:main", "--host", "h1", "--plan", "x"), "--plan"),
        (("--holder", "controller:main", "--host", "h1", "--note", "n" * 1000), "--note"),
    ],
)
def test_what_cannot_be_is_said_of_its_option(run, tmp_path: Path, more: tuple[str, ...], says: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "one.mandate"
    refused = run("mandate", "issue", str(file), "--operation", "guest-shutdown", *more)
    assert (refused.exit_code, says in refused.stderr) == (2, True), refused.stderr
    assert not file.exists()
