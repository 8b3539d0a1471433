"""Reported: what a host is, whole, retained. Ordered by (epoch, n) like presence."""

from guestwire.model.base import Model
from guestwire.model.host import RebootRequired
from guestwire.model.plan import SyncState
from guestwire.protocol.operation_models import Job

FINISHED_JOBS = 32


class ReportedBody(Model):
    """`revision` and `active_hash`: the active configuration; `drift`: how many changes the host has that it does not.
    `reboot_required`: its reasons that are the operating system's are read every ten minutes, and when somebody asks.
    `jobs`: those under way, then the last 32 that ended, newest first."""

    epoch: int
    n: int
    hypervisor_connected: bool
    guests: int
    guests_running: int
    revision: int = 0
    active_hash: str = ""
    state: SyncState = "in_sync"
    drift: int = 0
    reboot_required: RebootRequired = RebootRequired()
    jobs: tuple[Job, ...] = ()
