"""Every operation's request and reply as JSON and back, and what people are told who write something else."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_values import values

from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.json_bodies import from_json, plain, to_json
from guestwire.protocol.operations import BY_NAME, OPERATIONS, Operation

EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@EACH
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_there_and_back(operation: Operation, data: st.DataObject) -> None:
    for model in (operation.request, operation.reply):
        value = data.draw(values(model))
        text = json.dumps(to_json(value))
        assert from_json(model, json.loads(text)) == value


def test_bytes_are_lowercase_hexadecimal() -> None:
    ping = from_json(BY_NAME["host-ping"].request, {"payload": "00fFaB"})
    assert to_json(ping) == {"payload": "00ffab"}
    assert plain({"a": (b"\x01", {"b": [b""]}), 3: None}) == {"a": ["01", {"b": [""]}], "3": None}


def test_what_is_left_out_is_the_default() -> None:
    start = from_json(BY_NAME["guest-start"].request, {"guest": "web"})
    assert to_json(start) == {"guest": "web", "wait": "running"}
    assert to_bytes(start) == to_bytes(BY_NAME["guest-start"].request(guest="web"))


@pytest.mark.parametrize(
    ("operation", "document", "field"),
    [
        ("guest-start", {}, "guest"),
        ("guest-start", {"guest": 7}, "guest"),
        ("guest-start", {"guest": "web", "wiat": "ready"}, "wiat"),
        ("guest-define", {"guest": {"name": "web", "colour": "blue"}}, "guest.colour"),
        ("host-ping", {"payload": "0g"}, "payload"),
        ("host-ping", {"payload": "abc"}, "payload"),
        ("host-ping", {"payload": 7}, "payload"),
        ("host-ping", {"payload": ["00"]}, "payload"),
        ("job-get", {"request_id": "00"}, "request_id"),
        ("guests-boot", {"guests": "web"}, "guests"),
        ("guests-boot", {"guests": [["web"]]}, "guests.0"),
        ("event-wait", {"names": {"0": "a"}}, "names"),
        ("telemetry-ack", {"log": "00" * 16, "spool_class": "metric", "ranges": [[1, 2, 3]]}, "ranges.0"),
        ("host-ping", [], None),
        ("host-ping", None, None),
        ("host-ping", "payload", None),
    ],
)
def test_what_does_not_fit_is_named(operation: str, document: Any, field: str | None) -> None:
    with pytest.raises(GuestwireError) as caught:
        from_json(BY_NAME[operation].request, document)
    assert caught.value.code == "INVALID-BODY"
    assert caught.value.field == field


def test_what_is_nested_without_end_is_refused() -> None:
    document: Any = {}
    for _ in range(100):
        document = {"guests": [document]}
    with pytest.raises(GuestwireError, match="nested"):
        from_json(BY_NAME["guests-boot"].request, document)


def test_what_a_newer_peer_says_is_left_out_where_that_is_wanted() -> None:
    model = BY_NAME["guest-start"].request
    said = {"guest": "web", "colour": "red"}
    assert from_json(model, said, tolerant=True) == from_json(model, {"guest": "web"})
    with pytest.raises(GuestwireError, match="colour"):
        from_json(model, said)
