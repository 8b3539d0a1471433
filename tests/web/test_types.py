"""The dashboard's code keeps to the types that its comments state: tsc, strict, over every file."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from deploy_program import deploy_program

from guestwire.broker_test.fixtures import require

ROOT = Path(__file__).parents[2]
WEB = ROOT / "clients/guestwire/controller/web"
CONFIG = ROOT / "deploy/web/tsconfig.json"
TOOLS = ROOT / ".cache/web-tools/node_modules"
TSC = TOOLS / ".bin/tsc"
TURNED_OFF = re.compile(r"@ts-(ignore|nocheck|expect-error)|eslint-disable")


def sources() -> set[Path]:
    return {path for path in WEB.rglob("*.js") if "vendor" not in path.relative_to(WEB).parts}


@cache
def require_tools() -> None:
    there = TSC.exists() and shutil.which("node") is not None
    require("chromium", there, "no tsc here: deploy/setup.sh test installs it")


def tsc(config: Path, *options: str) -> tuple[int, list[str]]:
    require_tools()
    done = subprocess.run(
        [TSC, "-p", config, "--pretty", "false", *options], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_every_file_is_checked() -> None:
    """By `make check`, which `make test` runs."""
    code, said = tsc(CONFIG, "--listFilesOnly")
    files = {Path(line).resolve() for line in said if line.startswith("/")}
    assert code == 0
    assert sources() <= files


def test_no_file_turns_the_check_off() -> None:
    found = [str(path.relative_to(WEB)) for path in sources() if TURNED_OFF.search(path.read_text("utf-8"))]
    assert not found


WRONG = {
    "argument": ('/** @param {number} n */\nexport const f = (n) => n;\nf("1");', "TS2345"),
    "null": ("/** @param {{a: number} | null} one */\nexport const f = (one) => one.a;", "TS18047"),
    "untyped": ("export const f = (n) => n;", "TS7006"),
    "library": ('import { htm } from "lit";\nexport const f = htm;', "TS2724"),
    "unused": ("const a = 1;\nexport {};", "TS6133"),
}


def test_the_check_is_a_strict_one(tmp_path: Path) -> None:
    for name, (text, _) in WRONG.items():
        (tmp_path / f"{name}.js").write_text(text, "utf-8")
    options = json.loads(CONFIG.read_text("utf-8"))["compilerOptions"]
    options["paths"] = {
        name: [str((CONFIG.parent / path).resolve()) for path in paths] for name, paths in options["paths"].items()
    }
    config = tmp_path / "tsconfig.json"
    config.write_text(json.dumps({"compilerOptions": {**options, "skipLibCheck": True}, "include": ["*.js"]}), "utf-8")
    _, said = tsc(config)
    found = {re.sub(r".*/(\w+)\.js\(.*", r"\1", line): re.sub(r".* error (TS\d+):.*", r"\1", line) for line in said}
    assert found == {name: error for name, (_, error) in WRONG.items()}


def test_the_types_of_the_api_are_those_of_its_document() -> None:
    require_tools()
    assert (WEB / "types/api.d.ts").read_text("utf-8") == deploy_program("web/api_types.py").types(), (
        "make docs writes it"
    )


def test_no_type_of_the_api_is_unknown() -> None:
    text = (WEB / "types/api.d.ts").read_text("utf-8")
    named = set(re.findall(r'components\["schemas"\]\["([^"]+)"\]', text))
    stated = set(re.findall(r'^        "?([A-Za-z][\w-]*)"?: ', text, re.MULTILINE))
    assert named <= stated
    assert len(stated) > 150


def test_the_tools_are_locked_without_the_address_of_a_registry() -> None:
    lock = json.loads((ROOT / "deploy/web/package-lock.json").read_text("utf-8"))["packages"]
    asked = json.loads((ROOT / "deploy/web/package.json").read_text("utf-8"))
    assert lock[""]["devDependencies"] == asked["devDependencies"]
    assert "dependencies" not in asked
    for path, one in lock.items():
        if path:
            assert "resolved" not in one, path
            assert one["integrity"].startswith("sha512-"), path
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked["devDependencies"].values())
