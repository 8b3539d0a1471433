"""The browser's libraries in web/vendor are those that manifest.json names, whole and with their licences."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from deploy_program import deploy_program

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "clients/guestwire/controller/web/vendor"
MANIFEST: dict[str, Any] = json.loads((VENDOR / "manifest.json").read_text("utf-8"))
FILES = {file["path"]: file["sha256"] for package in MANIFEST["packages"] for file in package["files"]}
OURS = re.compile(r"^[a-z0-9@][\w@./-]*$")
MAKES_CODE = re.compile(r"\beval\s*\(|\bnew\s+Function\b|(?<![\w.])Function\s*\(")
"""What the pages' Content-Security-Policy does not let run."""


def test_every_file_is_as_its_package_has_it() -> None:
    changed = [
        path for path, digest in FILES.items() if hashlib.sha256((VENDOR / path).read_bytes()).hexdigest() != digest
    ]
    assert not changed


def test_no_file_is_there_that_the_manifest_does_not_name() -> None:
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert there == {*FILES, "manifest.json"}


@pytest.mark.parametrize("package", MANIFEST["packages"], ids=lambda package: package["name"])
def test_a_package_has_its_version_and_its_licence(package: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert package["license"] in ("MIT", "BSD-3-Clause")
    assert f"{package['name']}/LICENSE" in FILES


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith("js")])
def test_a_library_makes_no_code_of_text(path: str) -> None:
    found = MAKES_CODE.search((VENDOR / path).read_text("utf-8"))
    assert found is None, found


def test_the_import_map_leads_to_files_that_are_there() -> None:
    for asked, path in MANIFEST["imports"].items():
        assert OURS.match(asked)
        assert asked.endswith("/") == path.endswith("/")
        assert (VENDOR / path).is_dir() if path.endswith("/") else path in FILES, asked


def test_every_import_of_a_library_is_there_too() -> None:
    """And nothing of it is asked from anywhere else."""
    vendor = deploy_program("web/vendor.py")
    for path in FILES:
        if path.endswith("js"):
            source = (VENDOR / path).read_text("utf-8")
            assert {
                vendor.led_to(asked, path, MANIFEST["imports"]) for asked in vendor.IMPORTED.findall(source)
            } <= set(FILES)


def test_versions_are_those_of_the_program_that_fetches_and_of_the_types() -> None:
    vendor = deploy_program("web/vendor.py")
    assert {package["name"]: package["version"] for package in MANIFEST["packages"]} == {
        package.name: package.version for package in vendor.PACKAGES
    }
    assert vendor.import_map() == MANIFEST["imports"]
    tools = json.loads((ROOT / "deploy/web/package-lock.json").read_text("utf-8"))["packages"]
    for package in MANIFEST["packages"]:
        assert tools[f"node_modules/{package['name']}"]["version"] == package["version"]
