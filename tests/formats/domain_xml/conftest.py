"""The tests of domain documents share guests: generated ones and chosen ones."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
