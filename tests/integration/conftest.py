"""The folder on the path, and that of the end-to-end tests, whose site and agent these tests use too."""

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "e2e"):
    sys.path.insert(0, str(folder))
