"""Fixtures of the agent's tests, and the folder on the path so that they can share their samples."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.small_disk import mounted

from guestwire.agent.journal_writer import JournalWriter

sys.path.insert(0, str(Path(__file__).parent))


@pytest_asyncio.fixture
async def writer() -> AsyncIterator[JournalWriter]:
    async with JournalWriter() as running:
        yield running


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with half a MiB, that can really be full."""
    with mounted(tmp_path / "disk", 512) as disk:
        yield disk
