"""Requests by what came of them, counted beside the audit trail and not in its place."""

from heard_telemetry import T0, Clock, sampled

from guestwire.agent.telemetry.request_counts import CountedAudit, RequestCounts
from guestwire.agent.telemetry.sources.source import Add, Source
from guestwire.protocol.envelope import Header, body_hash
from guestwire.protocol.metrics import METRICS
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack
from guestwire.protocol.steps import Call, Inbound, Now

INBOUND = Inbound(b"frame", "cli", "host-ping")


def call(operation: str, accepted_ms: int) -> Call:
    body = pack({})
    header = Header(
        (1, 0), "request", ("s", "h"), operation, bytes(16), "operator:a", accepted_ms, accepted_ms + 60_000, 5000,
        body_hash(body), "cli",
    )  # fmt: skip
    return Call(BY_NAME[operation], header, INBOUND, "operator:a", signed=True, wall_ms=accepted_ms)


async def rows(counts: RequestCounts) -> dict[str, float]:
    async def read(add: Add) -> None:
        counts.sample(add)

    names = tuple(metric.name for metric in METRICS if metric.name.startswith("guestwire_agent_re"))
    found = await sampled(Source("requests", "normal", names, read))
    assert set(found.starts.values()) <= {7}
    return found.values


async def test_requests_are_counted_by_operation_and_outcome() -> None:
    clock = Clock()
    counts = RequestCounts(7, clock)
    counts.ended(call("host-ping", T0 - 3), None)
    counts.ended(call("host-ping", T0 - 700), None)
    counts.ended(call("guest-start", T0 - 40_000), "NOT-FOUND")
    counts.ended(call("guest-start", T0 + 5), "BUSY")  # the clock was put back meanwhile
    found = await rows(counts)
    assert {key: value for key, value in found.items() if "requests_total" in key} == {
        'guestwire_agent_requests_total{operation="host-ping",outcome="ok"}': 2,
        'guestwire_agent_requests_total{operation="guest-start",outcome="not-found"}': 1,
        'guestwire_agent_requests_total{operation="guest-start",outcome="busy"}': 1,
    }
    assert found["guestwire_agent_request_seconds_count"] == 3
    assert found["guestwire_agent_request_seconds_sum"] == 40.703
    assert found['guestwire_agent_request_seconds_bucket{le="0.005"}'] == 1
    assert found['guestwire_agent_request_seconds_bucket{le="1"}'] == 2


async def test_the_audit_trail_hears_what_it_heard_before() -> None:
    heard: list[tuple[object, ...]] = []

    class Trail:
        def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
            heard.append((code, inbound, audit))

        def answered(self, call: Call, code: str | None, at: Now) -> None:
            heard.append((call, code, at))

        def defect(self, operation: str, error: BaseException) -> None:
            heard.append((operation, error))

    clock = Clock()
    counts = RequestCounts(7, clock)
    audit = CountedAudit(Trail(), counts)
    asked, defect = call("host-ping", T0), ZeroDivisionError()
    audit.answered(asked, None, clock())
    audit.refused("THROTTLED", INBOUND, audit=False)
    audit.refused("THROTTLED", INBOUND, audit=True)
    audit.defect("host-ping", defect)
    assert heard == [
        (asked, None, clock()), ("THROTTLED", INBOUND, False), ("THROTTLED", INBOUND, True), ("host-ping", defect),
    ]  # fmt: skip
    found = await rows(counts)
    assert found['guestwire_agent_refused_total{code="THROTTLED"}'] == 2
    assert found['guestwire_agent_requests_total{operation="host-ping",outcome="ok"}'] == 1
