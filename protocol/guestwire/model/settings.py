"""Settings of a host that an apply changes (SM 13.1). None, or no entry, means: not ours, left as it is."""

from typing import Annotated

from pydantic import Field, StringConstraints

from guestwire.model.base import Model
from guestwire.model.networks import Adapter


class HugePool(Model):
    """How many huge pages of a size the host keeps. `node` None: over all nodes, as the kernel spreads them."""

    size_mib: Annotated[int, Field(ge=2, le=1024)]
    pages: Annotated[int, Field(ge=0, le=1 << 20)]
    node: Annotated[int, Field(ge=0, le=1023)] | None = None


class HostSettings(Model):
    """autologin: the user who is logged in at boot, "" for nobody. bootloader_timeout in seconds. swap_mib: 0 is no swap
    file. removable_media: USB storage is watched for and offered to guests. ip_forward: the host routes between its
    adapters. airgap: the host itself has no address on its physical adapters. irq_affinity: the CPUs that serve interrupts
    (irqaffinity=), a CPU list that holds CPU 0."""

    autologin: Annotated[str, StringConstraints(pattern=r"^([a-z_][a-z0-9_-]{0,31})?$")] | None = None
    bootloader_timeout: Annotated[int, Field(ge=0, le=3600)] | None = None
    removable_media: bool | None = None
    swap_mib: Annotated[int, Field(ge=0, le=1 << 24)] | None = None
    ip_forward: bool | None = None
    airgap: bool | None = None
    adapters: Annotated[tuple[Adapter, ...], Field(max_length=64)] = ()
    hugepages: Annotated[tuple[HugePool, ...], Field(max_length=64)] = ()
    irq_affinity: Annotated[str, StringConstraints(max_length=1024)] | None = None
