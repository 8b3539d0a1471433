"""The host's end of a request, sans-I/O: bytes and time in, steps out.

The checks run in PROTOCOL's order, cheap ones first, each failing with its own code. The executor decides; whoever
drives it (link/serve) sends, runs handlers and asks the journal, and reports back with `recorded`, `succeed`, `fail`.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.authority import (
    Asked,
    covered_mandate,
    local_scopes,
    may_cause,
    named_signers,
    under_mandate,
    verify,
)
from guestwire.protocol.bodies import from_bytes, invalid_body, to_bytes
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.challenges import Challenges
from guestwire.protocol.envelope import (
    Envelope,
    EnvelopeError,
    Header,
    about_frame,
    about_request,
    body_hash,
    decode,
    encode_parts,
)
from guestwire.protocol.error_body import to_body
from guestwire.protocol.mandates import check_counted
from guestwire.protocol.operations import Operation
from guestwire.protocol.packing import PackingError
from guestwire.protocol.parts import Assembly
from guestwire.protocol.refused import Refused, expired
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Dropped, Inbound, Limits, Now, Outcome, Record, Run, Send, Step
from guestwire.protocol.trust import Risk, Scope, Trust
from guestwire.protocol.versions import answer_version

MAX_EXPIRES_MS = 3_600_000
SKEW_MS = 120_000
"""How far ahead of the host's clock a sender's may be."""
ACCEPT_AFTER_S = 0.3
"""A call without a result by then is told `accepted` (PROTOCOL allows 1 s); a quick one answers with its final alone."""


@dataclass(slots=True)
class _Seen:
    """What is known of a message so far, for its refusal. `sign`: only a message that carried a signature is worth one;
    `budget`: whose failures count, the client the broker named or the socket's uid."""

    client: str
    frame: bytes
    request_id: bytes | None = None
    operation: str = ""
    version: tuple[int, int] | None = None
    qos: Literal[0, 1] = 0
    sign: bool = False
    nonce: bytes | None = None
    path: Any = None
    budget: Hashable = None
    scopes: tuple[Scope, ...] = ()
    key_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Executor:
    """One host's executor. `trust`, `watermark_ms`, `clock_synchronised` and `floor_ms` (it is later for sure) are kept up to date
    by their owner.

    `journal_created_ms`: a request whose id is older is refused, for its journal entry may have been lost. `heard_fresh` is
    told issuer, issued_at and now of a signed request that met its challenge: it came now, whatever this host's clock says.
    """

    site: str
    host: str
    operations: Mapping[str, Operation]
    trust: Trust
    key: SigningKey
    journal_created_ms: int = 0
    watermark_ms: int = 0
    clock_synchronised: bool = True
    floor_ms: int = 0
    require_signatures: Literal["effects", "all"] = "effects"
    limits: Limits = field(default_factory=Limits)
    heard_fresh: Callable[[str, int, Now], None] | None = None
    refused: Counter[str] = field(default_factory=Counter)
    _reading: dict[tuple[str, bytes], Call] = field(default_factory=dict)
    _waiting: deque[tuple[float, Call]] = field(default_factory=deque)
    _parts: Assembly = field(default_factory=Assembly)
    _challenges: Challenges = field(default_factory=Challenges)
    _failures: Buckets = field(init=False)
    _looks: Buckets = field(init=False)
    _issuers: Buckets = field(init=False)
    _audience: tuple[str, str] = field(init=False)
    _speaker: str = field(init=False)

    def __post_init__(self) -> None:
        self._failures = Buckets(self.limits.failure_rate, self.limits.failure_burst)
        self._looks = Buckets(self.limits.look_rate, self.limits.look_rate)
        self._issuers = Buckets(self.limits.issuer_rate, self.limits.issuer_burst)
        self._audience = (self.site, self.host)
        self._speaker = f"host:{self.host}"

    # -- in

    def receive(self, inbound: Inbound, now: Now) -> Step | None:
        """What to do with a frame; None: it was one part of several, the rest is to come."""
        budget = _whose(inbound)
        if self._flooding(budget, now):
            self.refused["THROTTLED"] += 1
            return Dropped("THROTTLED", True, inbound.client)
        seen = _Seen(inbound.client, inbound.payload, path=inbound.path, budget=budget)
        try:
            return self._checked(inbound, now, seen)
        except Refused as refusal:
            return self._refuse(refusal, seen, now)

    def _flooding(self, budget: Hashable, now: Now) -> bool:
        """Whether a client beyond its budget of failures sends so much that not even its form is worth a look."""
        failures = self._failures.known(budget)
        return failures is not None and failures.wait_ms(now.mono) > 0 and self._looks[budget].take(now.mono) > 0

    def _checked(self, inbound: Inbound, now: Now, seen: _Seen) -> Step | None:
        if inbound.retained:
            raise Refused(GuestwireError("RETAINED-REQUEST"), drop=True)
        try:
            envelope = decode(inbound.payload)
        except EnvelopeError as err:
            seen.request_id, seen.operation, seen.sign = err.request_id, inbound.operation, err.signed
            raise Refused(err, drop=err.request_id is None, failure=True) from err
        header = envelope.header
        seen.sign = bool(envelope.signatures)
        operation = self._addressed(inbound, header, seen)
        self._in_time(operation, header, now, seen)
        issuer, signed = self._authenticated(inbound, envelope, operation, now, seen)
        if header.part[1] > 1:
            if not signed and inbound.uid is None:  # memory is spent on those who proved who they are
                raise Refused(GuestwireError("UNSIGNED", "A body in parts must be signed."), failure=True)
            try:
                body = self._parts.add((issuer, header.request_id), envelope, now.mono, issuer)
            except GuestwireError as err:
                raise Refused(err, failure=err.code == "BODY-MISMATCH") from err
            if body is None:
                return None
        else:
            body = envelope.body
            if body_hash(body) != header.body_hash:
                raise Refused(GuestwireError("BODY-MISMATCH"), failure=True)
        call = Call(operation, header, inbound, issuer, signed=signed, wall_ms=now.wall_ms)
        call.scopes, call.key_ids = seen.scopes, seen.key_ids
        call.mandate = covered_mandate(envelope)
        return self._decoded(call, header, body, now)

    def _addressed(self, inbound: Inbound, header: Header, seen: _Seen) -> Operation:
        operation = self.operations.get(header.operation)
        seen.operation, seen.version = header.operation, header.version
        seen.qos = operation.qos if operation else 0
        if (
            header.kind != "request"
            or header.audience != self._audience
            or header.reply_to != inbound.client
            or inbound.operation != header.operation
        ):
            raise Refused(GuestwireError("MISADDRESSED"), drop=True, failure=True)
        seen.request_id = header.request_id
        if operation is None:
            raise Refused(GuestwireError("UNIMPLEMENTED", detail={"operation": header.operation[:64]}), failure=True)
        return operation

    def _in_time(self, operation: Operation, header: Header, now: Now, seen: _Seen) -> None:
        if operation.effect != "none":
            self._not_forgotten(header, now)
        if header.expires - header.issued_at > MAX_EXPIRES_MS:
            text = "A request may be valid for an hour at most."
            raise Refused(GuestwireError("EXPIRED", text, field="expires"), failure=True)
        if not self.clock_synchronised:
            if operation.effect != "none" and not self._challenges.met(header, now):
                if wait := self._looks[seen.budget].take(now.mono):  # nobody is known yet, and a question is no refusal
                    raise Refused(GuestwireError("THROTTLED", after_ms=wait), drop=True)
                seen.nonce = self._challenges.make(header, now)
                seen.sign = False  # it proves nothing and costs nothing: no key is spent on it
                raise Refused(GuestwireError("CLOCK-UNSYNCHRONISED", after_ms=0))
            return
        if header.expires <= now.wall_ms or header.issued_at > now.wall_ms + SKEW_MS:
            raise Refused(expired(header, now), failure=True)

    def _not_forgotten(self, header: Header, now: Now) -> None:
        """The journal must be able to tell whether this request ran before: by its expiry, and, since a request that is
        driven again has a fresh header, by the time in its id."""
        if not ids.is_request_id(header.request_id):
            raise Refused(GuestwireError("MALFORMED", "A request id is a UUIDv7."), failure=True)
        first_ms = ids.issued_ms(header.request_id)
        if first_ms > header.issued_at + SKEW_MS:
            text = "The request id is of a later time than its header."
            raise Refused(GuestwireError("MALFORMED", text), failure=True)
        if min(header.expires, first_ms) <= self.watermark_ms:
            raise Refused(expired(header, now), failure=True)
        if first_ms < self.journal_created_ms:
            detail = {"journal_created_at": self.journal_created_ms}
            raise Refused(GuestwireError("JOURNAL-LOST", detail=detail), failure=True)

    def _authenticated(
        self, inbound: Inbound, envelope: Envelope, operation: Operation, now: Now, seen: _Seen
    ) -> tuple[str, bool]:
        """The issuer and whether a signature vouches for it."""
        asked = Asked(operation, self.host, mandated=envelope.header.mandate_hash is not None)
        if not envelope.signatures:
            if inbound.uid is not None:
                seen.scopes = local_scopes(asked, inbound.uid, self.trust)
                return f"local:{inbound.uid}", False
            if operation.signed or self.require_signatures == "all":
                raise Refused(GuestwireError("UNSIGNED"), failure=True)
            return f"unsigned:{inbound.client}", False
        at_ms = now.wall_ms if self.clock_synchronised else None
        signers = named_signers(asked, envelope, self.trust, at_ms, seen_ms=self.floor_ms)
        if self._failures.known(seen.budget) and (wait := self._failures[seen.budget].wait_ms(now.mono)):
            seen.sign = False
            raise Refused(GuestwireError("THROTTLED", after_ms=wait))
        verify(signers, envelope)
        if self.heard_fresh is not None and not self.clock_synchronised and operation.effect != "none":
            self.heard_fresh(envelope.header.issuer, envelope.header.issued_at, now)
        seen.scopes = tuple({key.signer.principal: key.signer.scope for key in signers}.values())
        seen.key_ids = tuple(key.verifying.id.hex() for key in signers)
        return envelope.header.issuer, True

    def authorise(self, call: Call, risk: Risk) -> None:
        """Whether who asked may cause that much: the risk of an apply is that of its plan, which nobody knew when the request
        was checked. Raises OUT-OF-SCOPE, MANDATE-INVALID, MANDATE-REVOKED."""
        may_cause(call, self.host, risk, self.trust)

    def _decoded(self, call: Call, header: Header, body: bytes, now: Now) -> Step:
        error: GuestwireError | None = None
        if header.crit:
            error = GuestwireError("UNKNOWN-CRITICAL", detail={"crit": list(header.crit)[:8]})
        else:
            try:
                call.request = from_bytes(call.operation.request, body)
                if call.mandate is not None:
                    at_ms = now.wall_ms if self.clock_synchronised else None
                    call.allowed = under_mandate(call, call.mandate, self.trust, self._audience, at_ms)
                    check_counted(call.allowed, self.journal_created_ms)
                    call.scopes = call.allowed.scopes
            except ValidationError as err:
                error = invalid_body(err)
            except PackingError as err:
                error = GuestwireError("INVALID-BODY", f"The body is not well formed: {err}")
            except GuestwireError as err:
                error = err
        call.body = body
        if call.operation.effect == "none":
            if error is not None:
                return self._answer(call, error, now, phase="refused")
            return self._read(call, now)
        wait = self._issuers[call.issuer].take(now.mono)
        if wait:
            return self._answer(call, GuestwireError("BUSY", after_ms=wait), now, phase="refused")
        if error is not None:
            self.refused[error.code] += 1
            frames = self._response(call, to_body(error), now, status=error.code, phase="final", sign=True)
            return Record(call, tuple(frames), error.code)
        return Record(call)

    def _read(self, call: Call, now: Now) -> Step:
        running = self._reading.get(call.key)
        if running is not None:
            return self.accepted(running, now)
        if len(self._reading) >= self.limits.reads:
            return self._answer(call, GuestwireError("BUSY", after_ms=1000), now, phase="refused")
        self._reading[call.key] = call
        return Run(call)

    # -- what the driver of this object reports back

    def recorded(self, call: Call, outcome: Outcome, final: Sequence[bytes], now: Now) -> Step:
        """After a Record: what the journal said. `final`: the stored frames, with outcome `stored`; with `new` those of a
        Record that was a refusal."""
        if outcome == "new" and not final:
            return Run(call)
        if outcome == "running":
            return self.accepted(call, now)
        if outcome in ("new", "stored"):
            return Send(call.client, final, call.operation.qos, call.request_id, call.path)
        return self._answer(call, GuestwireError("IDEMPOTENCY-MISMATCH"), now, phase="refused")

    def refuse(self, call: Call, error: GuestwireError, now: Now) -> Send:
        """Refuse a checked call that was not recorded (BUSY, JOURNAL-FULL): the same request may come again."""
        return self._answer(call, error, now, phase="refused")

    def waiting(self, call: Call, now: Now) -> None:
        """The call runs on: tell its client `accepted` unless it ends first (see `due`)."""
        self._waiting.append((now.mono + ACCEPT_AFTER_S, call))

    def next_due(self) -> float | None:
        """When `due` has something to say, monotonic."""
        while self._waiting and self._waiting[0][1].answered:
            self._waiting.popleft()
        return self._waiting[0][0] if self._waiting else None

    def due(self, now: Now) -> list[Send]:
        """The `accepted` messages whose time has come."""
        sends = []
        while self._waiting and (self._waiting[0][0] <= now.mono or self._waiting[0][1].answered):
            _, call = self._waiting.popleft()
            if not call.answered:
                sends.append(self.accepted(call, now))
        return sends

    def accepted(self, call: Call, now: Now) -> Send:
        call.answered = True
        frames = self._response(call, b"\x80", now, status="ok", phase="accepted", sign=False)
        return Send(call.client, frames, 0, call.request_id, call.path)

    def progress(self, call: Call, report: Model, now: Now) -> Send:
        """At most once a second is the caller's duty. An operation_models.Progress."""
        call.answered = True
        call.n += 1
        body = to_bytes(report)
        frames = self._response(call, body, now, status="ok", phase="progress", sign=False)
        return Send(call.client, frames, 0, call.request_id, call.path)

    def succeed(self, call: Call, reply: Model, now: Now) -> Send:
        """The final of a success: signed when the operation has an effect or the request was signed."""
        self._ended(call)
        try:
            body = to_bytes(reply)
            frames = self._response(call, body, now, status="ok", phase="final", sign=self._signs(call))
        except GuestwireError as err:  # larger than a body may be
            return self.fail(
                call, GuestwireError("INTERNAL", "The answer is too large to send.", cause=(err.code,)), now
            )
        except PackingError as err:
            return self.fail(call, GuestwireError("INTERNAL", f"The answer cannot be sent: {err}"), now)
        return Send(call.client, frames, call.operation.qos, call.request_id, call.path)

    def fail(self, call: Call, error: GuestwireError, now: Now) -> Send:
        """The final of a failure."""
        self._ended(call)
        frames = self._response(call, to_body(error), now, status=error.code, phase="final", sign=self._signs(call))
        return Send(call.client, frames, call.operation.qos, call.request_id, call.path)

    # -- out

    def _ended(self, call: Call) -> None:
        call.answered = True
        if call.operation.effect == "none":
            self._reading.pop(call.key, None)

    def _signs(self, call: Call) -> bool:
        return call.signed or call.operation.effect != "none" or call.operation.proven

    def _answer(self, call: Call, error: GuestwireError, now: Now, *, phase: str) -> Send:
        call.answered = True
        self.refused[error.code] += 1
        frames = self._response(call, to_body(error), now, status=error.code, phase=phase, sign=self._signs(call))
        return Send(call.client, frames, call.operation.qos, call.request_id, call.path, error.code)

    def _response(self, call: Call, body: bytes, now: Now, *, status: str, phase: str, sign: bool) -> list[bytes]:
        header = Header(
            answer_version(call.version), "response", self._audience, call.operation.name, call.request_id,
            self._speaker, now.wall_ms, now.wall_ms + MAX_EXPIRES_MS, 0, body_hash(body), call.client, status,
            phase, call.n, (1, 1), None, None, (), about_request(call.asked_as, call.body_hash) if sign else None,
        )  # fmt: skip
        return encode_parts(header, body, (self.key,) if sign else ())

    def _refuse(self, refusal: Refused, seen: _Seen, now: Now) -> Step:
        """The answer to a message that was not believed. Its phase is `refused`: nothing is recorded under its id."""
        error = refusal.error
        if seen.nonce is None:  # asking for proof that a request is new refuses nothing yet
            self.refused[error.code] += 1
        exhausted = refusal.failure and self._failures[seen.budget].take(now.mono) > 0
        if refusal.drop or seen.request_id is None or exhausted or not ids.is_slug(seen.client):
            return Dropped(error.code, True, seen.client)
        body = to_body(error)
        header = Header(
            answer_version(seen.version), "response", self._audience, seen.operation[:64], seen.request_id,
            self._speaker, now.wall_ms, now.wall_ms + MAX_EXPIRES_MS, 0, body_hash(body), seen.client, error.code,
            "refused", 0, (1, 1), seen.nonce, None, (), about_frame(seen.frame) if seen.sign else None,
        )  # fmt: skip
        frames = encode_parts(header, body, (self.key,) if seen.sign else ())
        return Send(seen.client, frames, seen.qos, seen.request_id, seen.path, error.code)


def _whose(inbound: Inbound) -> Hashable:
    """Whose failures count. What a broker says a client is must not use up what that client has over its own connection."""
    if inbound.uid is not None:
        return ("uid", inbound.uid)
    return inbound.client if inbound.way == "mqtt" else (inbound.way, inbound.client)
