"""Fixtures of tests that use the Python library at a real guestwire-comm; nobody imports this module: a test module names it,

pytest_plugins = ("tests.support.guest_fixtures",)
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.comm_process import comm_process
from tests.support.guest_peers import PROJECT, Peers

from guestwire.comm.client import CommClient
from guestwire.guest.library import Library


@pytest.fixture(scope="session")
def library(make: Callable[[str], Path]) -> Library:
    """The C library as it is shipped."""
    return Library(str(make("all") / "libguestwire.so"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peers(library: Library, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Peers]:
    """For all tests of a module: they leave everything as it was."""
    async with comm_process(tmp_path_factory.mktemp("c")) as comm:
        async with CommClient(comm.dir) as client:
            await client.apply(PROJECT)
        yield Peers(comm, library)


@pytest.fixture
async def own_peers(library: Library, tmp_path: Path) -> AsyncIterator[Peers]:
    """For one test, which may stop and kill it."""
    async with comm_process(tmp_path) as comm:
        async with CommClient(comm.dir) as client:
            await client.apply(PROJECT)
        yield Peers(comm, library)
