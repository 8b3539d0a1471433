"""Fixtures that several areas share live in tests/support, one subject per module."""

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

sys.path.insert(0, str(Path(__file__).parent / "support"))

pytest_plugins = ["libvirt_host"]

gc.disable()
"""Until all is collected: nothing of it goes before the end, and each look for what might takes half a second."""

LONG = ("web", "e2e", "architecture", "integration", "configuration", "comm", "guest_library", "rollouts", "api")
"""Directories, by how long a file of theirs takes."""
GUESTS = "mark.libvirt"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Who asks for tests with real guests alone reads the files that have some: to read them all takes ten times as long."""
    only_guests = config.option.markexpr.startswith("libvirt")
    return True if only_guests and collection_path.suffix == ".py" and not names_guests(collection_path) else None


def names_guests(path: Path) -> bool:
    """Whether the file, or its directory's conftest, marks tests that need real guests."""
    return any(GUESTS in file.read_text("utf-8") for file in (path, path.with_name("conftest.py")) if file.exists())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts the most processes first: side by side, a long file that is begun last would have the others wait for it."""
    items.sort(key=lambda item: LONG.index(area) if (area := item.path.parent.name) in LONG else len(LONG))
    unseen = {item.path for item in items if item.get_closest_marker("libvirt") and not names_guests(item.path)}
    if unseen:
        raise pytest.UsageError(f"files with tests of real guests name {GUESTS}, or nobody runs them: {unseen}")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


BROWSERS = 2
"""So many of the processes run the dashboard's tests, which have a demo and a browser for all of them."""


def scope(nodeid: str) -> str:
    """What runs in one process: a file, or every other one of the dashboard's."""
    file = nodeid.partition("::")[0]
    if not file.startswith("tests/web/"):
        return file
    files = sorted(path.name for path in (Path(__file__).parent / "web").glob("test_*.py"))
    return f"tests/web/{files.index(file.removeprefix('tests/web/')) % BROWSERS}"


class Scheduling(LoadFileScheduling):
    """File by file, and without those that have run: the one that it is made from counts them all again after each test."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        nodeid = self.registered_collections[node][item_index]
        scope = self._split_scope(nodeid)
        del self.assigned_work[node][scope][nodeid]
        if not self.assigned_work[node][scope]:
            del self.assigned_work[node][scope]
        self._reschedule(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return Scheduling(config, log) if config.option.dist == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def state_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What clients note of trust goes into no user's own directory, from processes that are started here neither."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
