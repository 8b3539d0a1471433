"""What keeps a guest off though its definition is sound: asked each time that a guest is about to be turned on."""

from collections.abc import Awaitable, Callable, Sequence

from guestwire.agent.services.communication import Communication, serving
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.host import RebootRequired
from guestwire.model.topology import Topology


async def _nothing(_guest: Guest) -> None:
    """The host needs no preparation."""


class StartConditions:
    """WRONG-STATE for a disabled guest, COMM-NOT-STARTED for one with communication while those services do not run,
    REBOOT-REQUIRED and GP-CPU-RUNNING-MAX (KVM-RT 3; SM 8.2, 10). `active` is the
    active configuration; `apply_waits` says whether an apply waits for a boot: nothing else a host is rebooted for keeps
    guests off. `comm` None: the host has no communication services, and guests run without."""

    def __init__(
        self,
        active: Callable[[], Desired],
        topology: Callable[[], Awaitable[Topology]],
        apply_waits: Callable[[], Awaitable[RebootRequired]],
        prepare: Callable[[Guest], Awaitable[None]] = _nothing,
        comm: Communication | None = None,
    ) -> None:
        self._active = active
        self._topology = topology
        self._apply_waits = apply_waits
        self._prepare = prepare
        self._comm = comm

    async def check(self, guest: Guest, others: Sequence[Guest]) -> None:
        """Whether `guest` may be turned on while `others` are on. Raises WRONG-STATE where it is disabled,
        COMM-NOT-STARTED, COMM-LOST, REBOOT-REQUIRED, GP-CPU-RUNNING-MAX, and what keeps the host from being made ready for
        it."""
        self._enabled(guest)
        reboot = await self._apply_waits()
        if reboot.required:
            raise GuestwireError("REBOOT-REQUIRED", detail={"reasons": list(reboot.reasons)})
        await self._within_the_limit(guest, others)
        if guest.has_comm and self._comm is not None:
            await serving(self._comm)
        await self._prepare(guest)

    def _enabled(self, guest: Guest) -> None:
        """No rule has looked at whether there is room for a disabled guest."""
        ours = next((own for own in self._active().guests if own.uuid == guest.uuid), guest)
        if ours.disabled:
            raise GuestwireError(
                "WRONG-STATE",
                f"{guest.name} is disabled: enable it first (set its disabled to false, and apply).",
                detail={"state": "disabled"},
            )

    async def _within_the_limit(self, guest: Guest, others: Sequence[Guest]) -> None:
        # KVM-RT lets guests that are not rt share CPUs as they like
        if self._active().policy.profile != "system-manager" or guest.kind == "rt":
            return
        total = len((await self._topology()).online())
        used = sum(other.vcpus for other in others if other.kind != "rt")
        if used + guest.vcpus > total:
            raise GuestwireError(
                "GP-CPU-RUNNING-MAX",
                f"{guest.name} has {guest.vcpus} vCPUs, the general purpose guests that run have {used},"
                f" the host has {total} CPUs: shut one of them down first.",
                detail={"vcpus": guest.vcpus, "running": used, "cpus": total},
            )
