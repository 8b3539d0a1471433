"""What an answer's problem is made of on this side."""

import json

import pytest

from guestwire.sdk.problems import MEDIA_TYPE, error_of


def said(**more: object) -> bytes:
    return json.dumps({"type": "x", "title": "t", "status": 400, **more}).encode()


def test_a_code_keeps_all_that_goes_with_it() -> None:
    body = said(
        code="DENIED", kind="DENIED", detail="No.", field="host", retry_after=3, about={"job": "j"}, cause=["X"]
    )
    error = error_of(403, MEDIA_TYPE + "; charset=utf-8", body)
    assert (error.code, error.message, error.field, error.after_ms) == ("DENIED", "No.", "host", 3000)
    assert (dict(error.detail), error.cause) == ({"job": "j"}, ("X",))


def test_several_wrong_fields_are_all_told() -> None:
    wrong = [{"field": "a", "message": "1"}, {"field": "b", "message": "2"}]
    error = error_of(422, MEDIA_TYPE, said(code="INVALID-BODY", kind="INVALID", detail="a: 1", errors=wrong))
    assert error.detail["issues"] == [{"path": "a", "message": "1"}, {"path": "b", "message": "2"}]


def test_a_code_of_a_newer_controller_is_of_its_kind() -> None:
    error = error_of(409, MEDIA_TYPE, said(code="MOON-PHASE", kind="CONFLICT", detail="Wait."))
    assert (error.kind.value, error.message, error.detail["code"]) == ("CONFLICT", "Wait.", "MOON-PHASE")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "UNAUTHENTICATED"),
        (403, "DENIED"),
        (404, "NOT-FOUND"),
        (418, "CONTROLLER-ANSWER"),
        (502, "CONTROLLER-UNREACHABLE"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": 7}'])
def test_what_says_no_reason_is_known_by_its_status(status: int, code: str, body: bytes) -> None:
    for kind in (MEDIA_TYPE, "text/html", ""):
        error = error_of(status, kind, body)
        assert (error.code, error.detail["status"]) == (code, status)
