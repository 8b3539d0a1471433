"""Asking hosts what they are configured as, and remembering it. What is done with the answers is `drafts`' and `plans`' matter."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.asking import ask
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.store import host_configs
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_configs import HostConfig
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Plan, Revision
from guestwire.model.topology import Topology
from guestwire.protocol.config_models import (
    ConfigHistory,
    ConfigPlan,
    ConfigQuery,
    ConfigRef,
    ConfigShown,
    HostTopology,
)
from guestwire.protocol.operation_models import Empty, HostShow

READ_WITHIN_S = 15.0
LARGEST = 1 << 53
LONGEST_HASH, LONGEST_AUTHOR, LONGEST_COMMENT = 64, 200, 64 * 1024
_UNTOLD = ("UNSUPPORTED", "UNIMPLEMENTED")
T = TypeVar("T", bound=Model)


class HostReading:
    """What hosts have. Every question raises the host's errors, and HOST-UNREACHABLE, NO-ANSWER, HOST-NOT-APPROVED,
    UNSIGNED-RESPONSE."""

    def __init__(self, database: Database, calls: HostCalls, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._calls = calls
        self._clock_ms = clock_ms

    async def known(self, ref: HostRef) -> HostConfig | None:
        """The host as it was last asked; None: it never was. The host is not asked."""
        async with self._database.read() as tx:
            return await host_configs.find(tx, ref)

    async def fetch(self, ref: HostRef) -> HostConfig:
        """The host as it is now; remembered from now on."""
        at = self._clock_ms()
        shown = await self._ask(ref, "config-show", ConfigRef(), ConfigShown)  # a host that is away is asked once
        # always: its fingerprint stays the same when CPUs go offline, huge pages are taken or devices get another driver
        topology = await self._topology(ref)
        about = await self._ask(ref, "host-show", Empty(), HostShow)
        config = HostConfig(ref, shown, topology, about.host, at)
        async with self._database.write() as tx:
            await host_configs.put(tx, config)
            await host_configs.put_revisions(tx, ref, (shown.revision,))
        return config

    async def earlier(self, ref: HostRef, revision: int) -> ConfigShown:
        """An earlier configuration that the host keeps. Raises NOT-FOUND."""
        return await self._ask(ref, "config-show", ConfigRef(revision=revision), ConfigShown)

    async def plan(self, ref: HostRef, request: ConfigPlan) -> Plan:
        """What an apply would change, as the host says."""
        return await self._ask(ref, "config-plan", request, Plan)

    async def revisions(self, ref: HostRef, before: int | None, limit: int) -> tuple[Sequence[Revision], bool]:
        """Revisions of the host, newest first, and whether they are what it says now: of one that cannot be reached, those
        that it has told of before."""
        try:
            history = await self._ask(ref, "config-history", ConfigQuery(limit=limit, before=before), ConfigHistory)
        except GuestwireError as err:
            if err.code not in ("HOST-UNREACHABLE", "NO-ANSWER"):
                raise
            async with self._database.read() as tx:
                return await host_configs.revisions(tx, ref, before, limit), False
        async with self._database.write() as tx:
            await host_configs.put_revisions(tx, ref, history.revisions)
        return history.revisions, True

    async def _topology(self, ref: HostRef) -> Topology | None:
        try:
            return (await self._ask(ref, "host-topology", Empty(), HostTopology)).topology
        except GuestwireError as err:
            if err.code in _UNTOLD:
                return None
            raise

    async def _ask(self, ref: HostRef, operation: str, request: Model, reply: type[T]) -> T:
        answer = await ask(self._calls, ref, operation, request, reply, READ_WITHIN_S)
        if not _storable(answer):
            raise GuestwireError("MALFORMED", f"{ref} answered {operation} with what no database takes.")
        return answer


def storable(revision: Revision) -> bool:
    """Whether every database takes what a host says of a revision: it may say what it likes, and must not keep others from theirs."""
    texts = ((revision.hash, LONGEST_HASH), (revision.author, LONGEST_AUTHOR), (revision.comment, LONGEST_COMMENT))
    numbers = (revision.number, revision.applied_at)
    return all(0 <= one <= LARGEST for one in numbers) and all(
        len(text) <= longest and "\0" not in text for text, longest in texts
    )


def _storable(reply: Model) -> bool:
    match reply:
        case ConfigShown():
            return storable(reply.revision)
        case ConfigHistory():
            return all(storable(one) for one in reply.revisions)
        case Plan():
            sound = len(reply.plan_id) <= LONGEST_HASH and "\0" not in reply.plan_id
            return sound and 0 <= reply.base_revision <= LARGEST
        case _:
            return True
