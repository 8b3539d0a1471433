"""What class of risk a request is of, where the operations table does not say it: that of carrying out a plan is the plan's.

The host judges by the plan that it makes itself; here it is found out beforehand whether somebody must allow it.
"""

from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.store import jobs as store
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Plan, Risk
from guestwire.protocol.bodies import from_bytes
from guestwire.protocol.config_models import ConfigApply, ConfigCancel, ConfigConfirm, ConfigPlan
from guestwire.protocol.mandates import PLANNED
from guestwire.protocol.operations import BY_NAME, Operation

_CLASSES: Final[tuple[Risk, ...]] = (0, 1, 2, 3)
_ENDS: Final = {"config-confirm": ConfigConfirm, "config-cancel": ConfigCancel}


class Risks:
    """Finds out the risk of requests."""

    def __init__(self, database: Database, calls: HostCalls) -> None:
        self._database = database
        self._calls = calls

    async def of(self, ref: HostRef, operation: Operation, body: bytes) -> tuple[Risk, str | None]:
        """The class, and the plan that the request is about. For an apply the host is asked to plan again what is to be applied:
        raises PLAN-STALE when that is another plan, and what the host answers, HOST-UNREACHABLE."""
        if operation.name not in PLANNED:
            return operation.risk, None
        if operation.name == "config-apply":
            return await self._of_apply(ref, from_bytes(ConfigApply, body))
        plan_id = from_bytes(_ENDS[operation.name], body).plan_id
        async with self._database.read() as tx:
            applied = await store.by_plan(tx, ref, plan_id, "config-apply")
        return (operation.risk if applied is None else as_risk(applied.risk)), plan_id

    async def _of_apply(self, ref: HostRef, wanted: ConfigApply) -> tuple[Risk, str]:
        fields = {name: getattr(wanted, name) for name in ConfigPlan.model_fields}
        row = BY_NAME["config-plan"]
        done = await self._calls.call(ref, row, ConfigPlan(**fields), timeout_s=row.timeout_s)
        plan: Plan = done.reply
        if plan.plan_id != wanted.plan_id:
            text = f"{ref} plans something else by now: look at the plan again."
            raise GuestwireError("PLAN-STALE", text, field="plan_id", detail={"plan_id": plan.plan_id})
        return as_risk(max(plan.risk, row.risk, 1)), plan.plan_id


def as_risk(number: int) -> Risk:
    """A class of risk as the database has it."""
    return _CLASSES[number]
