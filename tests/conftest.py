"""Fixtures that several areas share live in tests/support, one subject per module."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))

pytest_plugins = ["libvirt_host"]
