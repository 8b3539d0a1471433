"""What the controller knows of a host, as the rules take it. Pure. What changes by the minute (free memory, running guests,
files) is the host's to judge: rules that need it say `not checked`."""

from collections.abc import Mapping
from dataclasses import dataclass

from guestwire.controller.store.host_configs import HostConfig
from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.host import Host
from guestwire.model.topology import Topology
from guestwire.protocol.config_models import ConfigShown


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A host as it is known here. `config`: as its configuration was last asked for; None: never. `about`, `topology`: the machine,
    by whatever told of it last, at `at` (Unix ms). `reported`: the revision that it says it has; None: it said nothing."""

    config: HostConfig | None = None
    about: Host | None = None
    topology: Topology | None = None
    at: int | None = None
    reported: int | None = None

    @property
    def shown(self) -> ConfigShown | None:
        """Its configuration, as it was last asked for."""
        return None if self.config is None else self.config.shown

    @property
    def active(self) -> Desired:
        """What it has then; nothing, where it was never asked."""
        return Desired() if self.config is None else self.config.shown.desired

    def made_for(self, fingerprint: str | None) -> Topology | None:
        """The machine with that fingerprint, as far as the host was ever known as it; None as fingerprint: the machine that it
        was when its configuration was last asked for."""
        if self.config is None:
            return self.topology if self.topology is not None and self.topology.fingerprint == fingerprint else None
        if fingerprint is None:
            return self.config.topology
        several = (self.config.topology, self.config.earlier, self.topology)
        return next((one for one in several if one is not None and one.fingerprint == fingerprint), None)


Remapped = Mapping[str, tuple[str, str]]
"""CPU sets that were mapped to another machine, before and after, as `Facts.remapped` has them."""
NOT_REMAPPED: Remapped = {}


def facts_of(known: KnownHost, remapped: Remapped = NOT_REMAPPED) -> Facts:
    """The facts of a host. `remapped`: what was just mapped to its machine."""
    about = known.about
    return Facts(
        topology=known.topology,
        active=None if known.config is None else known.active,
        capabilities=None if about is None else about.facts.capabilities,
        machine=None if about is None else about.facts.machine,
        memory_mib=None if about is None else about.facts.memory_mib,
        simulated=None if about is None else about.driver == "simulated",
        remapped=remapped,
    )
