"""Reported: what a host is, whole, retained. Ordered by (epoch, n) like presence."""

from guestwire.model.base import Model
from guestwire.model.host import RebootRequired
from guestwire.protocol.operation_models import Job

FINISHED_JOBS = 32


class ReportedBody(Model):
    """`jobs`: those under way, then the last 32 that ended, newest first."""

    epoch: int
    n: int
    hypervisor_connected: bool
    guests: int
    guests_running: int
    reboot_required: RebootRequired = RebootRequired()
    jobs: tuple[Job, ...] = ()
