"""What configuration needs beside the drivers' ports: durable records, guest folders, power, the way it is managed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from guestwire.agent.config_records_schema import ChangeRow, Phase, RevisionRow, StepRow
from guestwire.model.guest import Guest, Override


class Records(Protocol):
    """The durable side of changes (`agent.config_records`). Every method is durable when it returns."""

    @property
    def newest(self) -> RevisionRow | None: ...

    @property
    def under_way(self) -> ChangeRow | None: ...

    async def revisions(self, limit: int, before: int | None = None) -> tuple[RevisionRow, ...]: ...

    async def document(self, number: int | None) -> tuple[RevisionRow, bytes] | None: ...

    async def change(self) -> tuple[ChangeRow, tuple[StepRow, ...]] | None: ...

    async def begin(self, change: ChangeRow, steps: Sequence[tuple[str, bytes]]) -> None: ...

    async def step_started(self, n: int, undo: bytes) -> None: ...

    async def step_done(self, n: int) -> None: ...

    async def step_undone(self, n: int) -> None: ...

    async def set_phase(self, phase: Phase, *, confirm_by_ms: int | None = None) -> bool: ...

    async def commit(self, revision: RevisionRow, document: bytes, *, keep: int) -> bool: ...

    async def drop(self) -> None: ...

    async def take_undo(self, now_ms: int) -> bool: ...

    async def put_revision(self, revision: RevisionRow, document: bytes, keep: int) -> None: ...


class Folders(Protocol):
    """The folders of guests: generated files, and those of the user that are never touched. By GUESTnnnn."""

    def user_overrides(self, guest_id: str, template_files: Sequence[str] = ()) -> tuple[Override, ...]: ...

    async def modified(self, guests: Iterable[Guest]) -> Mapping[str, tuple[str, ...]]: ...

    async def capture(self, guest_id: str) -> str: ...

    async def write(self, guest: Guest, template_files: Sequence[str] = ()) -> None: ...

    async def remove(self, guest_id: str) -> None: ...

    async def restore(self, guest_id: str, state: str) -> None: ...


class Power(Protocol):
    """Guests on and off, waited for. By uuid."""

    def running(self) -> frozenset[str]:
        """Guests that run, by uuid (paused ones too)."""
        ...

    def known(self) -> Mapping[str, Guest]:
        """Every guest as the hypervisor has it now, by uuid."""
        ...

    def of_others(self) -> frozenset[str]:
        """The guests that other hosts have on the same hypervisor, by uuid."""
        ...

    async def on(self, uuid: str) -> None: ...

    async def off(self, uuid: str, within_s: float, *, force: bool = False) -> None:
        """Ask it to shut down until it has. Raises SHUTDOWN-TIMEOUT unless `force`, which then takes its power."""
        ...

    async def settled(self, uuid: str) -> None:
        """Wait until `known` has what the hypervisor lists of that guest."""
        ...

    async def connected(self, patience_s: float) -> bool:
        """Wait for the hypervisor to be there and listed."""
        ...


class ManagementLink(Protocol):
    """The host's own way to those who manage it."""

    @property
    def exists(self) -> bool:
        """Whether there is one beside the Unix socket."""
        ...

    @property
    def connected_at_ms(self) -> int | None:
        """When the connection that stands now was made (Unix ms); None: there is none."""
        ...

    @property
    def broker_address(self) -> str | None:
        """The IP address of the broker's end of the last connection; None: there was none."""
        ...

    def reconnect(self) -> None:
        """Drop the connection and make a new one: the proof that the way still stands."""
        ...
