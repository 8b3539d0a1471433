"""What a host's answer, or its absence, means for a job."""

from dataclasses import replace

import pytest

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs import outcomes
from guestwire.controller.jobs.job import Job
from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import VERSION, Header, about_request, body_hash, encode_parts
from guestwire.protocol.error_body import to_body

T0 = 1_760_000_000_000
BODY = to_bytes(m.LogLevel(level="info"))
ID = "01" * 16
ME = "controller:main"
JOB = Job(
    "j1", HostRef("plant", "h1"), "log-level", 1, body_hash(BODY).hex(), T0, T0 + 1, state="sent", request_id=ID, issuer=ME,
    attempts=1, sent_at=T0,
)  # fmt: skip


def final(
    body: bytes, status: str = "ok", *, request_id: str = ID, about: bytes | None = None, issuer: str = ME
) -> tuple[bytes, ...]:
    said = about if about is not None else about_request(issuer, body_hash(BODY))
    header = Header(
        VERSION, "response", ("plant", "h1"), "log-level", bytes.fromhex(request_id), "host:h1", 1, 2, 0, body_hash(body),
        "main", status, "final", about=said,
    )  # fmt: skip
    return tuple(encode_parts(header, body, ()))


GOOD = final(to_bytes(m.LogLevelSet(level="info")))
BAD = final(to_body(GuestwireError("WRONG-STATE", "paused", detail={"b": b"\x01"})), "WRONG-STATE")


def job_get(state: str, frames: tuple[bytes, ...] | None = None, code: str | None = None) -> m.JobGet:
    return m.JobGet(
        request_id=bytes.fromhex(ID), issuer=ME, operation="log-level", state=state,  # type: ignore[arg-type]
        accepted_at=1, expires=2, code=code, message=None, final=frames,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("job", "code", "meaning"),
    [
        (JOB, "HOST-UNREACHABLE", e.Silent),
        (JOB, "NO-ANSWER", e.Silent),
        (JOB, "LINK-LOST", e.Silent),
        (JOB, "BROKER-UNREACHABLE", e.Silent),
        (JOB, "PUBLISH-REFUSED", e.Silent),
        (JOB, "UNSIGNED-RESPONSE", e.Silent),
        (JOB, "BUSY", e.Silent),
        (JOB, "CLOCK-UNSYNCHRONISED", e.Silent),
        (JOB, "HOST-NOT-APPROVED", e.Silent),
        (JOB, "EXPIRED", e.NotAccepted),
        (JOB, "JOURNAL-LOST", e.Refused),
        (replace(JOB, attempts=2), "JOURNAL-LOST", e.Ended),
        (replace(JOB, accepted_at=T0), "JOURNAL-LOST", e.Ended),
        (JOB, "IDEMPOTENCY-MISMATCH", e.Ended),
        (JOB, "NOT-FOUND", outcomes.Settle),
        (JOB, "WRONG-STATE", outcomes.Settle),
        (JOB, "KEY-UNKNOWN", outcomes.Settle),
        (JOB, "CANCELED", outcomes.Settle),
        (JOB, "MANDATE-EXPIRED", outcomes.Settle),
        (JOB, "PACKET-TOO-LARGE", outcomes.Settle),
        (JOB, "FRAME-TOO-LARGE", outcomes.Settle),
    ],
)
def test_what_an_error_means(job: Job, code: str, meaning: type) -> None:
    assert isinstance(outcomes.of_error(job, GuestwireError(code), 0.5), meaning)


def test_no_error_ends_a_job_as_succeeded() -> None:
    for code in BY_CODE:
        meaning = outcomes.of_error(JOB, GuestwireError(code), 0.5)
        assert not isinstance(meaning, e.Ended) or meaning.state == "indeterminate"


def test_a_host_that_says_when_is_asked_then() -> None:
    meaning = outcomes.of_error(JOB, GuestwireError("BUSY", after_ms=700), 0.5)
    assert isinstance(meaning, e.Silent)
    assert meaning.not_before == T0 + 700


@pytest.mark.parametrize(
    ("job", "asked", "meaning"),
    [
        (JOB, "NOT-FOUND", e.Refused),
        (JOB, "KEY-UNKNOWN", e.Refused),
        (replace(JOB, attempts=2), "NOT-FOUND", e.Refused),
        (replace(JOB, attempts=2), "KEY-UNKNOWN", e.Silent),
        (replace(JOB, accepted_at=T0), "HOST-UNREACHABLE", e.Silent),
    ],
)
def test_a_refusal_ends_what_the_host_cannot_have(job: Job, asked: str, meaning: type) -> None:
    event = outcomes.after_settling(job, GuestwireError("KEY-UNKNOWN"), GuestwireError(asked), 0.5)
    assert isinstance(event, meaning)
    assert event[0] == "KEY-UNKNOWN"


@pytest.mark.parametrize(
    ("found", "event"),
    [
        (job_get("accepted"), e.AtHost("accepted", asked=True, spread=0.5)),
        (job_get("running"), e.AtHost("running", asked=True, spread=0.5)),
        (job_get("waiting-reboot"), e.AtHost("waiting-reboot", asked=True, spread=0.5)),
        (job_get("succeeded", GOOD), e.Ended("succeeded", None, None, True)),
        (job_get("succeeded"), e.Ended("succeeded", None, None, True)),
        (job_get("failed", BAD, "WRONG-STATE"), e.Ended("failed", "WRONG-STATE", "paused", True)),
        (job_get("failed", None, "WRONG-STATE"), e.Ended("failed", "WRONG-STATE", None, True)),
        (job_get("rejected", BAD), e.Ended("rejected", "WRONG-STATE", "paused", True)),
        (job_get("failed", None, "ROLLED-BACK"), e.Ended("rolled-back", "ROLLED-BACK", None, True)),
        (job_get("canceled", None, "CANCELED"), e.Ended("canceled", "CANCELED", None, True)),
    ],
)
def test_what_a_host_has_of_a_job(found: m.JobGet, event: e.Event) -> None:
    assert outcomes.known(JOB, found, 0.5).event == event


def test_a_final_is_read_whole() -> None:
    result, error = outcomes.read_final(JOB, GOOD)
    assert (error, result) == (None, (JOB.id, {"level": "info", "until": None}, None, GOOD))
    result, error = outcomes.read_final(JOB, BAD)
    assert result is not None
    assert error is not None
    assert result.final == BAD
    assert result.error == outcomes.error_document(error)
    assert result.error["detail"] == {"b": "01"}
    again = outcomes.error_of(result.error)
    assert (again.code, again.message) == ("WRONG-STATE", "paused")
    assert outcomes.error_of({"code": "FROM-THE-FUTURE"}).code == "INTERNAL"


@pytest.mark.parametrize(
    "frames",
    [
        (),
        (b"junk",),
        final(b"\xc1"),
        final(to_bytes(m.LogLevelSet(level="info")), request_id="02" * 16),
        final(to_bytes(m.LogLevelSet(level="info")), about=b"x" * 16),
        final(to_bytes(m.LogLevelSet(level="info")), issuer="operator:eve"),
        final(b"\xc1", "WRONG-STATE"),
    ],
)
def test_what_is_not_this_jobs_final_says_nothing(frames: tuple[bytes, ...]) -> None:
    result, error = outcomes.read_final(JOB, frames)
    assert result is None or (error is not None and error.code == "MALFORMED")
    if frames and result is None:
        known = outcomes.known(JOB, job_get("succeeded", frames), 0.5)
        assert known == (e.Ended("succeeded", None, None, True), None)
