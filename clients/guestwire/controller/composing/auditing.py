"""The controller's audit log: what keeps it, with the keys of its connections."""

from contextlib import AsyncExitStack

from guestwire.controller.audit.keeping import AuditKeeping
from guestwire.controller.audit.signed_ends import Signer
from guestwire.controller.composing.base import Base
from guestwire.controller.composing.hosts import HostSide
from guestwire.controller.links.links import Links


class _Keys:
    """The key of the first connection, by name, that has one: hosts and people of its site know it as this controller's."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def signer(self) -> Signer | None:
        for one in sorted(self._links, key=lambda one: one.connection.name):
            if one.who is not None and one.who.key is not None:
                return Signer(one.connection.site, one.who.issuer, one.who.key)
        return None


async def audit_keeping(stack: AsyncExitStack, base: Base, side: HostSide) -> AuditKeeping:
    """Enter it after the links are: leaving signs a last time."""
    section = base.settings.audit
    keeping = await stack.enter_async_context(
        AuditKeeping(
            base.database, _Keys(side.links), base.log, base.clock_ms, keep_days=section.keep_days,
            every_s=section.sign_minutes * 60,
        )
    )  # fmt: skip
    base.vital.watch(keeping.task)
    return keeping
