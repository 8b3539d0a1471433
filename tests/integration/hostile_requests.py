"""Attacks on requests: what a broker does to a request on its way, and what whoever holds a key of some sort sends himself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fleet import unix_ms
from hostile_cast import HOUR_MS, STRANGER, Company, Letter
from hostile_stage import Change
from packets import Publish

from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import FRAME_LIMIT, Header, decode, encode
from guestwire.protocol.packing import pack, unpack_flat

# -- on the way


@dataclass(frozen=True)
class OnTheWay:
    """What is done to every copy of a client's reset. `code`: what the host counts and writes down, as of whom (`audited`; None:
    as of the client itself). `shown`: what the client is told in the end; None: nothing that it believes, so that it waits."""

    name: str
    change: Change
    code: str
    shown: str | None = None
    audited: str | None = None


One = Callable[[Publish], Publish]


def part(index: int, change: Callable[[bytes], bytes]) -> One:
    """Other bytes in one part of the envelope: 0 header, 1 body."""

    def changed(found: Publish) -> Publish:
        parts = list(unpack_flat(found.payload))
        parts[index] = change(parts[index])
        return found.with_payload(pack(tuple(parts)))

    return changed


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def reheaded(**changes: Any) -> One:
    """Another header under the signatures of the old one."""

    def changed(found: Publish) -> Publish:
        envelope = decode(found.payload)
        header = envelope.header._replace(**changes)
        return found.with_payload(pack((pack(header), envelope.body, envelope.signatures, envelope.mandates)))

    return changed


def later(by_ms: int) -> One:
    """A deadline put off."""

    def changed(found: Publish) -> Publish:
        header = decode(found.payload).header
        return reheaded(expires=header.expires + by_ms, ttl_ms=header.ttl_ms + by_ms)(found)

    return changed


def stripped(found: Publish) -> Publish:
    header, body, _, mandates = unpack_flat(found.payload)
    return found.with_payload(pack((header, body, (), mandates)))


def resigned(**changes: Any) -> One:
    """Signed by somebody else, whatever it says."""

    def changed(found: Publish) -> Publish:
        envelope = decode(found.payload)
        header: Header = envelope.header._replace(**changes)
        return found.with_payload(encode(header, envelope.body, (STRANGER,)))

    return changed


def under_its_name(found: Publish) -> Publish:
    """Somebody else's signature with the key id of the one that was there."""
    header, body, signatures, mandates = unpack_flat(found.payload)
    made = decode(encode(decode(found.payload).header, body, (STRANGER,))).signatures[0][1]
    return found.with_payload(pack((header, body, ((signatures[0][0], made),), mandates)))


def other_body(found: Publish) -> Publish:
    header, _, signatures, mandates = unpack_flat(found.payload)
    return found.with_payload(pack((header, pack({"guest": "winhmi"}), signatures, mandates)))


def topic(old: str, new: str) -> One:
    return lambda found: replace(found, topic=found.topic.replace(old, new))


def renamed(found: Publish) -> Publish:
    """To another operation, in the header too."""
    return topic("/guest-reset", "/guest-destroy")(reheaded(operation="guest-destroy")(found))


def answers_elsewhere(found: Publish) -> Publish:
    """The answer is to go to somebody else, and topic and header agree about it."""
    client = found.topic.split("/")[6]
    return topic(f"/{client}/", "/mallory/")(reheaded(reply_to="mallory")(found))


def oversized(found: Publish) -> Publish:
    return found.with_payload(found.payload + bytes(FRAME_LIMIT))


ON_THE_WAY: tuple[OnTheWay, ...] = (
    OnTheWay("alter-header", part(0, flipped), "MALFORMED"),
    OnTheWay("alter-body", part(1, flipped), "BODY-MISMATCH"),
    OnTheWay("put-another-body", other_body, "BODY-MISMATCH"),
    OnTheWay("alter-signature", lambda found: found.with_payload(found.payload[:-2] + flipped(found.payload[-2:-1]) + found.payload[-1:]),
             "BAD-SIGNATURE"),
    OnTheWay("strip-signature", stripped, "UNSIGNED", "UNSIGNED-RESPONSE"),
    OnTheWay("sign-as-stranger", resigned(), "KEY-UNKNOWN"),
    OnTheWay("sign-under-its-key-id", under_its_name, "BAD-SIGNATURE"),
    OnTheWay("sign-extra", lambda found: found.with_payload(added_signature(found)), "KEY-UNKNOWN"),
    OnTheWay("name-another-issuer", reheaded(issuer="operator:eve"), "BAD-SIGNATURE"),
    OnTheWay("strip-deadline", reheaded(expires=0), "EXPIRED"),
    OnTheWay("extend-deadline", later(HOUR_MS // 2), "BAD-SIGNATURE"),
    OnTheWay("extend-deadline-for-hours", later(3 * HOUR_MS), "EXPIRED"),
    OnTheWay("issue-it-in-the-future", reheaded(issued_at=1 << 50, expires=(1 << 50) + 1000), "EXPIRED"),
    OnTheWay("redirect-to-other-operation", topic("/guest-reset", "/guest-destroy"), "MISADDRESSED"),
    OnTheWay("rename-the-operation", renamed, "BAD-SIGNATURE"),
    OnTheWay("invent-an-operation", reheaded(operation="guest-explode"), "MISADDRESSED"),
    OnTheWay("deliver-as-other-client", topic("/request/deliver-as-other-client/", "/request/mallory/"), "MISADDRESSED",
             audited="mallory"),
    OnTheWay("swap-reply-topic", reheaded(reply_to="mallory"), "MISADDRESSED"),
    OnTheWay("swap-reply-and-client", answers_elsewhere, "BAD-SIGNATURE", audited="mallory"),
    OnTheWay("readdress-to-other-site", reheaded(audience=("other", "h1")), "MISADDRESSED"),
    OnTheWay("retain", lambda found: replace(found, flags=found.flags | 1), "RETAINED-REQUEST"),
    OnTheWay("rubbish", lambda found: found.with_payload(b"\xc1" * 40), "MALFORMED"),
    OnTheWay("empty", lambda found: found.with_payload(b""), "MALFORMED"),
    OnTheWay("cut-short", lambda found: found.with_payload(found.payload[:-20]), "MALFORMED"),
    OnTheWay("append", lambda found: found.with_payload(found.payload + b"\x00"), "MALFORMED"),
    OnTheWay("oversize", oversized, "FRAME-TOO-LARGE"),
    OnTheWay("another-major-version", reheaded(version=(2, 0)), "UNSUPPORTED-VERSION"),
    OnTheWay("make-it-an-answer", reheaded(kind="response"), "MISADDRESSED"),
    OnTheWay("demand-an-extension", reheaded(crit=("never-heard-of",)), "BAD-SIGNATURE"),
    OnTheWay("add-a-nonce", reheaded(nonce=bytes(24)), "BAD-SIGNATURE"),
    OnTheWay("make-it-a-part", reheaded(part=(1, 2)), "BAD-SIGNATURE"),
    OnTheWay("add-a-mandate", lambda found: found.with_payload(added_mandate(found)), "BODY-MISMATCH"),
)  # fmt: skip


def added_signature(found: Publish) -> bytes:
    header, body, signatures, mandates = unpack_flat(found.payload)
    return pack((header, body, (*signatures, (STRANGER.id, bytes(64))), mandates))


def added_mandate(found: Publish) -> bytes:
    header, body, signatures, _ = unpack_flat(found.payload)
    return pack((header, body, signatures, (b"\x90",)))


# -- made up


@dataclass(frozen=True)
class MadeUp:
    """What somebody sends who is at the broker, or has stolen a key. `write` makes the requests from the name of the client;
    each of them is refused with `code`."""

    name: str
    write: Callable[[Company, str], Letter | Sequence[Letter]]
    code: str


def by(*principals: str, **others: Any) -> Callable[[Company, str], Letter]:
    """A reset as one of those asks for it, with his own keys."""
    return lambda stage, client: stage.writer(client, *principals, **others).letter()


def forged(**header: Any) -> Callable[[Company, str], Letter]:
    """As an operator of the site, by a stranger's key."""
    return lambda stage, client: replace(stage.writer(client), keys=[STRANGER], header=header).letter()


def posing(principal: str, poses_as: str) -> Callable[[Company, str], Letter]:
    """One who is known signs as somebody else."""
    return lambda stage, client: replace(stage.writer(client, principal), issuer=poses_as).letter()


def of_two(stage: Company, client: str) -> Letter:
    """What takes two signers."""
    writer = stage.writer(client, "operator:admin", "operator:eve", operation="snapshot-revert")
    return writer.letter(c.SnapshotRef(guest="rtlinux", name="before"))


def one_of_two_gone(stage: Company, client: str) -> Letter:
    letter = of_two(stage, client)
    header, body, signatures, mandates = unpack_flat(letter.frame)
    return replace(letter, frames=(pack((header, body, signatures[:1], mandates)),))


def same_twice(stage: Company, client: str) -> Letter:
    """One signer, two signatures of his."""
    writer = stage.writer(client, "operator:admin", "operator:admin", operation="snapshot-revert")
    return writer.letter(c.SnapshotRef(guest="rtlinux", name="before"))


def second_forged(stage: Company, client: str) -> Letter:
    letter = of_two(stage, client)
    header, body, signatures, mandates = unpack_flat(letter.frame)
    return replace(letter, frames=(pack((header, body, (signatures[0], (signatures[1][0], bytes(64))), mandates)),))


def valid_for_hours(stage: Company, client: str) -> Letter:
    at_ms = unix_ms()
    return stage.writer(client, header={"expires": at_ms + 3 * HOUR_MS}).letter(at_ms=at_ms)


def of_tomorrow(stage: Company, client: str) -> Letter:
    return stage.writer(client).letter(at_ms=unix_ms() + HOUR_MS)


def numbered_by_hand(stage: Company, client: str) -> Letter:
    return stage.writer(client, header={"request_id": bytes(15) + b"\x01"}).letter()


def of_another_site(stage: Company, client: str) -> Letter:
    """Signed for another site, whose key is the same."""
    return stage.writer(client, header={"audience": ("other", "h1")}).letter()


def unknown_extension(stage: Company, client: str) -> Letter:
    return stage.writer(client, header={"crit": ("never-heard-of",)}).letter()


def unsigned_part(stage: Company, client: str) -> Letter:
    return replace(stage.writer(client), keys=(), header={"part": (1, 2)}).letter()


def altered_part(stage: Company, client: str) -> Sequence[Letter]:
    """A body in three parts, one of which is another; then one of another request's."""
    writer = stage.writer(client)
    mine, other = (writer.letter_of(pack({"guest": "rtlinux", "pad": bytes([n]) * 100_000})) for n in (1, 2))
    header, body, signatures, mandates = unpack_flat(mine.frames[1])
    altered = pack((header, flipped(body), signatures, mandates))
    foreign = pack((header, unpack_flat(other.frames[1])[1], signatures, mandates))
    return [replace(mine, frames=(mine.frames[0], middle, mine.frames[2])) for middle in (altered, foreign)]


def unreadable_body(stage: Company, client: str) -> Letter:
    return stage.writer(client).letter_of(pack({"guest": 7}))


def captured_answer(stage: Company, client: str) -> Letter:
    """What a host said, as a request to another host: signed by a key that the site knows."""
    letter = stage.writer(client, "host:h2").letter()
    header = letter.header._replace(kind="response", status="ok", phase="final")
    return replace(letter, frames=(encode(header, letter.body, (stage.cast["host:h2"],)),))


def epoch(stage: Company, client: str) -> Letter:
    """A host that goes above an epoch of somebody's choice never comes back below it."""
    writer = replace(stage.writer(client, "controller:main", operation="epoch-behind"), keys=[STRANGER])
    return writer.letter(m.EpochBehind(known=1 << 40))


MADE_UP: tuple[MadeUp, ...] = (
    MadeUp("forge", forged(), "KEY-UNKNOWN"),
    MadeUp("forge-as-controller", lambda stage, client: replace(stage.writer(client, "controller:main"), keys=[STRANGER]).letter(),
           "KEY-UNKNOWN"),
    MadeUp("forge-epoch-behind", epoch, "KEY-UNKNOWN"),
    MadeUp("unsigned-command", lambda stage, client: replace(stage.writer(client), keys=()).letter(), "UNSIGNED"),
    MadeUp("revoked-key", by("operator:ended"), "KEY-UNKNOWN"),
    MadeUp("expired-key", by("operator:former"), "KEY-UNKNOWN"),
    MadeUp("key-not-yet-valid", by("operator:future"), "KEY-UNKNOWN"),
    MadeUp("expired-key-and-an-old-date", lambda stage, client: stage.writer(client, "operator:former").letter(at_ms=unix_ms() - 2 * HOUR_MS),
           "EXPIRED"),
    MadeUp("host-as-operator", posing("host:h2", "operator:admin"), "OUT-OF-SCOPE"),
    MadeUp("host-as-itself", by("host:h2"), "OUT-OF-SCOPE"),
    MadeUp("own-key-of-the-host", by("host:h1"), "OUT-OF-SCOPE"),
    MadeUp("observer", by("observer:olga"), "OUT-OF-SCOPE"),
    MadeUp("operator-of-another-host", by("operator:elsewhere"), "OUT-OF-SCOPE"),
    MadeUp("controller-without-mandate", by("controller:main"), "OUT-OF-SCOPE"),
    MadeUp("eve-as-admin", posing("operator:eve", "operator:admin"), "BAD-SIGNATURE"),
    MadeUp("strip-one-of-two", one_of_two_gone, "OUT-OF-SCOPE"),
    MadeUp("same-signer-twice", same_twice, "OUT-OF-SCOPE"),
    MadeUp("forge-the-second", second_forged, "BAD-SIGNATURE"),
    MadeUp("valid-for-hours", valid_for_hours, "EXPIRED"),
    MadeUp("of-tomorrow", of_tomorrow, "EXPIRED"),
    MadeUp("no-uuidv7", numbered_by_hand, "MALFORMED"),
    MadeUp("another-site", of_another_site, "MISADDRESSED"),
    MadeUp("critical-extension", unknown_extension, "UNKNOWN-CRITICAL"),
    MadeUp("unsigned-part", unsigned_part, "UNSIGNED"),
    MadeUp("altered-parts", altered_part, "BODY-MISMATCH"),
    MadeUp("no-such-body", unreadable_body, "INVALID-BODY"),
    MadeUp("answer-as-request", captured_answer, "MISADDRESSED"),
)  # fmt: skip
