"""A kept body goes out byte for byte, whatever it holds and whatever fields the models of today have."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_values import values

from guestwire.controller.jobs.exact_body import exact, sound_body
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.operations import BY_NAME, OPERATIONS, Operation
from guestwire.protocol.packing import pack

START = BY_NAME["guest-start"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_body_goes_out_as_it_is_kept(operation: Operation, data: st.DataObject) -> None:
    body = to_bytes(data.draw(values(operation.request)))
    assert sound_body(operation, body) == body
    assert to_bytes(exact(body)) == body


def test_a_field_that_no_model_knows_any_more_stays() -> None:
    body = pack({"guest": "web", "since": {"b": None, "a": (1, b"\x00")}, "wait": "running"})
    assert to_bytes(exact(body)) == body


def test_a_body_that_would_change_is_not_sent() -> None:
    with pytest.raises(GuestwireError, match="as it was"):
        exact(pack({"guest": "web", "wait": None}))


@pytest.mark.parametrize("body", [b"", b"\xc1", pack({}), pack({"guest": 3}), pack([1]), b"\x81\xa5guest"])
def test_what_is_not_the_operations_is_refused(body: bytes) -> None:
    with pytest.raises(GuestwireError) as caught:
        sound_body(START, body)
    assert caught.value.code == "INVALID-BODY"


def test_what_the_model_does_not_know_is_not_kept() -> None:
    assert sound_body(START, pack({"guest": "web", "colour": "blue"})) == pack({"guest": "web", "wait": "running"})
