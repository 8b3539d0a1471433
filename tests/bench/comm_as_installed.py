"""guestwire-comm as it is installed on a host: without the packages of the command line (see agent_as_installed)."""

import runpy
import sys

sys.modules["rich"] = None  # type: ignore[assignment]
runpy.run_module("guestwire.comm.main", run_name="__main__", alter_sys=True)
