"""A network namespace of this process's own: a simulated host's networks are real bridges, but not this machine's."""

import ctypes

CLONE_NEWNET = 0x40000000
"""linux/sched.h"""


def enter_own_network() -> bool:
    """Leave the machine's network for an empty one (unshare(2)), before any thread is started. False where the kernel does not
    let us: then networks say what they lack."""
    return bool(ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0)
