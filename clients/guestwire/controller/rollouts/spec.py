"""What a person asks of a rollout: what to do, on which hosts, how fast, and when to stop. Values and their bounds only.

Whether the operation fits a host is `eligibility`'s, what comes next while it runs is `engine`'s.
"""

import math
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME

MOST_HOSTS = 10_000
MOST_BODY = 512 * 1024
DAY_S = 86_400
RetryClass = Literal["same-request", "new-request", "after"]
"""How an error says that sending again can help (model.error_codes)."""

Percent: TypeAlias = Annotated[float, Field(gt=0, le=100)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=MOST_HOSTS)]
PerMinute: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
_CONTROL = r"[^\x00-\x1f\x7f]"
Name: TypeAlias = Annotated[str, StringConstraints(pattern=rf"^{_CONTROL}{{1,100}}$")]
Note: TypeAlias = Annotated[str, StringConstraints(pattern=rf"^{_CONTROL}{{0,500}}$")]
Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}$")]
Selection: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
HostText: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}/[a-z0-9-]{1,36}$")]


class Targets(Document):
    """Which hosts: those of a selection, of a group, or the ones named (`SITE/HOST`). Exactly one of them is given."""

    selection: Selection | None = None
    group: Slug | None = None
    hosts: Annotated[tuple[HostText, ...], Field(max_length=MOST_HOSTS)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Targets":
        if _given(self.selection, self.group, self.hosts) != 1:
            raise ValueError("give one of selection, group and hosts")
        if self.hosts == ():
            raise ValueError("hosts: name one at least")
        return self

    @property
    def named(self) -> tuple[HostRef, ...]:
        """The hosts that are named, each once."""
        return tuple(dict.fromkeys(host_ref(text) for text in self.hosts or ()))


class Share(Document):
    """A number of hosts, or a percentage of all targets, rounded up. Exactly one of them is given."""

    count: Count | None = None
    percent: Percent | None = None

    @model_validator(mode="after")
    def _one(self) -> "Share":
        if _given(self.count, self.percent) != 1:
            raise ValueError("give one of count and percent")
        return self

    def of(self, total: int) -> int:
        """How many of `total` that are: one at least, where there is one."""
        if self.count is not None:
            return self.count
        assert self.percent is not None
        return share_of(self.percent, total)


class Canary(Document):
    """The hosts that go first: the ones named, a number, or a percentage of all. Exactly one of them is given."""

    hosts: Annotated[tuple[HostText, ...], Field(min_length=1, max_length=1000)] | None = None
    count: Count | None = None
    percent: Percent | None = None

    @model_validator(mode="after")
    def _one(self) -> "Canary":
        if _given(self.hosts, self.count, self.percent) != 1:
            raise ValueError("give one of hosts, count and percent")
        return self

    @property
    def named(self) -> tuple[HostRef, ...]:
        return tuple(host_ref(text) for text in self.hosts or ())

    def of(self, total: int) -> int:
        """How many of `total` go first where none are named."""
        return Share(count=self.count, percent=self.percent).of(total)


class Waves(Document):
    """How fast. The canary is wave 0; the others follow in waves of `size` hosts (None: all in one). In a wave at most
    `base_rate` hosts are begun in a minute (None: all at once); after each wave that succeeded, the canary not counted,
    that rate is multiplied by `factor`, up to `max_rate`."""

    canary: Canary | None = None
    size: Share | None = None
    base_rate: PerMinute | None = None
    factor: Annotated[float, Field(ge=1, le=100)] = 1.0
    max_rate: PerMinute | None = None

    @model_validator(mode="after")
    def _rates(self) -> "Waves":
        if self.base_rate is None and (self.factor != 1 or self.max_rate is not None):
            raise ValueError("factor and max_rate need a base_rate")
        if self.base_rate is not None and self.max_rate is not None and self.max_rate < self.base_rate:
            raise ValueError("max_rate is at least base_rate")
        return self

    def rate(self, wave: int) -> int | None:
        """Hosts per minute of a wave; None: as many as there are."""
        if self.base_rate is None:
            return None
        most = self.max_rate or 100_000
        steps = max(0, wave - 1)
        if self.factor > 1 and steps > math.log(most / self.base_rate) / math.log(self.factor):
            return most
        return min(most, math.floor(self.base_rate * self.factor**steps))


class Thresholds(Document):
    """When to go on, to pause, to abort. Percentages are of the hosts that are done, once `min_executed` are; a count is of
    failures. A host fails when its last attempt failed, or an alarm of it was raised after it succeeded; one that was never
    reached did not fail, unless `count_unreached`. `success_percent`: of a wave's hosts, before the next wave begins."""

    success_percent: Percent = 90.0
    pause_percent: Percent | None = None
    pause_count: Count | None = None
    abort_percent: Percent | None = None
    abort_count: Count | None = None
    min_executed: Count = 1
    count_unreached: bool = False


class Attempts(Document):
    """How often a host is tried in all, and after which failures again: by what its error says about sending again, and no
    sooner than after `after_s`. What ended indeterminate is never tried again by itself."""

    most: Annotated[int, Field(ge=1, le=10)] = 1
    when: Annotated[tuple[RetryClass, ...], Field(max_length=3)] = ("same-request", "new-request", "after")
    after_s: Annotated[int, Field(ge=0, le=DAY_S)] = 60


class ProjectPart(Document):
    """A saved project, as it was at a revision: each host gets its own part. `restart`: running guests are restarted where a
    change needs it; else it waits for their next start."""

    name: Annotated[str, StringConstraints(pattern=rf"^{_CONTROL}{{1,64}}$")]
    revision: Annotated[int, Field(ge=1, le=1 << 53)]
    restart: bool = False


class RolloutSpec(Document):
    """A rollout. `operation` with its `body` (bytes as hexadecimal), or `project`: exactly one of them.

    `mode`: snapshot takes the hosts that match when it starts; continuous also those that come to match within `open_s`.
    `deadline_s`: how long a host has once its turn has come; it may come back within that time. `patience_s`: a host that
    has not taken its job by then holds its wave no longer. `soak_s`: how long a wave is watched before the next.
    `window`: the maintenance window outside of which no host is begun."""

    name: Name
    operation: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")] | None = None
    body: dict[str, Any] = {}
    project: ProjectPart | None = None
    targets: Targets
    mode: Literal["snapshot", "continuous"] = "snapshot"
    open_s: Annotated[int, Field(ge=0, le=366 * DAY_S)] = 7 * DAY_S
    waves: Waves = Waves()
    thresholds: Thresholds = Thresholds()
    attempts: Attempts = Attempts()
    soak_s: Annotated[int, Field(ge=0, le=7 * DAY_S)] = 0
    deadline_s: Annotated[int, Field(ge=10, le=30 * DAY_S)] = DAY_S
    patience_s: Annotated[int, Field(ge=1, le=DAY_S)] = 120
    window: Slug | None = None
    note: Note = ""

    @field_validator("operation")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in BY_NAME:
            raise ValueError("there is no such operation")
        return name

    @model_validator(mode="after")
    def _fits(self) -> "RolloutSpec":
        if _given(self.operation, self.project) != 1:
            raise ValueError("give one of operation and project")
        if self.project is not None and self.body:
            raise ValueError("a project makes each host's body itself")
        canary, hosts = self.waves.canary, self.targets.hosts
        if canary is not None and canary.hosts and hosts is not None:
            strange = sorted(set(canary.hosts) - set(hosts))
            if strange:
                raise ValueError(f"the canary {strange[0]} is none of the targets")
        return self

    @property
    def continuous(self) -> bool:
        return self.mode == "continuous"

    @property
    def action(self) -> str:
        """The operation that each host gets in the end."""
        return self.operation or "config-apply"


class RolloutPatch(Document):
    """What can be changed while it runs. What is left out stays; `waves`, `thresholds` and `attempts` are replaced whole, but
    for the canary, which stays as it is."""

    waves: Waves | None = None
    thresholds: Thresholds | None = None
    attempts: Attempts | None = None
    soak_s: Annotated[int, Field(ge=0, le=7 * DAY_S)] | None = None
    open_s: Annotated[int, Field(ge=0, le=366 * DAY_S)] | None = None
    note: Note | None = None


def patched(spec: RolloutSpec, patch: RolloutPatch) -> RolloutSpec:
    """The spec with what the patch says. Raises INVALID-BODY for another canary: it has gone, or goes, first."""
    changes = {name: value for name in patch.model_fields_set if (value := getattr(patch, name)) is not None}
    if patch.waves is not None:
        if patch.waves.canary not in (None, spec.waves.canary):
            raise GuestwireError("INVALID-BODY", "The canary stays as it is: leave it out.", field="waves.canary")
        changes["waves"] = patch.waves.model_copy(update={"canary": spec.waves.canary})
    return spec.model_copy(update=changes)


def share_of(percent: float, total: int) -> int:
    """So many percent of `total`, rounded up; an error of the last binary digit is none of a host."""
    return math.ceil(round(percent * total / 100, 9))


def _given(*values: object) -> int:
    return sum(value is not None for value in values)
