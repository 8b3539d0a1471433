"""What conversations need of others: who may have what, the guest services, and who is told. Ports, and nothing else."""

from dataclasses import dataclass
from typing import Protocol

from guestwire.comm.reaper import Reaped
from guestwire.comm.ways import Way
from guestwire.protocol.steps import Now


@dataclass(frozen=True, slots=True)
class Granted:
    """What a request for a file got: a code, and with GW_OK a file of its own, which whoever asked closes, and what it may be
    used for."""

    code: int
    fd: int = -1
    flags: int = 0
    value: int = 0


class Grants(Protocol):
    """What the services that run give to whom."""

    @property
    def serving(self) -> bool: ...

    @property
    def instance(self) -> int: ...

    def may_be(self, way: Way, guest: str) -> int:
        """GW_OK when a process of the host may say that it is that guest (where guests are simulated); GW_DENIED; to who may be
        any guest, GW_NOT_FOUND when there is none of the name."""
        ...

    def area(self, party: str, name: str, wanted: int) -> Granted: ...

    def directory(self, party: str) -> Granted: ...

    def plug(self, way: Way, guest: str, index: int, wanted: int) -> Granted:
        """For the agent alone."""
        ...

    def native(self, event: str) -> int | None:
        """The eventfd of an event between processes of the host."""
        ...

    def release_locks(self, number: int) -> Reaped:
        """Free the locks whose word has that number."""
        ...


class Services(Protocol):
    """The guest services (KVM-RT 6)."""

    def request(
        self, party: str, op: int, seq: int, flags: int, value: int, payload: bytes, now: Now
    ) -> tuple[int, int]:
        """GW code and value of the answer."""
        ...


class Audit(Protocol):
    """What is told of conversations."""

    def denied(self, party: str, what: str, name: str, count: int = 1) -> None: ...

    def ready(self, party: str) -> None: ...

    def attached(self, party: str, way: str) -> None: ...

    def detached(self, party: str, way: str) -> None: ...

    def talking(self, way: Way) -> None:
        """It said HELLO: from now on it may hold what is to be freed when it goes."""
        ...

    def reaped(self, party: str, lock: str) -> None: ...

    def defect(self, what: str, error: BaseException) -> None:
        """A request raised what it should not."""
        ...
