"""Fixtures of the agent's tests, and the folder on the path so that they can share their samples."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from guestwire.agent.journal_writer import JournalWriter
from guestwire.broker_test.fixtures import require

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
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    require("mount", mounted.returncode == 0, f"may not mount a small file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
