"""What the rules may know of this host, gathered from the ports at one moment."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from guestwire.agent.services.configuration.ports import Folders, Power
from guestwire.agent.services.ports import Guests, HostInspection, Images, KernelValues
from guestwire.model.desired import Desired
from guestwire.model.facts import Facts, FileFact
from guestwire.model.host_paths import normal
from guestwire.model.rules.disks import named_files

UNSAFE_INTERRUPTS = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


class FactsReader:
    """Reads facts. `disk_roots`: folders that disk images may be in; `share_roots`, `boot_roots`: the same for folders that
    guests mount and for what they boot, None: anywhere; `simulated`: whether the host is; `broker`: the IP address that the
    broker is reached at, None where there is none."""

    def __init__(
        self,
        guests: Guests,
        inspection: HostInspection,
        images: Images,
        kernel: KernelValues,
        folders: Folders,
        power: Power,
        *,
        disk_roots: Sequence[str],
        share_roots: Sequence[str] | None = None,
        boot_roots: Sequence[str] | None = None,
        simulated: bool,
        broker: Callable[[], str | None],
    ) -> None:
        self._guests = guests
        self._inspection = inspection
        self._images = images
        self._kernel = kernel
        self._folders = folders
        self._power = power
        self._broker = broker
        self.disk_roots = tuple(disk_roots)
        self.share_roots = None if share_roots is None else tuple(share_roots)
        self.boot_roots = None if boot_roots is None else tuple(boot_roots)
        self.simulated = simulated

    async def modified(self, desired: Desired, active: Desired) -> Mapping[str, tuple[str, ...]]:
        """The generated files that somebody edited or removed, by GUESTnnnn, of the guests that stay."""
        kept = {guest.uuid for guest in desired.guests}
        return await self._folders.modified(guest for guest in active.guests if guest.uuid in kept)

    async def read(
        self, desired: Desired, active: Desired, modified: Mapping[str, Sequence[str]] | None = None
    ) -> Facts:
        """The facts that decide over a document. `modified`: what `modified` just gave."""
        if modified is None:
            modified = await self.modified(desired, active)
        topology, host, management, files, kernel, networks = await asyncio.gather(
            self._inspection.topology(), self._inspection.facts(),
            self._inspection.management(self._broker()), self.files(desired),
            self._kernel.read([UNSAFE_INTERRUPTS]), self._guests.networks(),
        )  # fmt: skip
        # a domain does not become ours because a document names its uuid: it would be defined anew, as another guest
        ours = {guest.uuid for guest in active.guests}
        foreign = {uuid: guest for uuid, guest in self._power.known().items() if uuid not in ours}
        return Facts(
            topology=topology,
            capabilities=host.capabilities,
            machine=host.machine,
            memory_mib=host.memory_mib,
            memory_free_mib=host.memory_free_mib,
            simulated=self.simulated,
            active=active,
            running=self._power.running(),
            foreign={uuid: guest.name for uuid, guest in foreign.items()},
            foreign_disks={
                normal(disk.path): guest.name
                for guest in foreign.values()
                for disk in guest.disks
                if disk.path is not None
            },
            networks=networks,
            files=files,
            disk_roots=self.disk_roots,
            share_roots=self.share_roots,
            boot_roots=self.boot_roots,
            management=management,
            unsafe_interrupts=kernel[UNSAFE_INTERRUPTS] in ("Y", "1"),
            modified=tuple(path for _, paths in sorted(modified.items()) for path in paths),
        )

    async def files(self, desired: Desired) -> dict[str, FileFact]:
        """What is known of every file a document names."""
        return dict(await self._images.probe(sorted(named_files(desired))))
