"""What the C library has free goes back to the host."""

import subprocess
import sys

CODE = """
from guestwire.comm.heap import keep_little_free
keep_little_free()
def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS:"))
before = resident()
taken = [bytes(2048) for _ in range(20_000)]
assert resident() - before > 30_000
taken.clear()
print(resident() - before)
"""


def test_memory_that_is_let_go_is_given_back():
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=30, check=True)
    assert int(said.stdout) < 15_000
