"""Fixtures that several areas share live in tests/support, one subject per module."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

pytest_plugins = ["libvirt_host"]

LONG = ("e2e", "architecture", "integration", "configuration", "comm", "guest_library", "rollouts", "api")
"""Directories, by how long a file of theirs takes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts the most processes first: side by side, a long file that is begun last would have the others wait for it."""
    items.sort(key=lambda item: LONG.index(area) if (area := item.path.parent.name) in LONG else len(LONG))


@pytest.fixture(scope="session", autouse=True)
def state_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What clients note of trust goes into no user's own directory, from processes that are started here neither."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
