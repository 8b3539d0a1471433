"""What `guestwire-controller check` finds: it opens everything that the settings name, and says of each what is wrong what to do."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from made_certificates import Authority

from guestwire.controller.main import main
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

Change = Callable[[dict[str, dict[str, str]], Layout], None]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    plan = SitePlan("plant", hosts=("h1",), operators=("admin",))
    return create(tmp_path_factory.mktemp("site") / "site", plan, time.time_ns() // 1_000_000)


@pytest.fixture
def sections(layout: Layout, tmp_path: Path) -> dict[str, dict[str, str]]:
    """The settings of a sound controller."""
    return {
        "controller": {"state_dir": str(tmp_path / "state")}, "database": {}, "serve": {"listen": "127.0.0.1:0"},
        "metrics": {}, "connections": {
            "name": "plant", "site": "plant", "brokers": "mqtt://127.0.0.1:1", "trust": str(layout.trust),
            "root": str(layout.root_public), "key": str(layout.key("controller:main")),
        },
    }  # fmt: skip


def written(folder: Path, sections: dict[str, dict[str, str]]) -> list[str]:
    """As arguments."""
    lines = []
    for name, values in sections.items():
        lines.append("[[connections]]" if name == "connections" else f"[{name}]")
        lines += [
            f"{key} = {json.dumps([value] if key == 'brokers' else value)}" for key, value in values.items()
        ]  # as TOML has them
    file = folder / "controller.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["--config", str(file)]


def test_what_is_sound_and_nothing_is_made(
    sections: dict[str, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *written(tmp_path, sections)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "connection plant: configured, mqtt, as controller:main, trust document 1\n" in said.out
    assert f"database: {tmp_path}/state/controller.db is made at the first start\n" in said.out
    assert not (tmp_path / "state").exists()


def test_a_database_and_its_audit_log(
    sections: dict[str, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = tmp_path / "password"
    password.write_text("a long enough passphrase\n")
    config = written(tmp_path, sections)
    assert main(["user", "ada", "--password-file", str(password), *config]) == 0
    assert main(["check", *config]) == 0
    said = capsys.readouterr().out
    assert "controller.db: sqlite: of this version\n" in said
    assert "audit log: its last 1 rows are sound, nothing of it is signed yet\n" in said
    with closing(sqlite3.connect(tmp_path / "state/controller.db")) as db, db:
        db.execute("UPDATE audit SET target = 'eve'")
    assert main(["check", *config]) == 1
    assert "audit log: AUDIT-BROKEN: Row 1 is not what it was" in capsys.readouterr().err


def _expired(sections: dict[str, dict[str, str]], layout: Layout) -> None:
    made = Authority(layout.base.parent).issue("c", begins=timedelta(days=-9), ends=timedelta(days=-2))
    sections["serve"] |= {"cert": str(made.certificate), "key": str(made.key)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda s, _: s["connections"].update(key="/none/main.key"),
            ("connection plant: KEY-FILE-INVALID: /none/main.key: No such file or directory.", "Put the file there"),
        ),
        (lambda s, layout: s["connections"].update(key=str(layout.root_public)), ("chmod 600",)),
        (lambda s, layout: s["connections"].update(key=str(layout.key("operator:admin"))), ("a key of its own",)),
        (lambda s, _: s["connections"].update(trust="/none/trust"), ("TRUST-INVALID: /none/trust", "administrator")),
        (lambda s, _: s["connections"].update(certificate="/none/c", certificate_key="/none/k"), ("/none/c",)),
        (
            lambda s, _: s["database"].update(url="postgresql://nobody@127.0.0.1:1/none"),
            ("database: DATABASE-UNAVAILABLE", "Start the database"),
        ),
        (lambda s, _: s["database"].update(password_file="/none/password"), ("/none/password",)),
        (lambda s, _: s["serve"].update(listen="0.0.0.0:0"), ("serve: CONFIG-INVALID", "give serve.cert")),
        (_expired, ("serve: KEY-FILE-INVALID", "renew it")),
        (lambda s, _: s["metrics"].update(token_file="/none/token"), ("metrics.token_file: /none/token",)),
        (lambda s, _: s["controller"].update(state_dir="/dev/null"), ("state_dir: FILE-MISSING: /dev/null",)),
    ],
)
def test_what_is_wrong_and_what_to_do(
    sections: dict[str, dict[str, str]], layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    change: Change, says: tuple[str, ...],
) -> None:  # fmt: skip
    change(sections, layout)
    assert main(["check", *written(tmp_path, sections)]) == 1
    said = capsys.readouterr().err
    for text in says:
        assert text in said
