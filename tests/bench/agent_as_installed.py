"""The agent as deploy/locks/agent.txt installs it on a host: without the packages of the command line and of the controller, of
which structlog would load `rich` (4 MiB) and `greenlet` (1 MiB) where it finds them."""

import runpy
import sys

for absent in ("rich", "greenlet"):
    sys.modules[absent] = None  # type: ignore[assignment]
runpy.run_module("guestwire.agent.main", run_name="__main__", alter_sys=True)
