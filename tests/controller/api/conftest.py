"""A database for tests of the API in which the kind of database does not matter: what depends on it takes `database`."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guestwire.controller.store.database import Database, open_database


@pytest.fixture
async def any_database(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A database of this test's own, with all tables."""
    path = tmp_path / "controller.db"
    shutil.copy(sqlite_template, path)
    async with open_database(f"sqlite:///{path}") as opened:
        yield opened
