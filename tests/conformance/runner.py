"""Runs a conformance case: a world with a host (Executor over a simulated journal), clients (Invoker) and time.

A case is plain data (README.md beside this file says how to read it), so an agent or a client in another language can be
held against the same files. What a step brings out is a list of small maps; a step's `expect` has to match it, in order:
every key that it names must be equal, and there must be as many.
"""

from dataclasses import dataclass, field
from typing import Any

from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestStatus, GuestView
from guestwire.protocol import ids, statements
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import (
    Envelope,
    Header,
    about_frame,
    about_request,
    body_hash,
    decode,
    encode,
    encode_parts,
)
from guestwire.protocol.error_body import to_body
from guestwire.protocol.executor import Executor
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.pending import Accepted, Done, Event, Failed, Pending, Progressed, Transmit
from guestwire.protocol.presence import HostPresence, PresenceBody, SeenHost, epoch_for_connect
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Dropped, Inbound, Limits, Now, Record, Run, Send, Step
from guestwire.protocol.trust import LocalScope, Scope, Signer, Trust, TrustDocument

Out = dict[str, Any]
START_MS = 1_800_000_000_000
KEYS = {
    name: SigningKey(bytes([number] * 32))
    for number, name in enumerate(("h1", "h2", "anna", "bert", "carl", "dora", "emil", "mallory", "ctrl"), start=1)
}
PRINCIPALS = {name: f"host:{name}" if name in ("h1", "h2") else f"operator:{name}" for name in KEYS}
PRINCIPALS["ctrl"] = "controller:ctrl"


def trust(given: dict[str, Any]) -> Trust:
    """anna and bert may do everything, carl may read, ctrl goes to class 1; dora's key is not valid any more, emil's is
    revoked, nobody knows mallory. The user 1000 of the host may do everything there, the user 1001 may read."""
    scopes = {"anna": Scope(risk=3), "bert": Scope(risk=3), "carl": Scope(risk=0), "ctrl": Scope(risk=1)}
    signers = [
        Signer(
            principal=PRINCIPALS[name],
            public_key=KEYS[name].public.raw.hex(),
            scope=scopes.get(name, Scope(operations=(), hosts=()) if name in ("h1", "h2") else Scope(risk=3)),
            not_after=START_MS - 1 if name == "dora" else 1 << 53,
        )
        for name in KEYS
        if name != "mallory"
    ]
    return Trust(
        TrustDocument(
            site="plant",
            rev=given.get("trust_rev", 1),
            issued_at=0,
            signers=tuple(signers),
            revoked=tuple(KEYS[name].id.hex() for name in ["emil", *given.get("revoked", [])]),
            local=(LocalScope(uid=1000, scope=Scope(risk=3)), LocalScope(uid=1001, scope=Scope(risk=0))),
            signers_needed=given.get("signers_needed", {}),
        )
    )


@dataclass
class Row:
    """An entry of the simulated journal."""

    call: Call
    final: tuple[bytes, ...] | None


@dataclass
class World:
    """One case under way."""

    given: dict[str, Any]
    wall_ms: int = START_MS
    mono: float = 1000.0
    names: dict[bytes, str] = field(default_factory=dict)
    ids: dict[str, bytes] = field(default_factory=dict)
    frames: dict[str, list[bytes]] = field(default_factory=dict)
    inbound: dict[str, list[Inbound]] = field(default_factory=dict)
    journal: dict[tuple[str, bytes], Row] = field(default_factory=dict)
    reading: dict[bytes, Call] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    clients: dict[str, Invoker] = field(default_factory=dict)
    to_host: list[Inbound] = field(default_factory=list)
    to_client: list[tuple[str, bytes]] = field(default_factory=list)
    first_sent: dict[bytes, list[bytes]] = field(default_factory=dict)
    said: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    hosts: dict[str, HostPresence] = field(default_factory=dict)
    seen: SeenHost = field(default_factory=SeenHost)
    nonce: bytes | None = None

    def __post_init__(self) -> None:
        self.trust = trust(self.given)
        self.executor = self._executor(self.given.get("host", {}))

    @property
    def now(self) -> Now:
        return Now(self.wall_ms, self.mono)

    def _executor(self, how: dict[str, Any]) -> Executor:
        return Executor(
            "plant",
            "h1",
            BY_NAME,
            self.trust,
            KEYS["h1"],
            journal_created_ms=START_MS - how.get("journal_age_ms", 86_400_000),
            watermark_ms=START_MS + how["watermark_in_ms"] if "watermark_in_ms" in how else 0,
            clock_synchronised=how.get("synchronised", True),
            require_signatures=how.get("require_signatures", "effects"),
            limits=Limits(**how.get("limits", {})),
        )

    def id(self, name: str, at_ms: int | None = None) -> bytes:
        """The request id of a name: a UUIDv7 of the moment the name was first used."""
        if name not in self.ids:
            wall = self.wall_ms if at_ms is None else at_ms
            tail = len(self.ids) + 1
            identifier = ids.request_id(wall)[:8] + b"\x80" + tail.to_bytes(7, "big")
            self.ids[name] = identifier
            self.names[identifier] = name
        return self.ids[name]

    def name(self, identifier: bytes) -> str:
        return self.names.get(identifier, "?")

    # -- the host

    def receive(self, inbound: Inbound) -> list[Out]:
        return self.step(self.executor.receive(inbound, self.now))

    def step(self, step: Step | None) -> list[Out]:
        match step:
            case Send():
                return self.sends(step)
            case Run(call):
                return [self.runs(call)]
            case Record():
                return self.record(step)
            case Dropped(code, audit, client):
                return [{"dropped": code, "audit": audit, "client": client}]
        return []

    def runs(self, call: Call) -> Out:
        name = self.name(call.request_id)
        self.reading[call.request_id] = call
        self.effects[name] = self.effects.get(name, 0) + 1
        self.executor.waiting(call, self.now)
        return {"run": name, "operation": call.operation.name, "issuer": call.issuer}

    def record(self, record: Record) -> list[Out]:
        """The journal's INSERT, by the contract of Executor.recorded."""
        call = record.call
        row = self.journal.get(call.key)
        if row is None:
            self.journal[call.key] = Row(call, record.final)
            return self.step(self.executor.recorded(call, "new", record.final or (), self.now))
        if (row.call.body_hash, row.call.operation) != (call.body_hash, call.operation):
            return self.step(self.executor.recorded(call, "mismatch", (), self.now))
        if row.final is None:
            return self.step(self.executor.recorded(call, "running", (), self.now))
        return self.step(self.executor.recorded(call, "stored", row.final, self.now))

    def sends(self, send: Send) -> list[Out]:
        self.to_client += [(send.client, frame) for frame in send.frames]
        out = shown(decode(send.frames[0])) | {"to": send.client, "id": self.name(send.request_id)}
        out["frames"] = len(send.frames)
        if (nonce := decode(send.frames[0]).header.nonce) is not None:
            self.nonce = nonce
        label = f"{out['id']} {out['phase']}"
        if label in self.frames:
            out["same"] = list(send.frames) == self.frames[label]
        else:
            self.frames[label] = list(send.frames)
        return [out]

    def do_send(self, spec: dict[str, Any]) -> list[Out]:
        """A client of any make sends a request."""
        frames, name = self.crafted(spec), spec.get("id", "A")
        topic = {"client": spec.get("client", "cli-1"), "operation": spec.get("operation", "guest-undefine")}
        topic |= spec.get("topic", {})
        inbound = [
            Inbound(
                mutated(frame, spec.get("mutate", [])),
                **topic,
                retained=spec.get("retained", False),
                uid=spec.get("uid"),
            )
            for frame in frames
        ]
        self.inbound[spec.get("as", name)] = inbound
        chosen = [inbound[i - 1] for i in spec["parts"]] if "parts" in spec else inbound
        return [out for one in chosen for out in self.receive(one)]

    def do_again(self, spec: str | dict[str, Any]) -> list[Out]:
        """The same bytes once more: by their sender, the broker or somebody who kept them."""
        spec = {"id": spec} if isinstance(spec, str) else spec
        kept = self.inbound[spec["id"]]
        outs = []
        for number in spec.get("parts", range(1, len(kept) + 1)):
            one = kept[number - 1]
            inbound = Inbound(
                mutated(one.payload, spec.get("mutate", [])),
                spec.get("topic", {}).get("client", one.client),
                spec.get("topic", {}).get("operation", one.operation),
                spec.get("retained", one.retained),
                one.uid,
            )
            outs += self.receive(inbound)
        return outs

    def crafted(self, spec: dict[str, Any]) -> list[bytes]:
        client, signers = spec.get("client", "cli-1"), spec.get("signers", ["anna"])
        body = crafted_body(spec)
        issued = self.wall_ms - spec.get("issued_ago_ms", 0)
        expires = issued + spec.get("valid_ms", 60_000)
        issuer = (
            PRINCIPALS[spec["issuer"]] if "issuer" in spec else PRINCIPALS[signers[0]] if signers else "operator:anna"
        )
        nonce = self.nonce if spec.get("nonce") == "given" else bytes(24) if spec.get("nonce") == "made-up" else None
        header = Header(
            (1, 0), "request", ("plant", "h1"), spec.get("operation", "guest-undefine"),
            self.id(spec.get("id", "A"), None if "id_ago_ms" not in spec else self.wall_ms - spec["id_ago_ms"]),
            issuer, issued, expires, spec.get("ttl_ms", expires - issued), body_hash(body), client, nonce=nonce,
        )  # fmt: skip
        changed = {
            key: bytes.fromhex(value)
            if key in ("mandate_hash", "request_id")
            else tuple(value)
            if isinstance(value, list)
            else value
            for key, value in spec.get("header", {}).items()
        }
        keys = [KEYS[name] for name in signers]
        mandates = [bytes.fromhex(x) for x in spec.get("mandates", [])]
        if mandates:
            return [encode(header._replace(**changed), body, keys, mandates)]
        return encode_parts(header._replace(**changed), body, keys)

    def do_finish(self, spec: dict[str, Any]) -> list[Out]:
        """The handler of a request ended: the result is stored (when it has an effect), then sent. `plan_risk`: it found that
        the change is of that risk, which ends it where its signers may not cause that much."""
        identifier = self.id(spec["id"])
        call = self.reading.pop(identifier)
        try:
            if "plan_risk" in spec:
                self.executor.authorise(call, spec["plan_risk"])
            if "fail" in spec:
                raise GuestwireError(spec["fail"])
            send = self.executor.succeed(call, reply_of(call, spec), self.now)
        except GuestwireError as err:
            send = self.executor.fail(call, err, self.now)
        if call.operation.effect != "none":
            self.journal[call.key].final = tuple(send.frames)
        return self.sends(send)

    def do_progress(self, spec: dict[str, Any]) -> list[Out]:
        report = m.Progress(percent=spec.get("percent"))
        return self.sends(self.executor.progress(self.reading[self.id(spec["id"])], report, self.now))

    def do_refuse(self, spec: dict[str, Any]) -> list[Out]:
        """The journal or the lanes did not take the next request: what the host's pipeline then says."""
        self.given["refuse_next"] = spec["code"]
        inbound = self.inbound[spec["id"]][0]
        step = self.executor.receive(inbound, self.now)
        assert isinstance(step, Record), step
        return self.sends(
            self.executor.refuse(step.call, GuestwireError(spec["code"], after_ms=spec.get("after_ms")), self.now)
        )

    def do_restart(self, spec: dict[str, Any] | None) -> list[Out]:
        """The agent dies and comes back: only the journal is left. With `journal: lost`, not even that. `happened`: of these
        once effects the host can tell that they took place."""
        how = dict(self.given.get("host", {})) | (spec or {})
        self.reading.clear()
        self.executor = self._executor(how)
        if how.get("journal") == "lost":
            self.journal.clear()
            self.executor.journal_created_ms = self.wall_ms
        outs = []
        for row in self.journal.values():
            if row.final is not None:
                continue
            row.call.scopes = ()  # the journal has the request, not what its signers could do then
            if row.call.operation.effect == "idempotent":
                outs.append(self.runs(row.call))
            else:
                if self.name(row.call.request_id) in how.get("happened", ()):
                    send = self.executor.succeed(row.call, reply_of(row.call, {}), self.now)
                else:
                    send = self.executor.fail(row.call, GuestwireError("INDETERMINATE"), self.now)
                row.final = tuple(send.frames)
                outs += self.sends(send)
        return outs

    def do_prune(self, spec: dict[str, Any]) -> list[Out]:
        """The journal forgets a finished request and raises its watermark."""
        for key, row in list(self.journal.items()):
            if key[1] == self.id(spec["id"]):
                self.executor.watermark_ms = max(self.executor.watermark_ms, row.call.expires)
                del self.journal[key]
        return []

    def do_host(self, spec: dict[str, Any]) -> list[Out]:
        """Something about the host changes while it runs."""
        if "synchronised" in spec:
            self.executor.clock_synchronised = spec["synchronised"]
        if "trust" in spec:
            self.trust = self.executor.trust = trust(spec["trust"])
        return []

    # -- time

    def do_advance(self, seconds: float | dict[str, float]) -> list[Out]:
        """Time passes, or one of the clocks jumps."""
        if isinstance(seconds, dict):
            self.wall_ms += round(seconds.get("wall", 0) * 1000)
            self.mono += seconds.get("mono", 0)
        else:
            self.wall_ms += round(seconds * 1000)
            self.mono += seconds
        outs = [out for send in self.executor.due(self.now) for out in self.sends(send)]
        for client in self.clients.values():
            outs += self.events(client, client.due(self.now))
        return outs

    # -- clients

    def client(self, name: str) -> Invoker:
        if name not in self.clients:
            how = self.given.get("client", {})
            key = KEYS[how["key"]] if "key" in how else KEYS["anna"] if how.get("signs", True) else None
            self.clients[name] = Invoker(
                "plant", name, PRINCIPALS[how.get("key", "anna")], key,
                None if how.get("socket") else self.trust,
                path_vouches=how.get("socket", False), sign_reads=how.get("sign_reads", False),
            )  # fmt: skip
        return self.clients[name]

    def do_ask(self, spec: dict[str, Any]) -> list[Out]:
        client = self.client(spec.get("client", "cli-1"))
        operation = BY_NAME[spec.get("operation", "guest-undefine")]
        request = operation.request.model_validate(spec.get("request", default_request(operation.name)))
        try:
            pending = client.begin(
                "h1", operation, request, self.now, timeout_s=spec.get("timeout", 60), request_id=self.id(spec.get("id", "A")),
                accept_within_s=spec.get("accept_within"),
            )  # fmt: skip
        except GuestwireError as err:
            return [{"event": "failed", "code": err.code}]
        return self.events(client, [Transmit(pending)])

    def events(self, client: Invoker, events: list[Event]) -> list[Out]:
        outs: list[Out] = []
        for event in events:
            pending = event.pending
            if pending.request_id not in self.names:
                self.names[pending.request_id] = "inquiry"
                self.ids["inquiry"] = pending.request_id
            out: Out = {"id": self.name(pending.request_id)}
            match event:
                case Transmit():
                    first = self.first_sent.setdefault(pending.request_id, pending.frames)
                    out |= {"sent": out.pop("id"), "operation": pending.operation.name, "same": pending.frames == first}
                    envelope = decode(pending.frames[0])
                    out |= {"signed": bool(envelope.signatures), "frames": len(pending.frames)}
                    out["nonce"] = envelope.header.nonce is not None
                    for frame in pending.frames:
                        self.to_host.append(Inbound(frame, client.client, pending.operation.name))
                case Accepted():
                    out |= {"event": "accepted"}
                case Progressed():
                    out |= {"event": "progress", "percent": event.progress.percent}
                case Done():
                    out |= {"event": "done", "verified": event.verified}
                case Failed():
                    out |= {"event": "failed", "code": event.error.code, "verified": event.verified}
            outs.append(out)
        return outs

    def hears(self, client: Invoker, frame: bytes, host: str = "h1") -> list[Out]:
        before = client.dropped.copy()
        outs = self.events(client, client.receive(frame, self.now, host))
        return outs + [{"ignored": code} for code in (client.dropped - before)]

    def do_answer(self, spec: dict[str, Any]) -> list[Out]:
        """A host of any make, or somebody who plays it, answers."""
        client = self.client(spec.get("client", "cli-1"))
        outs = []
        frames = self.frames[spec["kept"]] if "kept" in spec else self.answered(client, spec)
        if "keep" in spec:
            self.frames[spec["keep"]] = frames
            return []
        if "order" in spec:
            frames = [frames[i - 1] for i in spec["order"]]
        for _ in range(spec.get("times", 1)):
            for frame in frames:
                outs += self.hears(client, mutated(frame, spec.get("mutate", [])), spec.get("topic_host", "h1"))
        return outs

    def answered(self, client: Invoker, spec: dict[str, Any]) -> list[bytes]:
        identifier = self.id(spec.get("id", "A"))
        pending = next((p for p in client.pending() if p.request_id == identifier), None)
        operation = BY_NAME[spec.get("operation", pending.operation.name if pending else "guest-undefine")]
        phase, status = spec.get("phase", "final"), spec.get("status", "ok")
        if status != "ok":
            body = to_body(GuestwireError(status, after_ms=spec.get("after_ms")))
        elif phase == "progress":
            body = pack({"percent": spec.get("percent", 50)})
        elif operation.name == "job-get":
            body = pack(self.job(spec))
        else:
            body = pack(
                spec["body"] if "body" in spec else reply_model(operation.name, spec).model_dump(exclude_none=True)
            )
        host = spec.get("host", "h1")
        header = Header(
            (1, 0), "response", ("plant", host), operation.name, identifier, f"host:{host}", self.wall_ms,
            self.wall_ms + 3_600_000, 0, body_hash(body), client.client, status, phase,
            nonce=bytes(24) if spec.get("nonce") else None,
            about=self.about(spec, pending, phase),
        )  # fmt: skip
        changed = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.get("header", {}).items()}
        signer = spec.get("signer", "h1")
        return encode_parts(header._replace(**changed), body, [KEYS[signer]] if signer else [])

    def about(self, spec: dict[str, Any], pending: Pending | None, phase: str) -> bytes | None:
        """What a response of the script is about: the request it answers, or what the script says: `nothing`, `another`
        (somebody else's request under the same id), `copy` (a frame that was altered on the way)."""
        about = spec.get("about")
        if about == "nothing" or pending is None:
            return None
        if about == "another":
            return about_request("observer:olga", pending.header.body_hash)
        if about == "copy":
            return about_frame(pending.frames[0] + b"altered")
        if phase == "refused":
            return about_frame(pending.frames[0])
        return about_request(pending.header.issuer, pending.header.body_hash)

    def job(self, spec: dict[str, Any]) -> dict[str, Any]:
        known = {"state": spec.get("state", "running"), "issuer": "operator:anna", "operation": "guest-undefine"}
        known |= {
            "request_id": self.id(spec["job"]),
            "accepted_at": START_MS,
            "expires": START_MS + 60_000,
            "lanes": [],
        }
        if "stored" in spec:
            known["final"] = self.frames[spec["stored"]]
        if "code" in spec:
            known["code"] = spec["code"]
        return known

    def do_reconnect(self, spec: dict[str, Any] | None) -> list[Out]:
        client = self.client((spec or {}).get("client", "cli-1"))
        events = client.reconnected(self.now)
        return self.events(client, [*events, *client.due(self.now)])

    def do_abandon(self, spec: dict[str, Any]) -> list[Out]:
        client = self.client(spec.get("client", "cli-1"))
        for pending in client.pending():
            if pending.request_id == self.id(spec["id"]):
                client.abandon(pending)
        return [{"left": len(client)}]

    # -- a network between the two

    def do_network(self, spec: dict[str, Any]) -> list[Out]:
        """What lies in the network goes on: `to: host` or `to: client`; `lose` it, `times` it, `order` it, `mutate` it."""
        queue: list[Any] = self.to_host if spec["to"] == "host" else self.to_client
        waiting = list(queue)
        queue.clear()
        if spec.get("lose"):
            return [{"lost": len(waiting)}]
        if "order" in spec:
            waiting = [waiting[i - 1] for i in spec["order"]]
        outs = []
        for _ in range(spec.get("times", 1)):
            for item in waiting:
                if isinstance(item, Inbound):
                    payload = mutated(item.payload, spec.get("mutate", []))
                    outs += self.receive(Inbound(payload, item.client, item.operation))
                else:
                    outs += self.hears(self.client(item[0]), mutated(item[1], spec.get("mutate", [])))
        return outs

    # -- presence

    def do_connect(self, spec: dict[str, Any]) -> list[Out]:
        """A host's connection: its epoch, above all that is known of it."""
        epoch = epoch_for_connect(spec.get("disk", 0), spec.get("retained"), spec.get("known"))
        name = spec.get("as", "h1")
        self.hosts[name] = HostPresence("plant", "h1", KEYS["h1"], epoch, spec.get("boot", "boot-1"), "0.1", self.now)
        return [{"epoch": epoch}]

    def do_say(self, spec: dict[str, Any]) -> list[Out]:
        host = self.hosts[spec.get("by", "h1")]
        match spec.get("what", "heartbeat"):
            case "heartbeat":
                frame = host.heartbeat(self.now)
            case "will":
                frame = host.will(self.now)
            case why:
                frame = host.farewell(why, self.now)
        self.said[spec["as"]] = (frame, spec.get("by", "h1"))
        return []

    def do_hear(self, spec: dict[str, Any]) -> list[Out]:
        """A receiver hears a presence message, perhaps late, twice, retained or altered."""
        frame = mutated(self.said[spec["what"]][0], spec.get("mutate", []))
        try:
            statement = statements.read(
                frame, self.trust, "plant", f"host:{spec.get('topic_host', 'h1')}", "presence", self.now
            )
        except GuestwireError as err:
            return [{"refused": err.code}]
        fresh = self.seen.receive(statement, self.now, retained=spec.get("retained", False))
        return [{"fresh": fresh, "verified": statement.verified, "state": self.seen.state(self.now)}]

    def do_look(self, _spec: Any) -> list[Out]:
        last = self.seen.last
        return [{"state": self.seen.state(self.now), "epoch": last.epoch if last else None}]

    def do_own(self, spec: dict[str, Any]) -> list[Out]:
        """A host hears a presence message on its own topic."""
        frame = self.said[spec["what"]][0]
        statement = statements.read(frame, self.trust, "plant", "host:h1", "presence", None)
        return [{"own": self.hosts[spec.get("by", "h1")].heard(statement.read(PresenceBody), self.now)}]


def rows_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The case once per row, with the row's values in place of `$key`; a case without rows is itself."""

    def filled(value: Any, row: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return {key: filled(inner, row) for key, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner, row) for inner in value]
        return row[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    rest = {key: value for key, value in case.items() if key != "rows"}
    return [filled(rest, row) for row in case["rows"]] if "rows" in case else [rest]


def run(case: dict[str, Any]) -> None:
    """Run a case; AssertionError names the step that differed."""
    world = World(case.get("given") or {})
    for number, step in enumerate(case["steps"], start=1):
        verbs = [key for key in step if key != "expect"]
        assert len(verbs) == 1, f"step {number}: one verb, not {verbs}"
        outs = getattr(world, f"do_{verbs[0]}")(step[verbs[0]])
        expected = step.get("expect") or []
        assert len(outs) == len(expected), f"step {number} ({verbs[0]}): expected {expected}, got {outs}"
        for out, wanted in zip(outs, expected, strict=True):
            got = {key: out.get(key) for key in wanted}
            assert got == wanted, f"step {number} ({verbs[0]}): expected {wanted}, got {out}"
    for name, times in case.get("effects", {}).items():
        assert world.effects.get(name, 0) == times, f"{name} ran {world.effects.get(name, 0)} times, not {times}"


def shown(envelope: Envelope) -> Out:
    """A response as a case sees it."""
    header = envelope.header
    return {
        "phase": header.phase,
        "status": header.status,
        "operation": header.operation,
        "signed": bool(envelope.signatures),
        "version": list(header.version),
        "reply_to": header.reply_to,
        "nonce": header.nonce is not None,
        "body": unpack(envelope.body) if header.part[1] == 1 else None,
    }


def default_request(operation: str) -> dict[str, Any]:
    return {"guest": "web"} if operation.startswith("guest-") and operation != "guest-list" else {}


def crafted_body(spec: dict[str, Any]) -> bytes:
    match spec.get("body"):
        case None:
            return pack(spec.get("request", default_request(spec.get("operation", "guest-undefine"))))
        case "duplicate-key":
            return b"\x82\xa5guest\xa3web\xa5guest\xa2db"
        case "too-deep":
            return b"\x81\xa5guest" + b"\x91" * 17 + b"\xc0"
        case "extension":
            return b"\x81\xa5guest\xd6\xff\x00\x00\x00\x05"
        case "left-over":
            return pack({"guest": "web"}) + b"\xc0"
        case "cut":
            return pack({"guest": "web"})[:-1]
        case {"size": size}:
            return pack({"guest": "web", "filler": bytes(range(256)) * (size // 256)})
        case other:
            raise AssertionError(other)


def reply_model(operation: str, spec: dict[str, Any]) -> Any:
    if operation == "host-ping":
        return m.Pong(payload=b"x" * spec.get("payload", 0), now=START_MS, epoch=1)
    if BY_NAME[operation].reply is GuestView:
        return GuestView(guest=Guest(name="web"), status=GuestStatus(state="running", as_of=START_MS, source="event"))
    if operation == "log-query":
        return m.LogLines(lines=tuple(f"{i:080}" for i in range(spec.get("lines", 1))))
    if operation == "guest-list":
        return m.GuestList(guests=())
    return m.Empty()


def reply_of(call: Call, spec: dict[str, Any]) -> Any:
    return reply_model(call.operation.name, spec)


def mutated(frame: bytes, how: list[Any]) -> bytes:
    """What somebody on the way can do to a frame."""
    for verb in how:
        match verb:
            case "garbage":
                frame = b"\xc1" * 40
            case "empty":
                frame = b""
            case {"truncate": count}:
                frame = frame[:-count]
            case {"pad": count}:
                frame = frame + bytes(count)
            case _:
                header, body, signatures, mandates = unpack(frame)
                frame = pack(_altered(verb, header, body, list(signatures), list(mandates)))
    return frame


def _altered(verb: Any, header: bytes, body: bytes, signatures: list[Any], mandates: list[bytes]) -> tuple[Any, ...]:
    match verb:
        case "strip-signature":
            signatures = []
        case {"flip": "body"}:
            body = body[:-1] + bytes([body[-1] ^ 1])
        case {"flip": "signature"}:
            key_id, signature = signatures[0]
            signatures[0] = (key_id, signature[:-1] + bytes([signature[-1] ^ 1]))
        case {"flip": "key"}:
            key_id, signature = signatures[0]
            signatures[0] = (bytes([key_id[0] ^ 1]) + key_id[1:], signature)
        case {"header": changed}:
            values = list(unpack(header))
            for field_name, value in changed.items():
                values[Header._fields.index(field_name)] = value
            header = pack(values)
        case {"add-signature": name}:
            signatures.append((KEYS[name].id, bytes(64)))
        case {"add-mandate": text}:
            mandates.append(bytes.fromhex(text))
        case {"swap-body": text}:
            body = bytes.fromhex(text)
        case {"fill-body": size}:
            body = bytes(size)
        case _:
            raise AssertionError(verb)
    return header, body, signatures, mandates
