"""The faults of one simulated host, as its ports meet them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.errors import GuestwireError


class Injection:
    """What is wrong just now, shared by all ports of a host. `failed` counts the calls that were made to fail."""

    __slots__ = ("failed", "faults")

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.failed = 0

    def replace(self, faults: Faults) -> None:
        self.faults = faults
        self.failed = 0

    def booted(self) -> None:
        """The host booted: nothing waits for that any more."""
        if self.faults.boot_pending:
            self.faults = replace(self.faults, boot_pending=())

    @contextmanager
    def call(self, name: str, subject: str = "") -> Iterator[None]:
        """Around the effect of one call: DRIVER-ERROR before it or after it where a fault says so."""
        self._fail(self.faults.fail_calls, name, subject)
        yield
        self._fail(self.faults.fail_after, name, subject)

    def check_disk(self) -> None:
        """Raise RESOURCE-EXHAUSTED while the disk is full."""
        if self.faults.disk_full:
            raise GuestwireError(
                "RESOURCE-EXHAUSTED", "the host's disk is full", detail={"resource": "disk", "errno": 28}
            )

    def _fail(self, failing: Mapping[str, str], name: str, subject: str) -> None:
        if not failing or (self.faults.fail_times is not None and self.failed >= self.faults.fail_times):
            return
        text = failing.get(f"{name}:{subject}") or failing.get(name)
        if text is not None:
            self.failed += 1
            raise GuestwireError("DRIVER-ERROR", text, detail={"code": 1, "domain": 0, "text": text})
