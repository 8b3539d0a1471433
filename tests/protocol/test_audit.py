"""The audit log's shapes: hashes as they are written down, and what a request names."""

import hashlib

import pytest
from pydantic import ValidationError

from guestwire.model.guest import Guest
from guestwire.protocol.audit import LONGEST, AuditQuery, clipped, first_hash, row_hash, target
from guestwire.protocol.operation_models import GuestDefine, GuestRef


def test_a_row_is_hashed_with_what_it_follows() -> None:
    log = bytes(range(16))
    assert first_hash(log) == hashlib.sha256(log).digest()
    assert (
        row_hash(first_hash(log), b"row")
        == hashlib.sha256(b"guestwire audit 1\x00" + first_hash(log) + b"row").digest()
    )


@pytest.mark.parametrize(
    ("named", "about"),
    [
        ({"guest": "web", "name": "other"}, "web"),
        ({"name": "area1"}, "area1"),
        ({"guests": ("a", "b")}, "a,b"),
        ({"guests": (), "plan_id": "p" * 16}, "p" * 16),
        ({"request_id": bytes(15) + b"\x01"}, "00000000-0000-0000-0000-000000000001"),
        ({"request_id": b"short"}, ""),
        ({"guest": {"name": "web"}}, "web"),
        ({"guest": 7, "names": (1, 2)}, ""),
        ({"level": "debug"}, ""),
        ({"name": "x" * 500}, "x" * (LONGEST - 1) + "…"),
        (GuestRef(guest="web").__dict__, "web"),
        (GuestDefine(guest=Guest(name="web", memory_mib=64)).__dict__, "web"),
    ],
)
def test_what_a_request_is_about(named: dict[str, object], about: str) -> None:
    assert target(named) == about


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert clipped("x" * LONGEST) == "x" * LONGEST


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 1001}, {"after": -1}, {"code": ""}])
def test_a_question_has_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AuditQuery.model_validate(wrong)
