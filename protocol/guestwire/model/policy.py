"""The policy of a host: which source system's rules hold, and single values over them."""

from typing import Annotated, Literal

from pydantic import Field

from guestwire.model.base import Model

Profile = Literal["kvm-rt", "system-manager"]


class Policy(Model):
    """kvm-rt: an rt guest has one CPU more than vCPUs and owns its SMT siblings. system-manager: the cpuset carries vCPUs
    only, and the limits on guests hold. `None` means the profile's own value."""

    profile: Profile = "kvm-rt"
    remaining_host_memory_mib: Annotated[int, Field(ge=0)] = 1024
    dynamic_cpu: bool = True
    allow_rt_overlap: bool = False
    max_comm_guests: Annotated[int, Field(ge=0, le=9999)] | None = None
    max_gp_guests: Annotated[int, Field(ge=0, le=9999)] | None = None
    on_drift: Literal["report", "adopt", "enforce"] = "report"

    @property
    def comm_guest_limit(self) -> int | None:
        """How many rt and gp_comm guests there may be; None: as many as one likes."""
        return self.max_comm_guests if self.max_comm_guests is not None else self._limit(5)

    @property
    def gp_guest_limit(self) -> int | None:
        return self.max_gp_guests if self.max_gp_guests is not None else self._limit(9)

    def _limit(self, number: int) -> int | None:
        return number if self.profile == "system-manager" else None
