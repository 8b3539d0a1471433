"""What the tests of projects share is in modules beside them, and beside the tests of whole sites."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "e2e")]
