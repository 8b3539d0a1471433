"""Mandates: what they allow, and everything that widens them is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.envelope import Header, body_hash, decode, encode, encode_parts
from guestwire.protocol.executor import Executor
from guestwire.protocol.mandates import (
    MAX_WINDOW_MS,
    Allowed,
    Mandate,
    allowed,
    from_text,
    issue,
    mandate_hash,
    parse,
    scopes_of_mandate,
    sign_too,
    to_text,
)
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack
from guestwire.protocol.roles import ROLES
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.steps import Inbound, Now, Record, Send
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

HOST, ANNA, BERT, MAIN, OBSERVER, STRANGER = (SigningKey(bytes([n] * 32)) for n in range(1, 7))
NOW = Now(1_800_000_000_000, 100.0)
PLAN = "a" * 32


def signer(key: SigningKey, principal: str, scope: Scope) -> Signer:
    return Signer(principal=principal, public_key=key.public.raw.hex(), scope=scope)


def trust(**more: Any) -> Trust:
    document = TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            signer(ANNA, "operator:anna", ROLES["admin"]),
            signer(BERT, "operator:bert", ROLES["engineer"]),
            signer(MAIN, "controller:main", ROLES["controller"]),
            signer(OBSERVER, "operator:olga", ROLES["observer"]),
        ),
    )
    return Trust(document.model_copy(update=more))


def mandate(**changed: Any) -> Mandate:
    fields: dict[str, Any] = {
        "id": b"m" * 16, "site": "plant", "holder": "controller:main", "operations": ("guest-destroy",), "hosts": ("h1",),
        "risk": 2, "not_before": NOW.wall_ms - 1000, "not_after": NOW.wall_ms + 60_000, "uses": 2,
    }  # fmt: skip
    return Mandate.model_validate(fields | changed)


def grant(data: bytes, by: Trust | None = None, **changed: Any) -> Allowed:
    asked: dict[str, Any] = {
        "site": "plant", "host": "h1", "holder": "controller:main", "operation": "guest-destroy", "risk": 2,
        "body_hash": bytes(32), "now_ms": NOW.wall_ms,
    }  # fmt: skip
    return allowed(data, by or trust(), **(asked | changed))


def test_what_a_mandate_allows() -> None:
    granted = grant(issue(mandate(), (ANNA,)))
    assert (granted.id, granted.uses, granted.signers) == (b"m" * 16, 2, ("operator:anna",))
    (scope,) = granted.scopes
    assert scope.covers("guest-destroy", "h1", 2)
    assert not scope.covers("guest-destroy", "h1", 3)
    assert not scope.covers("guest-destroy", "h2", 2)
    assert not scope.covers("guest-start", "h1", 1)


WIDENED: tuple[tuple[str, dict[str, Any], dict[str, Any], str], ...] = (
    ("another host", {}, {"host": "h2"}, "MANDATE-SCOPE"),
    ("another operation", {}, {"operation": "guest-reset"}, "MANDATE-SCOPE"),
    ("another site", {}, {"site": "mill"}, "MANDATE-SCOPE"),
    ("another holder", {}, {"holder": "controller:other"}, "MANDATE-SCOPE"),
    ("a higher class", {}, {"risk": 3}, "MANDATE-SCOPE"),
    ("another body", {"bodies": (b"b" * 32,)}, {}, "MANDATE-SCOPE"),
    ("too early", {"not_before": NOW.wall_ms + 1}, {}, "MANDATE-EXPIRED"),
    ("too late", {"not_after": NOW.wall_ms}, {}, "MANDATE-EXPIRED"),
    ("no clock", {}, {"now_ms": None}, "MANDATE-EXPIRED"),
)


@pytest.mark.parametrize(("what", "made", "asked", "code"), WIDENED, ids=[case[0] for case in WIDENED])
def test_what_it_does_not_allow(what: str, made: dict[str, Any], asked: dict[str, Any], code: str) -> None:
    with pytest.raises(GuestwireError) as raised:
        grant(issue(mandate(**made), (ANNA,)), **asked)
    assert raised.value.code == code


def test_it_is_worth_no_more_than_who_signed_it() -> None:
    for key, code in ((OBSERVER, "MANDATE-SCOPE"), (MAIN, "MANDATE-SCOPE"), (STRANGER, "MANDATE-INVALID")):
        with pytest.raises(GuestwireError) as raised:
            grant(issue(mandate(), (key,)))
        assert raised.value.code == code
    with pytest.raises(GuestwireError) as raised:
        grant(issue(mandate(), (ANNA,)), trust(revoked=(ANNA.id.hex(),)))
    assert raised.value.code == "MANDATE-INVALID"


def test_a_revoked_mandate_is_refused() -> None:
    by = trust(revoked_mandates=((b"m" * 16).hex(),))
    data = issue(mandate(), (ANNA,))
    for attempt in (lambda: grant(data, by), lambda: scopes_of_mandate(data, by)):
        with pytest.raises(GuestwireError) as raised:
            attempt()
        assert raised.value.code == "MANDATE-REVOKED"


def test_a_class_may_need_several_signers() -> None:
    by = trust(signers_needed={"2": 2})
    one = issue(mandate(), (ANNA,))
    with pytest.raises(GuestwireError, match="takes 2"):
        grant(one, by)
    with pytest.raises(GuestwireError, match="takes 2"):
        grant(sign_too(one, ANNA), by)  # the same one again
    assert grant(sign_too(one, BERT), by).signers == ("operator:anna", "operator:bert")


@pytest.mark.parametrize(
    "changed",
    [
        {"not_after": NOW.wall_ms - 2000},
        {"not_after": NOW.wall_ms + MAX_WINDOW_MS},
        {"operations": ("config-apply",)},
    ],
    ids=["ends before it begins", "longer than a week", "any plan"],
)
def test_what_no_host_would_take_is_not_issued_nor_taken(changed: dict[str, Any]) -> None:
    with pytest.raises(GuestwireError) as raised:
        issue(mandate(**changed), (ANNA,))
    assert raised.value.code == "MANDATE-INVALID"
    text = pack(mandate(**changed).model_dump())
    with pytest.raises(GuestwireError) as raised:
        parse(pack((text, ((ANNA.id, ANNA.sign(Domain.MANDATE, text)),))))
    assert raised.value.code == "MANDATE-INVALID"


@given(st.data())
@settings(max_examples=100)
def test_no_altered_byte_is_taken(data: st.DataObject) -> None:
    sound = bytearray(issue(mandate(), (ANNA,)))
    at = data.draw(st.integers(0, len(sound) - 1))
    sound[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(GuestwireError) as raised:
        grant(bytes(sound))
    assert raised.value.code.startswith("MANDATE-")


def test_its_file_is_text() -> None:
    data = issue(mandate(), (ANNA,))
    text = to_text(data)
    assert all(len(line) <= 76 for line in text.splitlines())
    assert from_text(text) == data
    for wrong in ("", text[1:], text[:-9], text + "!", text.replace("\n", "\n\xe9", 1)):
        with pytest.raises(GuestwireError) as raised:
            from_text(wrong)
        assert raised.value.code == "MANDATE-INVALID"


# -- at the host's executor


def executor() -> Executor:
    return Executor("plant", "h1", BY_NAME, trust(), HOST)


def asked(
    operation: str, body: dict[str, Any], beside: bytes | None, key: SigningKey = MAIN, issuer: str = "controller:main"
) -> Inbound:
    packed = pack(body)
    header = Header(
        (1, 0), "request", ("plant", "h1"), operation, ids.request_id(NOW.wall_ms), issuer, NOW.wall_ms,
        NOW.wall_ms + 60_000, 60_000, body_hash(packed), "main",
        mandate_hash=None if beside is None else mandate_hash(beside),
    )  # fmt: skip
    [frame] = encode_parts(header, packed, (key,), () if beside is None else (beside,))
    return Inbound(frame, "main", operation)


def status(step: object) -> str | None:
    if isinstance(step, Record):
        return step.code
    assert isinstance(step, Send)
    return decode(step.frames[0]).header.status


def test_a_controller_stops_a_guest_by_a_mandate_only() -> None:
    it = executor()
    assert status(it.receive(asked("guest-destroy", {"guest": "web"}, None), NOW)) == "OUT-OF-SCOPE"
    step = it.receive(asked("guest-destroy", {"guest": "web"}, issue(mandate(), (ANNA,))), NOW)
    assert isinstance(step, Record)
    assert step.final is None
    assert step.call.allowed is not None
    assert step.call.key_ids == (MAIN.id.hex(),)
    it.authorise(step.call, 2)
    with pytest.raises(GuestwireError, match="OUT-OF-SCOPE"):
        it.authorise(step.call, 3)
    step.call.scopes = ()  # as it is read back from the journal
    it.authorise(step.call, 2)


def test_a_refusal_for_the_mandate_is_recorded_so_that_a_replay_cannot_run_it_later() -> None:
    it = executor()
    early = issue(mandate(not_before=NOW.wall_ms + 5), (ANNA,))
    step = it.receive(asked("guest-destroy", {"guest": "web"}, early), NOW)
    assert isinstance(step, Record)
    assert (step.code, step.final is None) == ("MANDATE-EXPIRED", False)


def test_a_mandate_is_for_its_plan() -> None:
    data = issue(mandate(operations=("config-confirm",), plans=(PLAN,)), (ANNA,))
    assert status(executor().receive(asked("config-confirm", {"plan_id": PLAN}, data), NOW)) is None
    assert status(executor().receive(asked("config-confirm", {"plan_id": "b" * 32}, data), NOW)) == "MANDATE-SCOPE"


def test_a_read_takes_no_mandate() -> None:
    data = issue(mandate(operations=("guest-list",)), (ANNA,))
    assert status(executor().receive(asked("guest-list", {}, data), NOW)) == "MANDATE-SCOPE"


def test_two_mandates_or_another_one_are_refused() -> None:
    data, other = issue(mandate(), (ANNA,)), issue(mandate(id=b"n" * 16), (ANNA,))
    sound = decode(asked("guest-destroy", {"guest": "web"}, data).payload)
    for carried in ((), (other,), (data, other), (data, data)):
        frame = encode(sound.header, sound.body, (MAIN,), carried)
        assert status(executor().receive(Inbound(frame, "main", "guest-destroy"), NOW)) == "BODY-MISMATCH"


def test_uses_that_a_lost_journal_may_have_counted_are_not_given_again() -> None:
    it = executor()
    it.journal_created_ms = NOW.wall_ms - 500
    data = issue(mandate(), (ANNA,))
    assert status(it.receive(asked("guest-destroy", {"guest": "web"}, data), NOW)) == "MANDATE-INVALID"
    later = issue(mandate(not_before=NOW.wall_ms - 500), (ANNA,))
    assert status(it.receive(asked("guest-destroy", {"guest": "web"}, later), NOW)) is None
