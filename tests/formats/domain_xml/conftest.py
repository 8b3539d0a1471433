"""The tests of domain documents share guests, generated ones and chosen ones, and connections to libvirt."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libvirt_host import unavailable

sys.path.insert(0, str(Path(__file__).parent))


def opened(uri: str) -> Any:
    try:
        import libvirt
    except ImportError:
        unavailable("libvirt-python is not installed (extra `libvirt`)")
    libvirt.registerErrorHandler(lambda *_: None, None)
    return libvirt.open(uri)


@pytest.fixture(scope="module")
def in_process() -> Iterator[Any]:
    conn = opened("test:///default")
    yield conn
    conn.close()


@pytest.fixture(scope="module")
def real(libvirt_host: Any) -> Iterator[Any]:
    conn = opened(libvirt_host.uri)
    yield conn
    conn.close()
