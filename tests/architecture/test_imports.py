"""The import contracts of pyproject hold, cover every sub-package, and break when they should."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).parents[2]
ROOTS = ("agent", "protocol", "clients", "broker-test")
SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]

# contract id -> the module that gets it wrong, and what it imports
VIOLATIONS = {
    "one-way": ("protocol/guestwire/link", "guestwire.sdk.client"),
    "agent": ("agent/guestwire/agent", "guestwire.sdk.client"),
    "agent-comm": ("agent/guestwire/agent", "guestwire.comm.events"),
    "comm": ("agent/guestwire/comm", "guestwire.agent.journal"),
    "guest": ("clients/guestwire/guest", "guestwire.model.areas"),
    "shm": ("protocol/guestwire/shm", "guestwire.model.areas"),
    "no-agent": ("clients/guestwire/cli", "guestwire.agent.journal"),
    "no-test-broker": ("clients/guestwire/cli", "guestwire.broker_test.embedded"),
    "site": ("clients/guestwire/site", "guestwire.link.transport"),
    "below-site": ("clients/guestwire/sdk", "guestwire.site.layout"),
    "test-broker": ("broker-test/guestwire/broker_test", "guestwire.link.session"),
    "formats": ("protocol/guestwire/formats", "guestwire.protocol.topics"),
    "pure": ("protocol/guestwire/protocol", "time"),
    "mqtt": ("clients/guestwire/sdk", "aiomqtt"),
    "codec": ("protocol/guestwire/link", "mqtt5"),
    "aiomqtt": ("protocol/guestwire/link", "paho.mqtt.client"),
    "services": ("agent/guestwire/agent/services", "guestwire.agent.drivers.simulated.host"),
    "ports": ("agent/guestwire/agent/drivers/simulated", "guestwire.agent.services.guests"),
    "drivers": ("agent/guestwire/agent/drivers/linux", "guestwire.agent.drivers.simulated.host"),
    "libvirt": ("agent/guestwire/agent/services", "libvirt"),
    "controller": ("clients/guestwire/cli", "guestwire.controller.feed"),
    "sql": ("clients/guestwire/controller/fleet", "sqlalchemy"),
}


def lint(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages under this directory."""
    path = os.pathsep.join(str(directory / root) for root in ROOTS)
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()",
         "--no-logo", "--no-cache", *arguments],
        cwd=directory, env={**os.environ, "PYTHONPATH": path, "COLUMNS": "500"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_the_contracts_are_kept():
    done = lint(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_breaks_when_it_is_violated(tmp_path):
    for root in ROOTS:
        shutil.copytree(REPOSITORY / root, tmp_path / root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for number, (folder, imported) in enumerate(VIOLATIONS.values()):
        (tmp_path / folder / f"violation_{number}.py").write_text(f"import {imported}\n")
    done = lint(tmp_path)
    names = {contract["id"]: contract["name"] for contract in SETTINGS["contracts"]}
    assert set(names) == set(VIOLATIONS), "every contract has a violation here"
    kept = [key for key, name in names.items() if f"{name} BROKEN" not in done.stdout]
    assert not kept, f"not broken by its violation: {kept}\n{done.stdout}{done.stderr}"


def test_the_contracts_cover_every_sub_package():
    ours = {
        f"guestwire.{folder.name}"
        for root in ROOTS
        for folder in (REPOSITORY / root / "guestwire").iterdir()
        if (folder / "__init__.py").exists()
    }
    assert set(SETTINGS["root_packages"]) == ours
    named: set[str] = set()
    for contract in SETTINGS["contracts"]:
        for key in ("source_modules", "containers", "layers", "modules"):
            named.update(contract.get(key, ()))
    assert ours <= named, f"no contract says what these may import: {sorted(ours - named)}"
    assert set(SETTINGS["root_packages"]) == set(_packages_in_makefile()), "Makefile, PACKAGES"


def _packages_in_makefile() -> list[str]:
    lines = (REPOSITORY / "Makefile").read_text().splitlines()
    found = next(line for line in lines if line.startswith("PACKAGES"))
    return [f"guestwire.{name}" for name in found.split(":=")[1].split()]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*SETTINGS["root_packages"], include_external_packages=True, cache_dir=None)


def test_of_the_agent_a_driver_imports_only_drivers_and_ports(graph):
    allowed = ("guestwire.agent.drivers", "guestwire.agent.services.ports")
    wrong = [
        f"{module} -> {imported}"
        for module in graph.modules
        if module.startswith("guestwire.agent.drivers")
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.startswith("guestwire.agent") and not imported.startswith(allowed)
    ]
    assert not wrong


def test_the_client_side_imports_no_log_library_and_no_settings_library(graph):
    """structlog, pydantic-settings and uvloop take longer to import than the whole budget of `guestwire --help`."""
    clients = (
        "guestwire.cli",
        "guestwire.sdk",
        "guestwire.site",
        "guestwire.link",
        "guestwire.protocol",
        "guestwire.model",
    )
    for library in ("structlog", "pydantic_settings", "uvloop"):
        if library in graph.modules:
            users = graph.find_modules_that_directly_import(library)
            assert not [module for module in users if module.startswith(clients)], library
