"""The agent as deploy/locks/agent.txt installs it on a host: without the packages of the command line, of which structlog
would load `rich` (4 MiB) where it finds it."""

import runpy
import sys

sys.modules["rich"] = None  # type: ignore[assignment]
runpy.run_module("guestwire.agent.main", run_name="__main__", alter_sys=True)
