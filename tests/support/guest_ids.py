"""Ids for the guests of tests that share a libvirt: no two tests of one run get the same."""

import itertools
import os

_EACH = 1500
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)
_numbers = itertools.count(1000 + _EACH * (_worker % 6))


def fresh_id() -> str:
    """GUESTnnnn, one after the other."""
    return f"GUEST{next(_numbers):04d}"
