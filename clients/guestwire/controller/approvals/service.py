"""Approvals for people: what waits for whose signature, signing it, rejecting it. It holds no key and signs nothing itself.

A signature counts when the site's trust document knows the key, its owner may do what is allowed, and a person of this
controller has enrolled it; who carries a whole signed mandate here need not be its signer.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from guestwire.controller.approvals import signing
from guestwire.controller.approvals.keeping import ApprovalKeeping, told
from guestwire.controller.approvals.ports import SiteTrust
from guestwire.controller.approvals.views import ApprovalDetail, ApprovalView, approval_detail, approval_view
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef
from guestwire.controller.logs import Log
from guestwire.controller.store import approvals as store
from guestwire.controller.store import audit_rows, user_keys, users
from guestwire.controller.store import jobs as job_rows
from guestwire.controller.store.approvals import Approval, MandateText, Signature, State, Wanted
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol import mandates
from guestwire.protocol.steps import Now

LOOK_S: Final = 30.0
"""How often it is noted that nobody signed in time."""
SHOWN_JOBS: Final = 500
SHOWN_AT_FIRST: Final = 200


class Made(NamedTuple):
    """A signature that somebody made: of text `n` by the key of that id."""

    n: int
    key_id: bytes
    signature: bytes


class Approvals(OwnTask):
    """`async with` it: while it lasts, what nobody signed in time ends."""

    def __init__(
        self,
        database: Database,
        access: Access,
        keeping: ApprovalKeeping,
        trust: SiteTrust,
        log: Log,
        clock: Callable[[], Now],
    ) -> None:
        self._database = database
        self._access = access
        self._keeping = keeping
        self._trust = trust
        self._log = log
        self._clock = clock
        super().__init__("approvals")

    # -- reading

    async def page(
        self, person: Person, states: Sequence[State], *, mine: bool, before: str | None, limit: int
    ) -> tuple[list[ApprovalView], str | None]:
        """Approvals about hosts all of which the person may see, newest first, and before which the next page begins. `mine`: only
        what waits for a signature of theirs. A page may have fewer than `limit`, and more may follow."""
        visible = self._access.visible(person)
        about = (None, None) if visible.all else (visible.sites, visible.hosts)
        wanted = Wanted(("open",) if mine else tuple(states), None, *about)
        async with self._database.read() as tx:
            found = await store.page(tx, wanted, before, limit + 1)
            seen = [one for one in found[:limit] if visible.sees_all(await store.hosts(tx, one.id))]
            views = [await self._view(tx, person, approval) for approval in seen]
        following = found[limit - 1].id if len(found) > limit else None
        return [view for view in views if view.yours or not mine], following

    async def snapshot(self, person: Person) -> list[Change]:
        """What somebody who begins to watch is to see: the open approvals that the person may see."""
        visible, changes = self._access.visible(person), []
        about = (None, None) if visible.all else (visible.sites, visible.hosts)
        async with self._database.read() as tx:
            for approval in await store.page(tx, Wanted(("open",), None, *about), None, SHOWN_AT_FIRST):
                hosts = tuple(await store.hosts(tx, approval.id))
                if visible.sees_all(hosts):
                    changes.append(Change("approval", approval.id, told(approval), hosts, all_hosts=True))
        return changes

    async def show(self, person: Person, approval_id: str) -> ApprovalDetail:
        """One approval, with the texts to sign. Raises NOT-FOUND."""
        async with self._database.read() as tx:
            approval, _ = await self._seen(tx, person, approval_id)
            texts, made = await store.texts(tx, approval_id), await store.signatures(tx, approval_id)
            jobs = await job_rows.of_approval(tx, approval_id)
            view = await self._view(tx, person, approval)
        return approval_detail(view, texts, made, [job.id for job in jobs[:SHOWN_JOBS]])

    # -- deciding

    async def sign(self, person: Person, approval_id: str, made: Sequence[Made]) -> ApprovalDetail:
        """Add signatures by keys of the person's own. Raises NOT-FOUND, DENIED, APPROVAL-CLOSED, KEY-NOT-YOURS, and what
        `signing.principal_of` says."""
        return await self._signed(person, approval_id, lambda _: made, own=True)

    async def sign_with(self, person: Person, approval_id: str, files: Sequence[bytes]) -> ApprovalDetail:
        """Add the signatures of signed mandates, of whoever has enrolled their keys. Raises the same, and MANDATE-INVALID for one
        whose text is none of the approval's."""

        def of_files(texts: Sequence[MandateText]) -> list[Made]:
            found = []
            by_text = {text.text: text.n for text in texts}
            for data in files:
                signed = mandates.parse(data)
                if signed.text not in by_text:
                    raise GuestwireError("MANDATE-INVALID", "The mandate is not the one that is to be signed here.")
                found += [Made(by_text[signed.text], *pair) for pair in signed.signatures]
            return found

        return await self._signed(person, approval_id, of_files, own=False)

    async def reject(self, person: Person, approval_id: str, reason: str) -> ApprovalDetail:
        """Have it not be done: what waits for it ends rejected. Raises NOT-FOUND, DENIED, APPROVAL-CLOSED."""
        now_ms = self._clock().wall_ms
        async with self._database.write() as tx:
            approval, hosts = await self._seen(tx, person, approval_id)
            self._require(person, approval, hosts)
            self._open(approval)
            decision = await self._keeping.decide(tx, approval, "rejected", person, reason)
            await self._note(tx, person, approval, "job-reject", {"reason": reason}, now_ms)
        self._keeping.announce([decision])
        return await self.show(person, approval_id)

    # -- pieces

    async def _signed(
        self,
        person: Person,
        approval_id: str,
        made_for: Callable[[Sequence[MandateText]], Sequence[Made]],
        *,
        own: bool,
    ) -> ApprovalDetail:
        now_ms = self._clock().wall_ms
        decision: Approval | None = None
        async with self._database.write() as tx:
            approval, hosts = await self._seen(tx, person, approval_id)
            self._require(person, approval, hosts)
            self._open(approval)
            texts = await store.texts(tx, approval_id)
            made = made_for(texts)
            if not made:
                raise GuestwireError("INVALID-BODY", "There is no signature in it.", field="signatures")
            signatures = [await self._checked(tx, person, texts, one, now_ms, own=own) for one in made]
            new = [one for one in signatures if await store.add_signature(tx, approval_id, one)]
            if signing.enough(texts, await store.signatures(tx, approval_id)):
                decision = await self._keeping.decide(tx, approval, "approved", person, "")
            said = {"principals": sorted({one.principal for one in signatures}), "new": len(new), "risk": approval.risk}
            said["approved"] = decision is not None
            await self._note(tx, person, approval, "job-approve", said, now_ms)
        if decision is not None:
            self._keeping.announce([decision])
        else:
            self._keeping.publish(replace(approval, hosts=hosts))
        return await self.show(person, approval_id)

    async def _checked(
        self, tx: Tx, person: Person, texts: Sequence[MandateText], made: Made, now_ms: int, *, own: bool
    ) -> Signature:
        text = next((one for one in texts if one.n == made.n), None)
        if text is None:
            raise GuestwireError("INVALID-BODY", f"The approval has {len(texts)} texts.", field="signatures")
        key = await user_keys.by_id(tx, made.key_id.hex())
        if key is None or key.revoked_at is not None or (own and key.person_id != person.id):
            raise GuestwireError("KEY-NOT-YOURS", field="key_id", detail={"key": made.key_id.hex()})
        owner = None if key.person_id == person.id else await users.by_id(tx, key.person_id)
        if owner is not None and owner.disabled:
            raise GuestwireError("KEY-NOT-YOURS", field="key_id", detail={"key": made.key_id.hex()})
        trust = self._trust.trust(text.site)
        principal = signing.principal_of(text.text, made.key_id, made.signature, trust, now_ms)
        name = person.name if owner is None else owner.name
        return Signature(text.n, key.id, principal, key.person_id, name, made.signature, now_ms)

    async def _seen(self, tx: Tx, person: Person, approval_id: str) -> tuple[Approval, tuple[HostRef, ...]]:
        """An approval about hosts all of which the person may see: its texts name them."""
        approval = (await self._keeping.now(tx, [approval_id])).get(approval_id)
        hosts = tuple(await store.hosts(tx, approval_id))
        if approval is None or not self._access.visible(person).sees_all(hosts):
            raise GuestwireError("NOT-FOUND", "There is no such approval.")
        return approval, hosts

    def _require(self, person: Person, approval: Approval, hosts: Sequence[HostRef]) -> None:
        """Who allows something must be allowed to do it, on every host."""
        for host in hosts:
            self._access.require(person, "job-approve", host)
            for operation in approval.operations:
                self._access.require(person, operation, host, risk=approval.risk)

    def _open(self, approval: Approval) -> None:
        if approval.state != "open":
            text = f"The approval is {approval.state}: there is nothing left to decide."
            raise GuestwireError("APPROVAL-CLOSED", text, detail={"state": approval.state})

    async def _note(
        self, tx: Tx, person: Person, approval: Approval, action: str, said: dict[str, object], now_ms: int
    ) -> None:
        detail = {"operations": list(approval.operations), **said}
        await audit_rows.add(tx, AuditEntry(now_ms, person, action, approval.id, detail=detail))

    async def _view(self, tx: Tx, person: Person, approval: Approval) -> ApprovalView:
        approval = (await self._keeping.now(tx, [approval.id]))[approval.id]
        hosts, made = await store.hosts(tx, approval.id), await store.signatures(tx, approval.id)
        yours = approval.state == "open" and await self._waits_for(tx, person, approval, made)
        return approval_view(approval, hosts, made, yours=yours)

    async def _waits_for(self, tx: Tx, person: Person, approval: Approval, made: Sequence[Signature]) -> bool:
        """Whether a signature of the person's is missing that would count, for any of the texts."""
        keys = [bytes.fromhex(key.id) for key in await user_keys.of_person(tx, person.id) if key.revoked_at is None]
        if not keys:
            return False
        now_ms = self._clock().wall_ms
        for text in await store.texts(tx, approval.id):
            signed = {one.principal for one in made if one.n == text.n}
            trust = self._trust.trust(text.site)
            could = {signing.may_sign(text.text, key, trust, now_ms) for key in keys} - {None}
            if could - signed and len(signed) < text.needed:
                return True
        return False

    async def _run(self) -> None:
        while True:
            with suppress(GuestwireError):  # the database is away: another time
                await self._expire_now()
            await asyncio.sleep(LOOK_S)

    async def _expire_now(self) -> None:
        now_ms = self._clock().wall_ms
        async with self._database.read() as tx:
            if not await store.open_until(tx, now_ms, 1):
                return
        async with self._database.write() as tx:
            over = await store.open_until(tx, now_ms)
            ended = [await self._keeping.decide(tx, one, "expired", None, "Nobody signed in time.") for one in over]
        self._keeping.announce(ended)
        for one in ended:
            self._log.info("approval-expired", approval=one.id)
