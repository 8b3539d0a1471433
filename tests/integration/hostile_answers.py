"""Attacks on answers: a host did what it was asked, or nothing at all, and somebody on the way tells the client another story."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hostile_cast import STRANGER
from hostile_requests import One, flipped, part, reheaded, resigned, stripped
from hostile_stage import Change, Stage
from packets import Publish

from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import body_hash, decode, encode
from guestwire.protocol.error_body import to_body
from guestwire.protocol.packing import pack, unpack_flat
from guestwire.protocol.signing import SigningKey


@dataclass(frozen=True)
class ToTheClient:
    """What is done to every answer to a client's reset. `shown`: what the client is told in the end, when it has waited long
    enough; None: it goes on waiting, which ends in the same. `true`: the true answer comes as well, and counts."""

    name: str
    change: Callable[[Stage], Change]
    shown: str | None = None
    true: bool = False


def always(change: Change) -> Callable[[Stage], Change]:
    return lambda _: change


def signed_by(name: str) -> Callable[[Stage], Change]:
    """The same words by another key of the site."""

    def made(stage: Stage) -> Change:
        key = stage.cast[name]

        def change(found: Publish) -> Publish:
            envelope = decode(found.payload)
            return found.with_payload(encode(envelope.header, envelope.body, (key,)))

        return change

    return made


def alter_signature(found: Publish) -> Publish:
    header, body, ((key, signature),), mandates = unpack_flat(found.payload)
    return found.with_payload(pack((header, body, ((key, flipped(signature)),), mandates)))


def told(code: str, phase: str, *keys: SigningKey, **more: Any) -> One:
    """An error that nobody has."""

    def change(found: Publish) -> Publish:
        body = to_body(GuestwireError(code))
        header = decode(found.payload).header._replace(status=code, phase=phase, body_hash=body_hash(body), **more)
        return found.with_payload(encode(header, body, keys))

    return change


def before_it(*others: One) -> Callable[[Stage], Change]:
    """Made up, and the true one after it."""

    def change(found: Publish) -> Sequence[Publish]:
        return [*(one(found) for one in others), found]

    return lambda _: change


def accepted(found: Publish) -> Publish:
    header = decode(found.payload).header._replace(phase="accepted", status="ok", body_hash=body_hash(b"\x80"))
    return found.with_payload(encode(header, b"\x80"))


def progressed(found: Publish) -> Publish:
    body = to_bytes(m.Progress(percent=100, step="done", message="the guest is reset"))
    header = decode(found.payload).header._replace(phase="progress", status="ok", body_hash=body_hash(body))
    return found.with_payload(encode(header, body))


def of_an_earlier_one(status: str) -> Callable[[Stage], Change]:
    """What the host signed for another request of this client: as it was, and made to fit."""

    def made(stage: Stage) -> Change:
        old = stage.kept[status]

        def change(found: Publish) -> Sequence[Publish]:
            asked = decode(found.payload).header
            envelope = decode(old)
            renamed = pack(envelope.header._replace(request_id=asked.request_id, about=asked.about))
            made_to_fit = pack((renamed, envelope.body, envelope.signatures, ()))
            return [found.with_payload(payload) for payload in (old, made_to_fit)]

        return change

    return made


def every_byte(found: Publish) -> Sequence[Publish]:
    """At each place another byte, one copy for each; the true one is kept back."""
    copies = []
    for at in range(len(found.payload)):
        data = bytearray(found.payload)
        data[at] ^= 1 + at % 255
        copies.append(found.with_payload(bytes(data)))
    return [replace(one, flags=0, packet_id=b"") for one in copies]


def request_as_answer(found: Publish) -> Publish:
    return reheaded(kind="request")(found)


def from_another_host(found: Publish) -> Publish:
    return replace(found, topic=found.topic.replace("/response/h1", "/response/h2"))


def three_times(found: Publish) -> Sequence[Publish]:
    again = replace(found, flags=0, packet_id=b"")
    return [again, found, again]


TO_THE_CLIENT: tuple[ToTheClient, ...] = (
    ToTheClient("answer-stripped", always(stripped), "UNSIGNED-RESPONSE"),
    ToTheClient("answer-signature-altered", always(alter_signature)),
    ToTheClient("answer-body-altered", always(part(1, flipped))),
    ToTheClient("answer-header-altered", always(reheaded(n=7))),
    ToTheClient("answer-status-altered", always(reheaded(status="NOT-FOUND"))),
    ToTheClient("answer-forged", always(resigned())),
    ToTheClient("answer-by-another-host", signed_by("host:h2")),
    ToTheClient("answer-by-an-operator", signed_by("operator:eve")),
    ToTheClient("answer-by-a-controller", signed_by("controller:main")),
    ToTheClient("answer-from-another-topic", always(from_another_host)),
    ToTheClient("answer-of-another-request", of_an_earlier_one("ok")),
    ToTheClient("refusal-of-another-request", of_an_earlier_one("NOT-FOUND")),
    ToTheClient("refusal-forged", always(told("OUT-OF-SCOPE", "refused"))),
    ToTheClient("refusal-signed-by-a-stranger", always(told("OUT-OF-SCOPE", "refused", STRANGER))),
    ToTheClient("failure-forged", always(told("NOT-FOUND", "final"))),
    ToTheClient("expiry-forged", always(told("EXPIRED", "refused"))),
    ToTheClient("busy-forged", always(told("BUSY", "refused"))),
    ToTheClient("clock-refusal-forged", always(told("CLOCK-UNSYNCHRONISED", "refused")), "UNSIGNED-RESPONSE"),
    ToTheClient("clock-failure-forged", always(told("CLOCK-UNSYNCHRONISED", "final"))),
    ToTheClient("challenge-forged", before_it(*[told("CLOCK-UNSYNCHRONISED", "refused", nonce=bytes(24))] * 5), true=True),
    ToTheClient("accepted-forged", always(accepted), "NO-ANSWER"),
    ToTheClient("progress-forged", before_it(progressed), true=True),
    ToTheClient("every-error-before-the-truth", before_it(told("NOT-FOUND", "final"), told("BUSY", "refused"), stripped), true=True),
    ToTheClient("answer-three-times", always(three_times), true=True),
    ToTheClient("answer-with-an-extension", always(reheaded(crit=("never-heard-of",)))),
    ToTheClient("answer-of-another-major", always(reheaded(version=(2, 0)))),
    ToTheClient("answer-about-another-operation", always(reheaded(operation="guest-destroy"))),
    ToTheClient("request-as-answer", always(request_as_answer)),
    ToTheClient("answer-rubbish", always(lambda found: found.with_payload(b"\xc1" * 40))),
    ToTheClient("answer-every-byte", always(every_byte)),
)  # fmt: skip
