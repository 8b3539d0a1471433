"""One distribution over four roots of one namespace package: what can go wrong with that, each as a test."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOTS = ("agent", "protocol", "clients", "broker-test")

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import guestwire
found = {}
for module in pkgutil.walk_packages(guestwire.__path__, "guestwire."):
    if module.name.endswith("__main__"):
        continue
    try:
        found[module.name] = importlib.import_module(module.name).__file__
    except ModuleNotFoundError as err:
        if err.name != "libvirt":
            raise
print(json.dumps(found))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """A program's output; it must end with 0."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory, cwd=repository.base)
    return next(directory.glob("*.whl"))


def test_no_init_in_the_namespace(repository):
    """One would hide the sub-packages of the other three roots, and mypy would not say so."""
    stray = [path for path in repository.modules() if path.match("guestwire/__init__.py") and len(path.parts) == 3]
    assert not stray
    assert not [path for path in repository.modules() if len(path.parts) < 4], "modules live in a sub-package"


def test_no_two_roots_own_a_sub_package(repository):
    shared = {name: roots for name, roots in repository.sub_packages().items() if len(roots) > 1}
    assert not shared


def test_every_sub_package_is_a_typed_package(repository):
    packages = repository.sub_packages()
    assert len(packages) >= 8
    for name, (root, *_) in packages.items():
        folder = repository.base / root / "guestwire" / name
        assert (folder / "__init__.py").is_file(), f"{folder}: no __init__.py"
        assert (folder / "py.typed").is_file(), f"{folder}: no py.typed"


def test_every_folder_with_modules_is_a_package(repository):
    """pkgutil and mypy pass over a folder without one."""
    folders = {path.parent for path in repository.modules()}
    assert not [folder for folder in folders if not (repository.base / folder / "__init__.py").exists()]


def test_the_wheel_has_every_module_and_nothing_else(repository, wheel):
    inside = {Path(name) for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {Path(*path.parts[1:]) for path in repository.files() if path.parts[0] in ROOTS}
    # the link that brings the documents is one file in the checkout
    documents = {
        Path("guestwire/controller", *path.parts[1:])
        for path in repository.files(".md", ".svg", ".png")
        if path.is_relative_to("deploy/docs")
    }
    assert len(documents) > 50
    assert inside == ours | documents


def test_the_sdist_has_the_documents_where_they_belong_too(repository, tmp_path):
    """A link to them is followed by what makes it, and a folder is visited once."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=repository.base)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    assert {path for path in repository.files() if path.is_relative_to("deploy/docs")} <= names


def test_an_installed_wheel_imports_whole(repository, wheel, tmp_path):
    environment = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    python = environment / "bin/python"
    # no network here: its dependencies are those of this interpreter, whose own guestwire a .pth does not reach
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index",
        "--ignore-installed", wheel, cwd=tmp_path)  # fmt: skip
    found = json.loads(run(python, "-c", IMPORT_ALL, cwd=tmp_path))
    assert {name.split(".")[1] for name in found} == set(repository.sub_packages())
    foreign = {name: file for name, file in found.items() if not file.startswith(str(site))}
    assert not foreign
    for script in tomllib.loads(repository.text(Path("pyproject.toml")))["project"]["scripts"]:
        assert "Usage" in run(environment / "bin" / script, "--help", cwd=tmp_path).replace("usage", "Usage")


def test_the_sdist_makes_the_same_wheel(repository, wheel, tmp_path):
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=repository.base)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    source = next((tmp_path / "unpacked").iterdir())
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=source)
    rebuilt = next(tmp_path.glob("*.whl"))
    assert sorted(zipfile.ZipFile(rebuilt).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_the_editable_install_sees_all_four_roots(repository, tmp_path):
    code = "import guestwire, json; print(json.dumps(list(guestwire.__path__)))"
    portions = {Path(path) for path in json.loads(run(sys.executable, "-c", code, cwd=tmp_path))}
    assert {repository.base / root / "guestwire" for root in ROOTS} <= portions


@pytest.mark.parametrize("name", ["agent", "clients", "protocol"])
def test_a_root_is_not_importable_by_its_folder_name(repository, name):
    """From the top of the repository `import agent` works; ruff forbids it."""
    for statement in (f"import {name}.guestwire\n", f"from {name} import guestwire\n"):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251", "--stdin-filename",
             "tests/architecture/written.py", "-"],
            cwd=repository.base, input=statement, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert "TID251" in done.stdout


def test_the_locks_are_pinned_hashed_and_name_no_host(repository):
    locks = [path for path in repository.files(".txt") if path.parts[:2] == ("deploy", "locks")]
    assert {path.stem for path in locks} == {
        "agent",
        "base",
        "build",
        "cli",
        "controller",
        "dev",
        "e2e",
        "libvirt",
        "site",
    }
    pins: dict[str, str] = {}
    for lock in locks:
        entries = repository.text(lock).replace("\\\n", " ").splitlines()
        for entry in entries:
            requirement, *hashes = entry.split(" --hash=")
            name, _, version = requirement.split(";")[0].strip().partition("==")
            assert version, f"{lock}: {requirement} is not pinned"
            assert hashes, f"{lock}: {name} has no hash"
            assert all(value.strip().startswith("sha256:") for value in hashes), f"{lock}: {name}"
            assert pins.setdefault(name, version) == version, (
                f"{lock}: {name} is {version} here, {pins[name]} elsewhere"
            )


def test_the_locks_have_what_pyproject_asks_for(repository):
    """A requirement added to pyproject and not to the locks (`make locks`) is found here."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads(repository.text(Path("pyproject.toml")))["project"]
    extras = project["optional-dependencies"]
    locks = {
        "base": [],
        "agent": extras["agent"],
        "cli": extras["cli"],
        "site": [*extras["cli"], *extras["site"]],
        "e2e": extras["e2e"],
        "libvirt": [*extras["agent"], *extras["libvirt"]],
        "dev": [*extras["agent"], *extras["cli"], *extras["site"], *extras["bench"], *extras["dev"]],
    }
    for lock, wanted in locks.items():
        lines = repository.text(Path(f"deploy/locks/{lock}.txt")).splitlines()
        pins = dict(line.split()[0].split("==") for line in lines if line[:1].isalnum())
        for requirement in map(Requirement, [*project["dependencies"], *wanted]):
            if canonicalize_name(requirement.name) == "guestwire":
                continue
            version = pins.get(canonicalize_name(requirement.name))
            assert version is not None, f"{lock}: {requirement.name} is missing"
            assert requirement.specifier.contains(version), f"{lock}: {requirement} against {version}"
