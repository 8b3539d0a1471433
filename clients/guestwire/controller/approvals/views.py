"""An approval as people see it: what is to be allowed, in words and as the exact bytes to sign. Shapes only."""

import base64
from collections.abc import Sequence

from guestwire.controller.approvals.signing import mandate_of
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.approvals import Approval, MandateText, Signature, State
from guestwire.model.base import Model

SHOWN_HOSTS = 100


class SignerView(Model):
    """Who signed. `principal`: as the site's trust document knows them; `person`: as the controller does. Unix ms."""

    principal: str
    person: str
    key_id: str
    at: int


class ApprovalView(Model):
    """Something that takes a signature. `hosts`: the first hundred of `hosts_total`. `yours`: you have an enrolled key whose
    signature is missing. Times in Unix ms."""

    id: str
    state: State
    operations: tuple[str, ...]
    risk: int
    hosts: tuple[str, ...]
    hosts_total: int
    person: str
    note: str
    rollout: str | None = None
    created_at: int
    expires_at: int
    decided_at: int | None = None
    decided_by: str | None = None
    reason: str = ""
    signed_by: tuple[str, ...] = ()
    yours: bool = False
    revision: int


class MandateView(Model):
    """A mandate of an approval. `text`: the exact bytes to sign, base64; a signature is Ed25519 over the domain prefix
    "guestwire mandate 1" with a NUL byte, then those bytes. The other fields say what is in it. `needed`: how many different
    signers it takes. `bodies`: SHA-256 of the requests, hexadecimal; `plans`: ids of plans; neither: any request."""

    n: int
    id: str
    site: str
    holder: str
    operations: tuple[str, ...]
    hosts: tuple[str, ...]
    risk: int
    not_before: int
    not_after: int
    uses: int
    bodies: tuple[str, ...]
    plans: tuple[str, ...]
    note: str
    needed: int
    text: str
    signatures: tuple[SignerView, ...] = ()


class ApprovalDetail(ApprovalView):
    """An approval with its mandates, and the jobs that wait for it or went by it (the first five hundred)."""

    mandates: tuple[MandateView, ...]
    jobs: tuple[str, ...] = ()


def approval_view(
    approval: Approval, hosts: Sequence[HostRef], signatures: Sequence[Signature], *, yours: bool
) -> ApprovalView:
    return ApprovalView(
        id=approval.id, state=approval.state, operations=approval.operations, risk=approval.risk,
        hosts=tuple(str(host) for host in hosts[:SHOWN_HOSTS]), hosts_total=len(hosts), person=approval.person,
        note=approval.note, rollout=approval.rollout_id, created_at=approval.created_at,
        expires_at=approval.expires_at, decided_at=approval.decided_at, decided_by=approval.decided_by,
        reason=approval.reason, signed_by=tuple(sorted({one.principal for one in signatures})), yours=yours,
        revision=approval.revision,
    )  # fmt: skip


def approval_detail(
    view: ApprovalView, texts: Sequence[MandateText], signatures: Sequence[Signature], jobs: Sequence[str]
) -> ApprovalDetail:
    mandates = tuple(_mandate(text, [one for one in signatures if one.n == text.n]) for text in texts)
    return ApprovalDetail(**dict(view), mandates=mandates, jobs=tuple(jobs))


def _mandate(text: MandateText, signatures: Sequence[Signature]) -> MandateView:
    said = mandate_of(text.text)
    return MandateView(
        n=text.n, id=text.mandate_id, site=text.site, holder=said.holder, operations=said.operations, hosts=said.hosts,
        risk=said.risk, not_before=said.not_before, not_after=said.not_after, uses=said.uses,
        bodies=tuple(one.hex() for one in said.bodies), plans=said.plans, note=said.note, needed=text.needed,
        text=base64.b64encode(text.text).decode(),
        signatures=tuple(
            SignerView(principal=one.principal, person=one.person, key_id=one.key_id, at=one.at) for one in signatures
        ),
    )  # fmt: skip
