"""Golden vectors: frames with fixed keys, ids and times, for whoever writes the protocol a second time.

The keys are seeds of equal bytes and belong to nobody. Ed25519 is deterministic, so the same inputs give the same bytes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids, topics
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import VERSION, Header, body_hash, decode, encode
from guestwire.protocol.error_body import to_body
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.presence import HostPresence
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import LocalScope, Scope, Signer, TrustDocument
from guestwire.protocol.trust_file import seal
from guestwire.protocol.user_keys import proof

AT_MS = 1_800_000_000_000
SITE, HOST, CLIENT = "plant", "h1", "cli-1"
SEEDS: Mapping[str, bytes] = {"host": bytes([1] * 32), "operator": bytes([2] * 32), "root": bytes([3] * 32)}
REQUEST_ID = bytes.fromhex("01a3185c50007000800000000000000a")


def vectors() -> dict[str, Any]:
    """The keys, the signed trust document and the frames, as plain values (bytes in hexadecimal)."""
    keys = {name: SigningKey(seed) for name, seed in SEEDS.items()}
    return {
        "about": "Times in Unix ms. A frame is msgpack [header, body, [[key id, signature], ...], mandates]; a signature is "
        "Ed25519 over `domain` followed by the header's bytes.",
        "at": AT_MS,
        "domain": b"guestwire envelope 1\0".hex(),
        "keys": {
            name: {"seed": key.raw.hex(), "public": key.public.raw.hex(), "id": key.id.hex()}
            for name, key in keys.items()
        },
        "trust": {"file": seal(_trust(keys), keys["root"]).decode(), "root": keys["root"].public.raw.hex()},
        "request_id": {"bytes": REQUEST_ID.hex(), "text": ids.text(REQUEST_ID), "issued_ms": ids.issued_ms(REQUEST_ID)},
        "frames": [_explained(*item) for item in _frames(keys)],
        "refused": [_refused(*item) for item in _wrong(keys)],
        "user_key": _user_key(keys["operator"]),
    }


def _user_key(key: SigningKey) -> dict[str, Any]:
    """What a person signs to enrol a key at a controller."""
    challenge, person = bytes(range(32)), "anna"
    return {
        "domain": Domain.USER_KEY.value.hex(),
        "challenge": challenge.hex(),
        "person": person,
        "signature": key.sign(Domain.USER_KEY, proof(challenge, person)).hex(),
    }


def _trust(keys: Mapping[str, SigningKey]) -> TrustDocument:
    return TrustDocument(
        site=SITE,
        rev=1,
        issued_at=AT_MS,
        signers=(
            Signer(
                principal=f"host:{HOST}",
                public_key=keys["host"].public.raw.hex(),
                scope=Scope(operations=(), hosts=(HOST,)),
            ),
            Signer(principal="operator:anna", public_key=keys["operator"].public.raw.hex(), scope=Scope(risk=2)),
        ),
        local=(LocalScope(uid=0, scope=Scope(risk=3)),),
    )


def _request(operation: str, body: bytes) -> Header:
    return Header(
        VERSION, "request", (SITE, HOST), operation, REQUEST_ID, "operator:anna", AT_MS, AT_MS + 60_000, 60_000,
        body_hash(body), CLIENT,
    )  # fmt: skip


def _response(operation: str, body: bytes, phase: str, status: str = "ok", n: int = 0) -> Header:
    return Header(
        VERSION, "response", (SITE, HOST), operation, REQUEST_ID, f"host:{HOST}", AT_MS, AT_MS + 3_600_000, 0,
        body_hash(body), CLIENT, status, phase, n,
    )  # fmt: skip


def _frames(keys: Mapping[str, SigningKey]) -> Iterator[tuple[str, str, bytes]]:
    """Name, topic and bytes of each."""
    host, operator = (keys["host"],), (keys["operator"],)
    answers = topics.make("response", SITE, CLIENT, HOST)
    ping, start = pack(m.Ping(payload=b"hello").model_dump()), pack(m.GuestStart(guest="web").model_dump())
    yield "an unsigned read", _request_topic("host-ping"), encode(_request("host-ping", ping), ping)
    yield (
        "a signed request with an effect",
        _request_topic("guest-start"),
        encode(_request("guest-start", start), start, operator),
    )
    empty, progress = pack({}), pack(m.Progress(percent=40, step="boot").model_dump(exclude_none=True))
    yield "accepted", answers, encode(_response("guest-start", empty, "accepted"), empty)
    yield "progress", answers, encode(_response("guest-start", progress, "progress", n=1), progress)
    pong = pack(m.Pong(payload=b"hello", now=AT_MS, epoch=7).model_dump())
    yield "the unsigned answer of a read", answers, encode(_response("host-ping", pong, "final"), pong)
    wrong = to_body(GuestwireError("WRONG-STATE", detail={"state": "running"}))
    yield "a signed failure", answers, encode(_response("guest-start", wrong, "final", "WRONG-STATE"), wrong, host)
    busy = to_body(GuestwireError("BUSY", after_ms=1000))
    yield "a refusal", answers, encode(_response("guest-start", busy, "refused", "BUSY"), busy, host)
    first = _request("guest-start", start + bytes(10))._replace(part=(1, 2))
    yield "the first of two parts", _request_topic("guest-start"), encode(first, start, operator)
    presence = HostPresence(SITE, HOST, keys["host"], 7, "boot-1", "0.1.0", Now(AT_MS, 0.0))
    own = topics.make("presence", SITE, HOST)
    yield "a heartbeat", own, presence.heartbeat(Now(AT_MS, 0.0))
    yield "a will", own, presence.will(Now(AT_MS, 0.0))


def _wrong(keys: Mapping[str, SigningKey]) -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and code of frames that no decoder may take."""
    body = pack({"guest": "web"})
    header = _request("guest-start", body)
    good = encode(header, body, (keys["operator"],))
    yield "cut short", good[:-1], "MALFORMED"
    yield "bytes left over", good + b"\0", "MALFORMED"
    yield "another major", encode(header._replace(version=(2, 0)), body), "UNSUPPORTED-VERSION"
    yield "a field missing", pack((pack(header[:-1]), body, (), ())), "MALFORMED"
    yield "a map for a header", pack((pack({"version": 1}), body, (), ())), "MALFORMED"
    yield "text for bytes", pack((pack(header), "body", (), ())), "MALFORMED"
    yield "a part beyond the last", pack((pack(header._replace(part=(3, 2))), body, (), ())), "MALFORMED"
    yield "a short signature", pack((pack(header), body, ((bytes(8), bytes(63)),), ())), "MALFORMED"


def _request_topic(operation: str) -> str:
    return topics.make("request", SITE, HOST, CLIENT, operation)


def _explained(name: str, topic: str, frame: bytes) -> dict[str, Any]:
    envelope = decode(frame)
    whole = envelope.header.part[1] == 1
    operation = BY_NAME.get(envelope.header.operation)
    return {
        "name": name,
        "topic": topic,
        "qos": topics.BY_NAME["presence"].qos if operation is None else operation.qos,
        "frame": frame.hex(),
        "header_bytes": envelope.header_bytes.hex(),
        "header": plain(envelope.header._asdict()),
        "body_bytes": envelope.body.hex(),
        "body": plain(unpack(envelope.body)) if whole else None,
        "signatures": plain(envelope.signatures),
    }


def _refused(name: str, frame: bytes, code: str) -> dict[str, Any]:
    return {"name": name, "frame": frame.hex(), "code": code}


def plain(value: Any) -> Any:
    """A value as JSON has it; bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value
