"""What the tests of rollouts share is in modules beside them."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guestwire.controller.store.database import Database, open_database

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
async def any_database(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """For tests in which the kind of database does not matter: what depends on it takes `database`."""
    path = tmp_path / "controller.db"
    shutil.copy(sqlite_template, path)
    async with open_database(f"sqlite:///{path}") as opened:
        yield opened
