"""Fixtures that several areas share live in tests/support, one subject per module. How tests are spread over processes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

pytest_plugins = ["libvirt_host"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay together (pytest -n N --dist loadgroup), and those that share one libvirt run in one process, first
    of all, for they take longest."""
    for item in items:
        shared = item.get_closest_marker("libvirt") is not None
        item.add_marker(pytest.mark.xdist_group("libvirt" if shared else str(item.path)))
    items.sort(key=lambda item: item.get_closest_marker("libvirt") is None)
