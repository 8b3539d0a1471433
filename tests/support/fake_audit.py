"""An audit log in memory for client tests: a chain of rows that its host signs, to be tampered with."""

from collections.abc import Callable
from typing import Any

from guestwire.link.clock import now
from guestwire.protocol.audit import HEAD_KIND, AuditHead, AuditList, AuditQuery, first_hash, row_hash
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.steps import Call


class FakeAudit:
    """One host's log. `page` is the most rows an answer has; `rows` may be changed as a hostile host would. `asked` hears how
    often it was asked, before it answers; `answered` may make another answer of one."""

    def __init__(self, site: str, host: str, key: SigningKey) -> None:
        self._site = site
        self._host = host
        self._key = key
        self.log = bytes(range(16))
        self.rows: list[tuple[bytes, bytes]] = []
        self.first = 1
        self.before = first_hash(self.log)
        self.acknowledged = 0
        self.page = 1000
        self.asked: Callable[[int], None] = lambda _: None
        self.answered: Callable[[AuditList], AuditList] = lambda reply: reply
        self._times = 0

    def add(self, **said: Any) -> None:
        """One more row."""
        seq = self.first + len(self.rows)
        row = pack({"seq": seq, "at": 1_700_000_000_000 + seq, **said})
        self.rows.append((row, row_hash(self.rows[-1][1] if self.rows else self.before, row)))

    def drop(self, count: int) -> None:
        """Drop the oldest rows, and say so."""
        last = self.first + count - 1
        self.before = self.rows[count - 1][1]
        self.add(what="gap", **{"from": self.first}, to=last, count=count, hash=self.before.hex())
        self.rows, self.first = self.rows[count:], last + 1

    def reads(self) -> dict[str, Any]:
        return {"audit-list": self._list}

    def _list(self, call: Call) -> AuditList:
        self._times += 1
        self.asked(self._times)
        return self.answered(self._answer(call))

    def _answer(self, call: Call) -> AuditList:
        query: AuditQuery = call.request
        last = self.first + len(self.rows) - 1
        head = AuditHead(log=self.log, seq=last, hash=self.rows[-1][1] if self.rows else self.before)
        wanted = {"operation": query.operation, "principal": query.principal, "code": query.code}
        numbered = [
            (seq, row)
            for seq, row in enumerate(self.rows, self.first)
            if all(value in (None, unpack(row[0]).get(field)) for field, value in wanted.items())
        ]
        limit = min(query.limit, self.page)
        if query.after is not None:
            found = [one for one in numbered if one[0] > query.after][:limit]
            more = found[-1][0] if len(found) == limit and found[-1][0] < last else None
        else:
            found = [one for one in numbered if query.before is None or one[0] < query.before][-limit:]
            more = found[0][0] if len(found) == limit and found[0][0] > self.first else None
        at = (found[0][0] if found else last + 1) - self.first
        return AuditList(
            log=self.log, rows=tuple(row for _, row in found), previous=self.rows[at - 1][1] if at else self.before,
            oldest=self.first, acknowledged=self.acknowledged, next=more,
            head=state(HEAD_KIND, self._site, f"host:{self._host}", head, self._key, now().wall_ms),
        )  # fmt: skip
