"""The kernel's word on the clock; which word it is depends on the machine."""

from guestwire.agent.clock_quality import clock_quality


def test_linux_knows_whether_its_clock_is_synchronised() -> None:
    assert clock_quality() in ("synchronised", "unsynchronised")
