"""`guestwire host enrol`: the code is a secret and goes where it is meant to."""

import json
from pathlib import Path

import pytest

from guestwire.protocol.enrolment import parse_code
from guestwire.site.layout import Layout
from guestwire.site.service_place import ServicePlace, settle


@pytest.fixture
def plant(run, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    assert run("site", "init", str(tmp_path / "plant"), "--tls").exit_code == 0
    return tmp_path / "plant"


def test_the_code_alone_is_on_stdout(run, plant: Path) -> None:  # type: ignore[no-untyped-def]
    made = run("host", "enrol", str(plant), "h1", "--address", "site.example:8443")
    assert made.exit_code == 0, made.stderr
    code = parse_code(made.stdout)
    assert (code.site, code.host, code.address) == ("plant", "h1", "site.example:8443")
    assert made.stdout.strip() not in made.stderr
    assert made.stdout.strip() not in (plant / "issuing" / "codes.json").read_text()


def test_where_the_service_was_is_remembered(run, plant: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("host", "enrol", str(plant), "h1").exit_code == 9
    settle(Layout(plant), ServicePlace(names=("10.0.0.1",), address="10.0.0.1:8443"))
    assert parse_code(run("host", "enrol", str(plant), "h1").stdout).address == "10.0.0.1:8443"
    assert run("host", "enrol", str(plant), "h1", "--address", "10.0.0.2:8443").exit_code == 9


def test_programs_get_a_file(run, plant: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    asked = ("host", "enrol", str(plant), "h1", "--address", "a:1", "-o", "json")
    assert run(*asked).exit_code == 2
    out = tmp_path / "code"
    made = run(*asked, "--out", str(out))
    assert made.exit_code == 0, made.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    assert parse_code(out.read_text()).host == "h1"
    assert json.loads(made.stdout)["file"] == str(out)
    assert "gwe1" not in made.stdout
    assert run(*asked, "--out", str(out)).exit_code == 4, "no file is overwritten"


@pytest.mark.parametrize(
    ("host", "more", "code"),
    [
        ("H1", (), 9),
        ("admin", (), 4),
        ("h1", ("--broker", "http://b"), 2),
        ("h1", ("--valid-min", "0"), 2),
        ("h1", ("--replace",), 3),
    ],
)
def test_what_cannot_be(run, plant: Path, host: str, more: tuple[str, ...], code: int) -> None:  # type: ignore[no-untyped-def]
    assert run("host", "enrol", str(plant), host, "--address", "a:1", *more).exit_code == code
