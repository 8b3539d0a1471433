"""What a client signs for a controller, and what it does not."""

import base64
from typing import Any

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import body_hash
from guestwire.protocol.mandates import PLANNED, Mandate
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.sdk.approving import Wanted, check, read, signatures

WANTED = Wanted("plant", "h1", "guest-reset", b"body")
PLANNED_WANTED = Wanted("plant", "h1", "config-apply", b"body", "p" * 16)


def mandate(**changes: Any) -> Mandate:
    values: dict[str, Any] = {
        "id": bytes(16), "site": "plant", "holder": "controller:main", "operations": ("guest-reset",), "hosts": ("h1",),
        "risk": 2, "not_before": 0, "not_after": 1000, "bodies": (body_hash(b"body"),),
    }  # fmt: skip
    return Mandate.model_validate(values | changes)


def test_just_what_was_asked_for_is_signed() -> None:
    check(mandate(), WANTED)
    check(mandate(operations=tuple(sorted(PLANNED)), bodies=(), plans=("p" * 16,)), PLANNED_WANTED)


@pytest.mark.parametrize(
    "changes",
    [
        {"site": "other"},
        {"hosts": ("h2",)},
        {"hosts": ("h1", "h2")},
        {"operations": ("guest-destroy",)},
        {"operations": ("guest-reset", "guest-destroy")},
        {"bodies": ()},
        {"bodies": (body_hash(b"other"),)},
        {"bodies": (body_hash(b"body"), body_hash(b"other"))},
    ],
    ids=str,
)
def test_anything_else_is_not(changes: dict[str, Any]) -> None:
    with pytest.raises(GuestwireError, match="APPROVAL-FALSE"):
        check(mandate(**changes), WANTED)


@pytest.mark.parametrize("plans", [(), ("q" * 16,), ("p" * 16, "q" * 16)])
def test_nor_is_another_plan(plans: tuple[str, ...]) -> None:
    with pytest.raises(GuestwireError, match="APPROVAL-FALSE"):
        check(mandate(operations=("config-apply",), plans=plans), PLANNED_WANTED)


def test_the_very_bytes_are_read_and_signed() -> None:
    key = SigningKey.generate()
    text = pack(mandate().model_dump())
    data, found = read(base64.b64encode(text).decode())
    [made] = signatures([data], key)
    assert (data, found) == (text, mandate())
    assert key.public.verifies(Domain.MANDATE, text, bytes.fromhex(made))


@pytest.mark.parametrize(
    "text", ["", "!", base64.b64encode(b"\xc1").decode(), base64.b64encode(pack({})).decode(), "A" * 20_000]
)
def test_what_is_no_mandate_is_not_signed(text: str) -> None:
    with pytest.raises(GuestwireError, match="APPROVAL-FALSE"):
        read(text)
