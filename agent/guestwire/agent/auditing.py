"""The operations of the audit log: audit-list, audit-ack."""

from collections.abc import Callable

from guestwire.agent.audit_log import AuditLog
from guestwire.agent.audit_schema import Standing
from guestwire.agent.services.running import Running
from guestwire.protocol.audit import HEAD_KIND, AuditAck, AuditHead, AuditList, AuditQuery
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.steps import Call


class Auditing:
    """What clients ask of a host's audit log. The host signs where the log ends, so that nobody can show a shorter one."""

    def __init__(self, log: AuditLog, site: str, host: str, key: SigningKey, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._site = site
        self._speaker = f"host:{host}"
        self._key = key
        self._clock_ms = clock_ms

    async def list_rows(self, call: Call) -> AuditList:
        query: AuditQuery = call.request
        wanted = {"operation": query.operation, "principal": query.principal, "code": query.code}
        page = await self._log.page(
            query.after,
            query.before,
            query.limit,
            {field: value for field, value in wanted.items() if value is not None},
        )
        standing = page.standing
        return AuditList(
            log=self._log.id, rows=page.rows, previous=page.previous, oldest=standing.oldest,
            acknowledged=standing.acknowledged, next=page.next, head=self._head(standing),
        )  # fmt: skip

    async def acknowledge(self, running: Running) -> AuditAck:
        """Raises NOT-FOUND for another log, or a row that is not there yet."""
        request: AuditAck = running.call.request
        return AuditAck(log=self._log.id, upto=await self._log.acknowledge(request.log, request.upto))

    def _head(self, standing: Standing) -> bytes:
        head = AuditHead(log=self._log.id, seq=standing.seq, hash=standing.hash)
        return state(HEAD_KIND, self._site, self._speaker, head, self._key, self._clock_ms())
