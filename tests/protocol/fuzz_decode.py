"""Fuzz target: arbitrary bytes and mutated real frames into a host and a client.

    python tests/protocol/fuzz_decode.py [--seconds 60] [--seed 1]

Runs under atheris where that is installed, else mutates by itself. Whatever comes in, nothing raises, and neither a run
nor a record nor a believed result comes of anything but an original.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import Envelope, EnvelopeError, Header, about_request, body_hash, decode, encode_parts
from guestwire.protocol.executor import Executor
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import PackingError, pack, unpack_flat
from guestwire.protocol.pending import Done, Failed
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Inbound, Limits, Now, Record, Run
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

NOW = Now(1_800_000_000_000, 1000.0)
HOST, ANNA = SigningKey(bytes([1] * 32)), SigningKey(bytes([2] * 32))
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            Signer(principal="host:h1", public_key=HOST.public.raw.hex(), scope=Scope(operations=())),
            Signer(principal="operator:anna", public_key=ANNA.public.raw.hex(), scope=Scope(risk=3)),
        ),
    )
)
EFFECT, READ = BY_NAME["guest-undefine"], BY_NAME["host-ping"]
IDS = [bytes.fromhex("01a3185c500070008000") + n.to_bytes(6, "big") for n in range(6)]


def _key_of(envelope: Envelope) -> tuple[bytes, bytes]:
    return envelope.header_bytes, envelope.body


def requests() -> list[tuple[str, bytes]]:
    """Operation and frame of real requests: signed ones first, then one that anybody may send."""
    body, large = pack({"guest": "web"}), pack({"guest": "web", "filler": bytes(60_000)})
    asked = [(EFFECT, IDS[0], body, (ANNA,)), (READ, IDS[1], pack({}), (ANNA,)), (EFFECT, IDS[2], large, (ANNA,))]
    asked.append((READ, IDS[3], pack({"payload": b"x"}), ()))
    frames = []
    for operation, request_id, content, keys in asked:
        header = Header(
            (1, 0), "request", ("plant", "h1"), operation.name, request_id, "operator:anna", NOW.wall_ms,
            NOW.wall_ms + 60_000, 60_000, body_hash(content), "cli-1",
        )  # fmt: skip
        frames += [(operation.name, frame) for frame in encode_parts(header, content, keys)]
    return frames


def responses() -> list[bytes]:
    """Real answers to IDS[4] (an effect) and IDS[5] (a read)."""
    frames: list[bytes] = []
    for operation, request_id, phase, status, content, keys in (
        (EFFECT, IDS[4], "accepted", "ok", pack({}), ()),
        (EFFECT, IDS[4], "progress", "ok", pack({"percent": 5}), ()),
        (EFFECT, IDS[4], "final", "ok", pack({}), (HOST,)),
        (READ, IDS[5], "final", "ok", pack({"payload": b"x", "now": 1, "epoch": 1}), ()),
    ):
        header = Header(
            (1, 0), "response", ("plant", "h1"), operation.name, request_id, "host:h1", NOW.wall_ms, NOW.wall_ms + 1000, 0,
            body_hash(content), "cli-1", status, phase,
            about=about_request("operator:anna", body_hash(pack({"guest": "web"}))) if keys else None,
        )  # fmt: skip
        frames += encode_parts(header, content, keys)
    return frames


@dataclass
class Target:
    """A host and a client that get everything; `tried` and `taken` say that the fuzzing reaches somewhere."""

    originals: set[tuple[bytes, bytes]] = field(default_factory=set)
    signed_parts: set[bytes] = field(default_factory=set)
    tried: int = 0
    taken: int = 0

    def __post_init__(self) -> None:
        for _, frame in requests():
            envelope = decode(frame)
            if envelope.signatures:
                self.originals.add(_key_of(envelope))
                self.signed_parts.add(envelope.header_bytes)
        self.answers = {_key_of(decode(frame)) for frame in responses() if decode(frame).signatures}
        limits = Limits(reads=1 << 30, issuer_rate=1e9, issuer_burst=1e9, failure_rate=1e9, failure_burst=1e9)
        self.executor = Executor("plant", "h1", BY_NAME, TRUST, HOST, limits=limits)
        self.client()

    def client(self) -> None:
        self.invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)
        self.invoker.begin("h1", EFFECT, m.GuestRef(guest="web"), NOW, timeout_s=60, request_id=IDS[4])
        self.invoker.begin("h1", READ, m.Ping(), NOW, timeout_s=60, request_id=IDS[5])

    def host_gets(self, operation: str, frame: bytes) -> None:
        self.tried += 1
        step = self.executor.receive(Inbound(frame, "cli-1", operation), NOW)
        if not isinstance(step, Run | Record):
            return
        self.taken += 1
        call = step.call
        if isinstance(step, Run):
            self.executor.succeed(call, m.Pong(payload=b"", now=1, epoch=1), NOW)
        if call.signed or call.operation.effect != "none":
            envelope = decode(frame)
            assert call.signed, "an effect without a signature"
            assert envelope.header_bytes in self.signed_parts, "a header that nobody signed"
            assert body_hash(call.body) == envelope.header.body_hash, "a body that nobody signed"
            assert call.operation.name == envelope.header.operation == operation
            assert ids.is_request_id(call.request_id)

    def client_gets(self, frame: bytes) -> None:
        self.tried += 1
        for event in self.invoker.receive(frame, NOW, "h1"):
            if isinstance(event, Done | Failed):
                self.taken += 1
                if event.pending.operation is EFFECT:
                    assert event.verified, "a result without a signature"
                    assert _key_of(decode(frame)) in self.answers, "a result that the host did not sign"
                self.client()

    def both(self, operation: str, frame: bytes) -> None:
        self.host_gets(operation, frame)
        self.client_gets(frame)


def mutations(frame: bytes, others: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Frames that are like a real one."""
    data = bytearray(frame)
    where = chance.randrange(len(data))
    data[where] ^= 1 << chance.randrange(8)
    yield bytes(data)
    yield frame[:where]
    yield frame[:where] + chance.randbytes(chance.randrange(1, 9)) + frame[where:]
    end = min(len(frame), where + chance.randrange(1, 40))
    yield frame[:where] + frame[end:]
    yield frame[:end] + frame[where:]
    yield frame[:where] + chance.choice(others)[where:]
    yield _restructured(frame, others, chance)


def _restructured(frame: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The same envelope with a field of its header, its body or its signatures changed for another's."""
    try:
        header_bytes, body, signatures, mandates = unpack_flat(frame)
        header = list(unpack_flat(header_bytes))
        other = list(unpack_flat(unpack_flat(chance.choice(others))[0]))
    except (PackingError, ValueError, TypeError):
        return frame
    which = chance.randrange(len(header) + 4)
    if which < len(header):
        header[which] = chance.choice([other[which], None, 0, 1 << 63, "", b"", (), (1,), "final", header[which], True])
        header_bytes = pack(header)
    elif which == len(header):
        body = chance.choice([b"", b"\x80", body[1:], body * 2, pack({"guest": "db"})])
    elif which == len(header) + 1:
        signatures = ()
    elif which == len(header) + 2:
        signatures = (*signatures, *signatures)
    else:
        mandates = (b"x",)
    return pack((header_bytes, body, signatures, mandates))


def campaign(target: Target, chance: random.Random, *, rounds: int | None = None, seconds: float = 0.0) -> int:
    """Mutate for so many rounds, or for so long; how many frames were tried."""
    asked, answers = requests(), responses()
    frames = [frame for _, frame in asked] + answers
    deadline = time.monotonic() + seconds
    done = 0
    while done < rounds if rounds is not None else time.monotonic() < deadline:
        done += 1
        operation, frame = chance.choice(asked)
        for mutated in mutations(frame, frames, chance):
            target.both(operation, mutated)
        for mutated in mutations(chance.choice(answers), frames, chance):
            target.client_gets(mutated)
        target.both(operation, chance.randbytes(chance.randrange(200)))
    return target.tried


def one_input(target: Target, data: bytes) -> None:
    """Any bytes: the first one picks a real frame to be changed at a place by the rest, or none."""
    frames = [frame for _, frame in requests()] + responses()
    for operation in (EFFECT.name, READ.name):
        target.both(operation, data)
    if len(data) > 3:
        frame = frames[data[0] % len(frames)]
        at = int.from_bytes(data[1:3], "big") % len(frame)
        target.both(EFFECT.name, frame[:at] + data[3:] + frame[at + len(data) - 3 :])


def must_decode_or_say_why(data: bytes) -> None:
    """The decoder alone."""
    try:
        decode(data)
    except EnvelopeError as err:
        if err.code not in ("FRAME-TOO-LARGE", "UNSUPPORTED-VERSION", "MALFORMED"):
            raise AssertionError(err.code) from err


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    target = Target()
    try:
        import atheris
    except ImportError:
        seed = random.randrange(1 << 32) if options.seed is None else options.seed
        print(f"seed {seed}")
        tried = campaign(target, random.Random(seed), seconds=options.seconds)
        print(f"{tried} frames, {target.taken} of them originals, no failure")
        return
    atheris.Setup([sys.argv[0], f"-max_total_time={round(options.seconds)}"], lambda data: one_input(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
