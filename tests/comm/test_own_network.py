"""A simulated host's networks are in a network namespace that nobody else is in."""

import os
import subprocess
import sys

SCRIPT = """
import os
from guestwire.comm.own_network import enter_own_network
before = os.readlink("/proc/self/ns/net")
entered = enter_own_network()
after = os.readlink("/proc/self/ns/net")
print(entered, before != after, [line.split(":")[0].strip() for line in open("/proc/self/net/dev").readlines()[2:]])
"""


def test_the_process_is_alone_with_its_loopback() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, check=True)
    if os.geteuid() == 0:
        assert done.stdout.split(maxsplit=2)[:2] == ["True", "True"]
        assert "lo" in done.stdout
        assert "eth" not in done.stdout
    else:
        assert done.stdout.startswith("False False")
