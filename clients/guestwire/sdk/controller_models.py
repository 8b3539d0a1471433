"""What the controller answers, as far as clients read it. Shapes only; times in Unix ms.

Every answer keeps what it has beyond the fields here, so that a document for programs is what the controller said. Users and what they have are `controller_people`'s.
"""

from typing import Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError

ModelT = TypeVar("ModelT", bound="Answered")


class Answered(Model):
    """An answer, with all that is in it."""

    model_config = ConfigDict(frozen=True, strict=False, extra="allow", defer_build=True)

    @property
    def document(self) -> dict[str, Any]:
        """All of it as plain values."""
        return self.model_dump(mode="json")


class FleetHost(Answered):
    """A host that the controller knows. How it does is None (`guests_running`, `drift`, `reboot`) or `unknown` (`clock`, `sync`)
    while it is not there to tell. `guests_running`: how many of its guests run; `drift`: how many changes it has that its
    configuration has not; `reboot`: whether it must be rebooted."""

    site: str
    host: str
    label: str = ""
    labels: dict[str, str] = {}
    approval: str
    listed: bool = False
    state: str
    state_at: int = 0
    heard_at: int = 0
    epoch: int = 0
    agent_version: str = ""
    driver: str = ""
    kernel: str = ""
    cpus: int = 0
    memory_mib: int = 0
    guests: int = 0
    guests_running: int | None = None
    clock: str = "unknown"
    sync: str = "unknown"
    drift: int | None = None
    reboot: bool | None = None
    notes: str = ""
    revision: int

    @property
    def ref(self) -> str:
        return f"{self.site}/{self.host}"


class LetIn(Answered):
    """Hosts that were let in, and how many still wait."""

    hosts: tuple[FleetHost, ...]
    left: int


class HostGroup(Answered):
    """A selection with a name."""

    name: str
    selection: str
    description: str = ""
    hosts: int
    changed_at: int
    changed_by: str
    revision: int


class JobProgress(Answered):
    """How far a job is, in its host's own words."""

    percent: int | None = None
    step: str = ""
    message: str = ""


class ControllerJob(Answered):
    """One operation on one host, as the controller goes about it."""

    id: str
    host: str
    operation: str
    risk: int
    state: str
    finished: bool
    person: str
    origin: str = ""
    note: str = ""
    created_at: int
    deadline_at: int
    approval: str | None = None
    rollout: str | None = None
    request_id: str | None = None
    attempts: int = 0
    finished_at: int | None = None
    reached: bool = False
    code: str | None = None
    message: str | None = None
    verified: bool = False
    progress: JobProgress | None = None
    retried_by: str | None = None
    reply: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class RolloutWave(Answered):
    """A wave of a rollout; 0 is the canary, None those whose turn has not come."""

    wave: int | None
    hosts: int
    counts: dict[str, int]


class Rollout(Answered):
    """A rollout; its waves where one was asked for."""

    id: str
    name: str
    operation: str | None = None
    project: str | None = None
    state: str
    reason: str = ""
    doing: str = ""
    outcome: str | None = None
    hosts: int
    done: int
    counts: dict[str, int]
    wave: int | None = None
    rate: int | None = None
    next_at: int | None = None
    person: str
    created_at: int
    started_at: int | None = None
    ended_at: int | None = None
    revision: int
    waves: tuple[RolloutWave, ...] = ()


class RolloutTarget(Answered):
    """A host of a rollout."""

    site: str
    host: str
    state: str
    wave: int | None = None
    attempt: int = 0
    job_id: str | None = None
    code: str | None = None
    message: str | None = None


class SignerSeen(Answered):
    """Who signed a mandate."""

    principal: str
    person: str


class MandateToSign(Answered):
    """A mandate of an approval; `text` is what is signed, base64."""

    n: int
    site: str
    holder: str
    operations: tuple[str, ...]
    hosts: tuple[str, ...]
    risk: int
    not_before: int
    not_after: int
    uses: int
    bodies: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    note: str = ""
    needed: int
    text: str
    signatures: tuple[SignerSeen, ...] = ()


class Approval(Answered):
    """Something that takes signatures; its mandates where one was asked for."""

    id: str
    state: str
    operations: tuple[str, ...]
    risk: int
    hosts: tuple[str, ...]
    hosts_total: int
    person: str
    note: str = ""
    rollout: str | None = None
    created_at: int
    expires_at: int
    decided_by: str | None = None
    reason: str = ""
    signed_by: tuple[str, ...] = ()
    yours: bool = False
    mandates: tuple[MandateToSign, ...] = ()
    jobs: tuple[str, ...] = ()


class ConnectionSeen(Answered):
    """A way of the controller to a site or a host, and how it fares. `error`: code and message."""

    name: str
    site: str
    via: str
    host: str | None = None
    where: tuple[str, ...] = ()
    client: str | None = None
    configured: bool = False
    state: str
    up_at: int = 0
    error: dict[str, str] | None = None
    trust_revision: tuple[int, int] | None = None


class Alarm(Answered):
    """An alarm."""

    id: str
    rule: str
    site: str
    host: str
    part: str
    severity: str
    state: str
    text: str
    value: float | None = None
    raised_at: int
    last_at: int
    times: int
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    note: str = ""
    cleared_at: int | None = None
    cleared_by: str = ""
    source_lost_at: int | None = None


class AlarmRule(Answered):
    """An alarm rule, as it was written, and by whom."""

    name: str
    rule: dict[str, Any]
    revision: int
    changed_at: int
    changed_by: str


class Webhook(Answered):
    """Somewhere that alarms are told. `secret`: only of a new one."""

    id: str
    name: str
    url: str
    least_severity: str
    events: tuple[str, ...]
    enabled: bool
    delivered_at: int | None = None
    failed_at: int | None = None
    failure: str = ""
    dropped: int = 0
    secret: str | None = Field(default=None, repr=False)


class AuditRow(Answered):
    """A row of the controller's own log."""

    seq: int
    at: int
    person: str
    address: str
    action: str
    target: str
    outcome: str
    detail: dict[str, Any] = {}
    hash: str


class HostAuditRow(Answered):
    """A row of a host's log, as the controller has collected it."""

    log: str
    seq: int
    at: int
    said: dict[str, Any]
    row: str
    hash: str
    mark: str


class Window(Answered):
    """A maintenance window."""

    name: str
    window: dict[str, Any]
    open_until: int | None = None
    opens_at: int | None = None
    revision: int
    changed_at: int
    changed_by: str


class SavedProject(Answered):
    """A project that the controller keeps."""

    name: str
    site: str
    revision: int
    hosts: tuple[str, ...] = ()
    author: str
    at: int


class NoticeSeen(Answered):
    """Something that a host said by itself."""

    id: int
    site: str
    host: str
    notice_class: str
    at: int
    event: str
    said: dict[str, Any]


def answered(model: type[ModelT], document: Any) -> ModelT:
    """The answer in a JSON document. Raises CONTROLLER-ANSWER for what is none such."""
    try:
        return model.model_validate(document, strict=False)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GuestwireError(
            "CONTROLLER-ANSWER", f"{where or 'The answer'}: {first['msg']}", field=where or None
        ) from err
