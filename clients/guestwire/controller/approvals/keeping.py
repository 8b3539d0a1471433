"""Approvals in the database: asked for, looked up and withdrawn by whoever makes jobs, within their own transactions.

Who signs is `service`'s matter.
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple

from guestwire.controller.approvals import signing
from guestwire.controller.approvals.needs import Need, needed, texts
from guestwire.controller.approvals.ports import Decided, SiteTrust
from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import new_id
from guestwire.controller.store import approvals as store
from guestwire.controller.store.approvals import Approval, MandateText
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol import mandates
from guestwire.protocol.mandates import MAX_WINDOW_MS, SignedMandate
from guestwire.protocol.steps import Now

READY: Final = 512
"""Signed mandates that are kept in memory."""


class AskedBy(NamedTuple):
    """Who asks for an approval, and what for."""

    person_id: str | None
    person: str
    rollout_id: str | None = None


class ApprovalKeeping:
    """The approvals; the Mandates port of jobs."""

    def __init__(self, database: Database, trust: SiteTrust, feed: Feed, clock: Callable[[], Now]) -> None:
        self._database = database
        self._trust = trust
        self._feed = feed
        self._clock = clock
        self._listeners: list[Decided] = []
        self._ready: dict[tuple[str, int], SignedMandate] = {}

    def listen(self, listener: Decided) -> None:
        """Tell one more of every decision, from now on."""
        self._listeners.append(listener)

    # -- for whoever makes jobs

    def needed(self, ref: HostRef, operation: str, risk: int, issuer: str | None = None) -> bool:
        """Whether the controller may not ask that by itself. `issuer`: as whom it asks; None: as it would now."""
        return needed(self._trust.trust(ref.site), issuer or self._trust.issuer(ref), ref, operation, risk)

    async def ask(self, tx: Tx, need: Need, by: AskedBy) -> Approval:
        """Ask for what is needed. A connection must lead to each of the hosts (`needed`). Tell `publish`
        what comes back, once it is committed."""
        return await self._insert(tx, need, by, ())

    async def given(self, tx: Tx, need: Need, by: AskedBy, signed: bytes) -> Approval:
        """The same with a mandate that somebody brings, signed by as many as it takes; it is approved. Raises MANDATE-INVALID,
        MANDATE-SCOPE, MANDATE-EXPIRED, MANDATE-REVOKED when it does not allow all of it."""
        now_ms = self._clock().wall_ms
        for target in need.targets:
            trust, holder = self._trust.trust(target.host.site), self._trust.issuer(target.host)
            if trust is None or holder is None:
                raise GuestwireError("MANDATE-INVALID", f"There is no trust document for {target.host}.")
            granted = mandates.allowed(
                signed, trust, site=target.host.site, host=target.host.host, holder=holder, operation=need.operation,
                risk=need.risk, body_hash=target.body_hash, now_ms=now_ms,
            )  # fmt: skip
            mandates.check_plan(granted, need.operation, target.plan_id)
        return await self._insert(tx, need, by, (signed,))

    async def now(self, tx: Tx, approval_ids: Collection[str]) -> Mapping[str, Approval]:
        """How approvals stand; one whose time is over is expired, whether that was noted or not."""
        found = {one.id: one for one in [await store.get(tx, approval_id) for approval_id in approval_ids] if one}
        return {name: self._as_now(one) for name, one in found.items()}

    async def withdraw(self, tx: Tx, approval_ids: Collection[str]) -> list[Approval]:
        """They are needed no more. Tell `announce` what comes back, once it is committed."""
        ended = []
        for approval_id in approval_ids:
            approval = await store.get(tx, approval_id)
            if approval is not None and approval.state == "open":
                ended.append(await self.decide(tx, approval, "withdrawn", None, "Nothing waits for it any more."))
        return ended

    async def allows(self, tx: Tx, approval_id: str, ref: HostRef, operation: str) -> bool:
        """Whether an approval that is there is about that operation of that host, and can still count."""
        approval = await store.get(tx, approval_id)
        if approval is None or self._as_now(approval).state not in ("open", "approved"):
            return False
        return operation in approval.operations and await store.text_of(tx, approval_id, ref) is not None

    # -- Mandates, for the driver

    async def state(self, approval_id: str) -> Literal["open", "approved", "rejected", "expired", "withdrawn"]:
        """See `jobs.ports.Mandates`."""
        async with self._database.read() as tx:
            approval = await store.get(tx, approval_id)
        return "withdrawn" if approval is None else self._as_now(approval).state

    async def mandate(self, approval_id: str, ref: HostRef) -> SignedMandate | None:
        """See `jobs.ports.Mandates`."""
        async with self._database.read() as tx:
            n = await store.text_of(tx, approval_id, ref)
            if n is None or (ready := self._ready.get((approval_id, n))) is not None:
                return None if n is None else ready
            approval = await store.get(tx, approval_id)
            if approval is None or approval.state != "approved":
                return None
            wanted = next(text for text in await store.texts(tx, approval_id) if text.n == n)
            signed = signing.joined(wanted, await store.signatures(tx, approval_id))
        while len(self._ready) >= READY:
            self._ready.pop(next(iter(self._ready)))
        self._ready[approval_id, n] = signed
        return signed

    # -- decisions

    async def decide(
        self, tx: Tx, approval: Approval, state: store.State, person: Person | None, reason: str
    ) -> Approval:
        """Note a decision. Tell `announce` what comes back, once it is committed."""
        decided = approval.decided(state, self._clock().wall_ms, None if person is None else person.name, reason)
        await store.decide(tx, decided)
        return replace(decided, hosts=tuple(await store.hosts(tx, approval.id)))

    def announce(self, decided: Sequence[Approval]) -> None:
        """Tell everybody of decisions, which are committed."""
        for approval in decided:
            for listener in self._listeners:
                listener.approval_decided(approval)
            self.publish(approval)

    def publish(self, approval: Approval) -> None:
        """Tell those who watch that an approval is another now, or new."""
        if self._feed.watched:
            self._feed.publish(Change("approval", approval.id, told(approval), approval.hosts, all_hosts=True))

    # -- pieces

    async def _insert(self, tx: Tx, need: Need, by: AskedBy, given: Sequence[bytes]) -> Approval:
        now_ms = self._clock().wall_ms
        unsigned = texts(need, self._holder, lambda: secrets.token_bytes(16))
        approval = Approval(
            new_id(now_ms), need.operations, need.risk, now_ms, min(need.not_after, need.not_before + MAX_WINDOW_MS),
            by.person_id, by.person, need.note, by.rollout_id,
        )  # fmt: skip
        rows = [
            MandateText(n, one.mandate.site, one.mandate.id.hex(), self._signers(one.mandate.site, need.risk), one.text)
            for n, one in enumerate(unsigned)
        ]
        hosts = [(host, n) for n, one in enumerate(unsigned) for host in one.hosts]
        if given:
            brought = mandates.parse(given[0])
            approval = approval.decided("approved", now_ms, by.person, "The mandate was brought along.")
            rows = [MandateText(0, brought.mandate.site, brought.mandate.id.hex(), 1, brought.text, brought.data)]
            hosts = [(target.host, 0) for target in need.targets]
        await store.insert(tx, approval, rows, sorted(set(hosts)))
        return replace(approval, hosts=tuple(sorted({host for host, _ in hosts})))

    def _holder(self, ref: HostRef) -> str:
        holder = self._trust.issuer(ref)
        if holder is None:
            raise GuestwireError("HOST-UNREACHABLE", f"No connection of the controller leads to {ref}.")
        return holder

    def _signers(self, site: str, risk: int) -> int:
        trust = self._trust.trust(site)
        return 1 if trust is None else trust.signers_needed(risk)

    def _as_now(self, approval: Approval) -> Approval:
        if approval.state == "open" and approval.expires_at <= self._clock().wall_ms:
            return approval.decided("expired", approval.expires_at, None, "Nobody signed in time.")
        return approval


def told(approval: Approval) -> dict[str, Any]:
    """An approval as those who watch are told of it; the texts to sign are asked for."""
    return {
        "id": approval.id, "state": approval.state, "operations": list(approval.operations), "risk": approval.risk,
        "person": approval.person, "note": approval.note, "rollout": approval.rollout_id,
        "created_at": approval.created_at, "expires_at": approval.expires_at, "decided_at": approval.decided_at,
        "decided_by": approval.decided_by, "reason": approval.reason, "revision": approval.revision,
    }  # fmt: skip
