"""`python -m guestwire.broker_test`, see main."""

import sys

from guestwire.broker_test.main import main

sys.exit(main())
