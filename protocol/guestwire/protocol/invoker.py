"""The client's end of a request, sans-I/O: bytes and time in, frames and events out.

A request is sent again, the same bytes, after 1 s, doubling, until the host says something (a broker's PUBACK proves
nothing). Once accepted it is asked for: by the same bytes while they are valid, by job-get after that. The host signs the
final of an operation with an effect, and its answers to everything that was signed: without its signature they do not count.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field

from pydantic import ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol import ids, operation_models, topics
from guestwire.protocol.bodies import from_bytes, to_bytes
from guestwire.protocol.envelope import Envelope, Header, about_frame, about_request, body_hash, decode, encode_parts
from guestwire.protocol.error_body import from_body
from guestwire.protocol.mandates import mandate_hash
from guestwire.protocol.operations import BY_NAME, Operation
from guestwire.protocol.packing import PackingError
from guestwire.protocol.parts import Assembly
from guestwire.protocol.pending import (
    FIRST_RESEND_S,
    Accepted,
    AskedFor,
    Done,
    Event,
    Failed,
    Pending,
    Progressed,
    Transmit,
    asks_for_proof,
)
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust
from guestwire.protocol.versions import request_version

PHASES = frozenset({"accepted", "progress", "final", "refused"})
LATER = frozenset({"BUSY", "JOURNAL-FULL", "THROTTLED", "PARTS-TIMEOUT"})
"""Refusals after which the same bytes go again."""
ASK_AGAIN_S = 10.0
"""After `accepted`: how long to wait for the final before asking for it, doubling to a minute."""
MAX_TIMEOUT_S = 86_400.0
_JOB_GET = BY_NAME["job-get"]


@dataclass(slots=True)
class Invoker:
    """One client's requests to the hosts of a site.

    `key` and `issuer`: who signs; without a key only reads can be asked. `trust`: whose signatures are believed; None
    where the path itself vouches for the host (`path_vouches`: the Unix socket). `sign_reads` makes hosts sign readings.
    """

    site: str
    client: str
    issuer: str
    key: SigningKey | None = None
    trust: Trust | None = None
    path_vouches: bool = False
    sign_reads: bool = False
    dropped: Counter[str] = field(default_factory=Counter)
    _pending: dict[bytes, Pending] = field(default_factory=dict)
    _due: list[tuple[float, int, Pending]] = field(default_factory=list)
    _order: int = 0
    _parts: Assembly = field(default_factory=Assembly)

    def __len__(self) -> int:
        return len(self._pending)

    def pending(self) -> list[Pending]:
        """Every request under way."""
        return list(self._pending.values())

    # -- out

    def begin(
        self,
        host: str,
        operation: Operation,
        request: Model,
        now: Now,
        *,
        timeout_s: float,
        request_id: bytes | None = None,
        accept_within_s: float | None = None,
        host_minor: int | None = None,
        sign: bool = False,
        unsigned: bool = False,
        mandate: bytes | None = None,
    ) -> Pending:
        """A new request, ready to send (`frames`, `topic`). `timeout_s` bounds everything; `accept_within_s` (at most an
        hour, default `timeout_s`) how long a host that was away may still accept it. `request_id` re-drives a job.
        `sign`: also when the operation could be asked unsigned; the host then signs its answer. `unsigned`: not even then, for
        an answer that proves itself. `mandate`: what somebody
        allowed this client to do, for an operation with an effect."""
        if operation.signed and self.key is None and not self.path_vouches:
            raise GuestwireError("UNSIGNED")
        timeout_s = min(timeout_s, MAX_TIMEOUT_S)
        accept_ms = round(min(timeout_s if accept_within_s is None else accept_within_s, 3600.0) * 1000)
        body = to_bytes(request)
        header = Header(
            request_version(host_minor), "request", (self.site, host), operation.name,
            request_id or ids.request_id(now.wall_ms), self.issuer, now.wall_ms, now.wall_ms + accept_ms, accept_ms,
            body_hash(body), self.client, mandate_hash=None if mandate is None else mandate_hash(mandate),
        )  # fmt: skip
        topic = topics.make("request", self.site, host, self.client, operation.name)
        pending = Pending(host, operation, header, body, topic, now.mono + timeout_s)
        pending.mandates = () if mandate is None else (mandate,)
        keys = () if unsigned and not operation.signed else self._keys(operation, sign=sign)
        pending.signed = bool(keys)
        pending.frames = encode_parts(header, body, keys, pending.mandates)
        if pending.request_id in self._pending:
            raise GuestwireError("IDEMPOTENCY-MISMATCH", "A request with this id is under way already.")
        self._pending[pending.request_id] = pending
        self._schedule(pending, min(now.mono + FIRST_RESEND_S, pending.deadline))
        return pending

    def abandon(self, pending: Pending) -> None:
        """Forget a request whose caller left; the host goes on with it."""
        self._end(pending)

    def unsendable(self, pending: Pending, error: GuestwireError, now: Now) -> list[Event]:
        """The way out refused the request for good. What the host has accepted already is not ended by that."""
        if pending.done or pending.accepted:
            return []
        return self._finish(pending, Failed(pending, error, verified=False), now)

    def next_due(self) -> float | None:
        """When `due` has something to do, monotonic."""
        while self._due and (self._due[0][2].done or self._due[0][0] != self._due[0][2].resend_at):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def due(self, now: Now) -> list[Event]:
        """What time brought: frames to send again, requests that ended without an answer."""
        events: list[Event] = []
        while (at := self.next_due()) is not None and at <= now.mono:
            pending = heapq.heappop(self._due)[2]
            if pending.deadline <= now.mono:
                events.extend(self._out_of_time(pending))
                continue
            pending.pause = min(pending.pause * 2, 60.0)
            self._schedule(pending, min(now.mono + pending.pause, pending.deadline))
            if pending.expires_ms > now.wall_ms:
                events.append(Transmit(pending))
            elif pending.operation.effect != "none":
                events.extend(self._inquire(pending, now))
        return events

    def reconnected(self, now: Now) -> list[Event]:
        """After a new connection: everything that is still under way is sent again at once."""
        events: list[Event] = []
        for pending in self._pending.values():
            if pending.expires_ms > now.wall_ms:
                events.append(Transmit(pending))
            elif pending.operation.effect != "none":
                pending.pause = FIRST_RESEND_S
                self._schedule(pending, now.mono)
        return events

    # -- in

    def receive(self, frame: bytes, now: Now, host: str | None = None) -> list[Event]:
        """The events in a response frame. `host`: the topic's, where there was a topic."""
        try:
            envelope = decode(frame)
        except GuestwireError as err:
            return self._drop(err.code)
        header = envelope.header
        pending = self._pending.get(header.request_id)
        if pending is None:
            return self._drop("unknown-request")
        if header.phase not in PHASES or header.crit:
            return self._drop("UNKNOWN-CRITICAL" if header.crit else "MALFORMED")
        if (
            header.kind != "response"
            or header.audience != pending.header.audience
            or (host is not None and host != pending.host)
            or header.operation != pending.operation.name
        ):
            return self._drop("MISADDRESSED")
        verified = self._verified(envelope, pending, now)
        if verified and not self._answers(header, pending):
            return self._drop("MISADDRESSED")
        needs_proof = (
            (pending.signed or pending.operation.effect != "none")
            and header.phase in ("final", "refused")
            and not asks_for_proof(pending, header)
        ) or (pending.operation.proven and header.status == "ok")
        if verified is None or (needs_proof and not verified and not self.path_vouches):
            pending.unbelieved = self._unbelieved(envelope)
            return self._drop("UNSIGNED-RESPONSE")
        if header.phase == "final" and pending.operation.effect != "none":
            pending.keep_final(header, frame)
        body = self._whole(envelope, now)
        if body is None:
            return []
        return self._understood(pending, header, body, verified, now)

    def _understood(self, pending: Pending, header: Header, body: bytes, verified: bool, now: Now) -> list[Event]:
        if header.phase == "accepted":
            return self._accepted(pending, now)
        pending.answered_at = header.issued_at
        try:
            if header.phase == "progress":
                if isinstance(pending.context, AskedFor):
                    return []
                report = from_bytes(operation_models.Progress, body)
                return [*self._accepted(pending, now), Progressed(pending, report)]
            if header.status != "ok":
                return self._failed(pending, header, from_body(body), verified, now)
            reply = from_bytes(pending.operation.reply, body)
        except (ValidationError, PackingError) as err:
            if header.phase == "progress":
                return self._drop("MALFORMED")
            error = GuestwireError("MALFORMED", f"The host's answer does not fit the operation: {str(err)[:200]}")
            return self._finish(pending, Failed(pending, error, verified), now)
        return self._finish(pending, Done(pending, reply, verified, pending.final(header)), now)

    def _accepted(self, pending: Pending, now: Now) -> list[Event]:
        if isinstance(pending.context, AskedFor):
            return []
        first, pending.accepted = not pending.accepted, True
        if first:
            pending.pause = ASK_AGAIN_S
            self._schedule(pending, min(now.mono + ASK_AGAIN_S, pending.deadline))
        return [Accepted(pending)] if first else []

    def _failed(self, pending: Pending, header: Header, error: GuestwireError, verified: bool, now: Now) -> list[Event]:
        if header.phase != "refused":
            return self._finish(pending, Failed(pending, error, verified), now)
        if header.nonce is not None and asks_for_proof(pending, header):
            return [self._with_nonce(pending, header.nonce, now)]
        pending.refusal = error
        if pending.accepted and pending.operation.effect != "none":
            # the host has the request: what it refused is a copy that came late or was altered
            return [] if error.code in LATER else self._inquire(pending, now)
        if error.code in LATER:
            wait = max(error.after_ms or 0, 50) / 1000
            if now.mono + wait >= pending.deadline:
                return self._finish(pending, Failed(pending, error, verified), now)
            self._schedule(pending, now.mono + wait)
            pending.pause = min(pending.pause, FIRST_RESEND_S / 2)
            return []
        # an earlier copy may have been accepted, unless the host's clock is so far ahead that none ever could be
        in_doubt = header.issued_at - now.wall_ms < pending.expires_ms - pending.header.issued_at
        if error.code == "EXPIRED" and pending.operation.effect != "none" and in_doubt:
            return self._inquire(pending, now)
        return self._finish(pending, Failed(pending, error, verified), now)

    def _finish(self, pending: Pending, event: Done | Failed, now: Now) -> list[Event]:
        self._end(pending)
        asked_for = pending.context
        if not isinstance(asked_for, AskedFor):
            return [event]
        return self._answered(asked_for.job, event, now)

    # -- asking for a result that did not come

    def _inquire(self, job: Pending, now: Now) -> list[Event]:
        """A job-get for a request that may be under way at the host, or finished, or never have come. Signed, so that the
        host signs the answer: nobody else can say that a request was never accepted."""
        if job.asking is not None:
            return []
        reference = operation_models.JobRef(request_id=job.request_id, issuer=self.issuer if self.key else None)
        timeout_s = max(1.0, job.deadline - now.mono)
        asking = self.begin(job.host, _JOB_GET, reference, now, timeout_s=timeout_s, sign=True)
        asking.context = AskedFor(job)
        job.asking = asking
        return [Transmit(asking)]

    def _answered(self, job: Pending, event: Done | Failed, now: Now) -> list[Event]:
        job.asking = None
        if job.done:
            return []
        proven = event.verified or self.path_vouches
        if isinstance(event, Failed):
            return self._not_known(job, event, now) if proven else []
        known: operation_models.JobGet = event.reply
        events: list[Event] = self._accepted(job, now)
        if known.progress is not None:
            events.append(Progressed(job, known.progress))
        for frame in known.final or ():
            events.extend(self.receive(frame, now))
        if not known.final and known.state in operation_models.JOB_FINISHED and proven:
            code = known.code if known.code is not None and known.code in BY_CODE else "INDETERMINATE"
            events.extend(self._finish(job, Failed(job, GuestwireError(code, known.message), event.verified), now))
        return events

    def _not_known(self, job: Pending, event: Failed, now: Now) -> list[Event]:
        if event.error.code != "NOT-FOUND":
            return []
        if job.accepted:
            text = (
                "It was said that the host accepted the request, which nobody signed, and the host does not know it: its "
                "journal was lost, or somebody on the way made that up."
            )
            error = GuestwireError("INDETERMINATE", text)
        elif event.pending.answered_at < job.expires_ms:
            return []  # by the host's clock a copy that is still on its way could be accepted
        else:
            text = "The host never accepted the request, and it has expired: ask again."
            error = job.refusal or GuestwireError("EXPIRED", text)
        return self._finish(job, Failed(job, error, event.verified), now)

    # -- pieces

    def _keys(self, operation: Operation, *, sign: bool = False) -> tuple[SigningKey, ...]:
        wanted = sign or operation.signed or operation.proven or self.sign_reads
        return (self.key,) if wanted and self.key is not None else ()

    def _with_nonce(self, pending: Pending, nonce: bytes, now: Now) -> Transmit:
        pending.challenges += 1
        pending.header = pending.header._replace(nonce=nonce)
        pending.frames = encode_parts(pending.header, pending.body, self._keys(pending.operation), pending.mandates)
        self._schedule(pending, min(now.mono + FIRST_RESEND_S, pending.deadline))
        return Transmit(pending)

    def _verified(self, envelope: Envelope, pending: Pending, now: Now) -> bool | None:
        """True: the host signed it. False: nobody did. None: a signature is there and is not the host's."""
        if not envelope.signatures:
            return False
        if self.trust is None:
            return False
        for key_id, signature in envelope.signatures:
            key = self.trust.speaks_for_host(key_id, pending.host, now.wall_ms)
            if key is None or not key.verifying.verifies(Domain.ENVELOPE, envelope.header_bytes, signature):
                return None
        return True

    def _answers(self, header: Header, pending: Pending) -> bool:
        """Whether a signed response is about this request: what its issuer asked, or one of the frames that were sent.
        Somebody on the way may have the host refuse an altered copy, or answer another request under the same id."""
        if not pending.about:
            pending.about = about_request(pending.header.issuer, pending.header.body_hash)
        if header.about == pending.about:
            return True
        return header.phase == "refused" and any(header.about == about_frame(frame) for frame in pending.frames)

    def _unbelieved(self, envelope: Envelope) -> GuestwireError:
        said = envelope.header.status or "ok"
        return GuestwireError(
            "UNSIGNED-RESPONSE",
            f"A result ({said}) came without a valid signature of the host, so it was not believed: "
            "is the host's key in the trust document?",
            detail={"status": said},
        )

    def _whole(self, envelope: Envelope, now: Now) -> bytes | None:
        header = envelope.header
        if header.part[1] > 1:
            try:
                return self._parts.add(header.request_id, envelope, now.mono)
            except GuestwireError as err:
                self._drop(err.code)
                return None
        if body_hash(envelope.body) != header.body_hash:
            self._drop("BODY-MISMATCH")
            return None
        return envelope.body

    def _out_of_time(self, pending: Pending) -> list[Event]:
        self._end(pending)
        if isinstance(pending.context, AskedFor):
            pending.context.job.asking = None
            return []
        if pending.unbelieved is not None:
            error = pending.unbelieved
        elif pending.accepted:
            error = GuestwireError("NO-ANSWER", detail={"request_id": ids.text(pending.request_id)})
        elif pending.refusal is not None and pending.refusal.code == "EXPIRED" and pending.operation.effect != "none":
            text = f"{pending.refusal.message} Whether an earlier copy was accepted could not be found out."
            error = GuestwireError(
                "NO-ANSWER", text, detail={"request_id": ids.text(pending.request_id)}, cause=("EXPIRED",)
            )
        elif pending.refusal is not None:
            error = pending.refusal
        else:
            error = GuestwireError("HOST-UNREACHABLE", detail={"host": pending.host})
        return [Failed(pending, error, verified=False)]

    def _end(self, pending: Pending) -> None:
        pending.done = True
        self._pending.pop(pending.request_id, None)
        if pending.asking is not None:
            self._end(pending.asking)

    def _drop(self, code: str) -> list[Event]:
        self.dropped[code] += 1
        return []

    def _schedule(self, pending: Pending, at: float) -> None:
        pending.resend_at = at
        self._order += 1
        heapq.heappush(self._due, (at, self._order, pending))
