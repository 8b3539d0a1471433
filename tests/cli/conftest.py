"""A site, a fleet of fake hosts over an embedded broker, and the command line in this process."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_host import FakeFleet

from guestwire.cli.main import cli
from guestwire.sdk import context_file
from guestwire.sdk.contexts import Context
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

Run = Callable[..., Result]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A site with hosts h1 and h2."""
    plan = SitePlan("plant", hosts=("h1", "h2"), operators=("admin", "eve"))
    return create(tmp_path / "site", plan, time.time_ns() // 1_000_000)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration file, not there yet."""
    path = tmp_path / "config" / "config.toml"
    monkeypatch.setenv("GUESTWIRE_CONFIG", str(path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("GUESTWIRE_CONTEXT", raising=False)
    return path


@pytest.fixture
def run(config: Path) -> Run:
    """`run("guest", "list")` gives click's result: exit_code, stdout, stderr."""

    def call(*arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, prog_name="guestwire", input=input, catch_exceptions=False)

    return call


@pytest.fixture
def start(layout: Layout, tmp_path: Path, config: Path) -> Iterator[Callable[..., FakeFleet]]:
    """`start("h1")` starts hosts, and makes the contexts `plant` (current, of operator admin) and `eve`."""
    with ExitStack() as stack:

        def go(*hosts: str) -> FakeFleet:
            fleet = stack.enter_context(FakeFleet(layout, tmp_path).running(*hosts))
            for name, operator in (("plant", "admin"), ("eve", "eve")):
                context = Context(
                    site="plant",
                    brokers=(f"mqtt://127.0.0.1:{fleet.port}",),
                    trust=str(layout.trust),
                    root=str(layout.root_public),
                    key=str(layout.key(f"operator:{operator}")),
                )
                context_file.put(config, name, context, make_current=name == "plant")
            return fleet

        yield go


@pytest.fixture
def fleet(start: Callable[..., FakeFleet]) -> FakeFleet:
    """Hosts h1 (with guests web, running, and db) and h2 (with guest web)."""
    fleet = start("h1", "h2")
    fleet.hosts["h1"].add("web", "running")
    fleet.hosts["h1"].add("db")
    fleet.hosts["h2"].add("web")
    return fleet
