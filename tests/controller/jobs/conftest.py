"""A database where its kind does not matter, and the folders of the tests with real agents on the path, whose wire these use too."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guestwire.controller.store.database import Database, open_database

for folder in ("integration", "e2e"):
    sys.path.insert(0, str(Path(__file__).parents[2] / folder))


@pytest.fixture
async def one_database(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A database of this test's own."""
    path = tmp_path / "controller.db"
    shutil.copy(sqlite_template, path)
    async with open_database(f"sqlite:///{path}") as opened:
        yield opened
