"""Refused messages: told at a bounded rate, with how many there were."""

from collections.abc import Callable
from typing import Any

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import AuditTrail
from guestwire.agent.audit_schema import Fields
from guestwire.agent.telemetry.loose import Loose
from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import Header, body_hash, decode, encode
from guestwire.protocol.notices import AlarmNotice, AuditNotice
from guestwire.protocol.operation_models import GuestRef
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Now

KEY = SigningKey(bytes(range(32)))


class Ears:
    """A log and an outlet."""

    def __init__(self) -> None:
        self.logged: list[tuple[str, str, dict[str, object]]] = []
        self.notices: list[dict[str, Any]] = []

    def info(self, event: str, **fields: object) -> None:
        self.logged.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.logged.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.logged.append(("error", event, fields))

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        self.notices.append(unpack(decode(frame).body))


class Rows:
    """Where rows for the audit log go."""

    def __init__(self) -> None:
        self.rows: list[Fields] = []
        self.counts: list[tuple[str, str]] = []
        self.reads: list[tuple[str, str, str, str]] = []

    def refused(self, code: str, client: str, fields: Callable[[], Fields]) -> None:
        self.rows.append({"code": code, **fields(), "client": client})

    def counted(self, code: str, client: str) -> None:
        self.counts.append((code, client))

    def read(self, principal: str, operation: str, way: str, outcome: str, at: Now) -> None:
        self.reads.append((principal, operation, way, outcome))


def trail() -> tuple[AuditTrail, Ears, list[float], Rows]:
    ears, clock, rows = Ears(), [0.0], Rows()
    announcer = Announcer("s", "h", SigningKey(bytes(32)), lambda: Now(1, clock[0]), Loose())
    announcer.broker_up(ears)
    return AuditTrail(ears, announcer, rows, lambda: clock[0]), ears, clock, rows


def frame(client: str, **body: Any) -> Inbound:
    """A message of a client, signed by a key that nobody knows."""
    packed = pack(body)
    header = Header(
        (1, 0), "request", ("s", "h"), "guest-start", bytes(15) + b"\x07", "operator:anna", 1, 2, 3, body_hash(packed), client
    )  # fmt: skip
    return Inbound(encode(header, packed, (KEY,)), client, "guest-start")


def test_a_flood_is_told_five_times_then_once_a_second_with_its_count() -> None:
    audit, ears, clock, _ = trail()
    for _ in range(100):
        audit.refused("BAD-SIGNATURE", frame("mallory"), audit=True)
    assert [n["count"] for n in ears.notices] == [1] * 5
    clock[0] = 1.5
    audit.refused("BAD-SIGNATURE", frame("mallory"), audit=True)
    last = AuditNotice.model_validate(ears.notices[-1])
    assert (last.code, last.client, last.count) == ("BAD-SIGNATURE", "mallory", 96)
    assert len(ears.logged) == 6


def test_another_client_is_told_at_once() -> None:
    audit, ears, _, _ = trail()
    for _ in range(20):
        audit.refused("MALFORMED", frame("a"), audit=True)
    audit.refused("MALFORMED", frame("b"), audit=True)
    assert ears.notices[-1]["client"] == "b"


def test_an_everyday_refusal_is_counted_and_told_nobody() -> None:
    audit, ears, _, rows = trail()
    audit.refused("BUSY", frame("a"), audit=False)
    assert (ears.notices, ears.logged, rows.rows) == ([], [], [])
    assert rows.counts == [("BUSY", "a")]


def test_a_row_has_what_the_message_says_of_itself_as_its_claim() -> None:
    audit, _, _, rows = trail()
    audit.refused("KEY-UNKNOWN", frame("mallory", guest="web"), audit=True)
    audit.refused("MALFORMED", Inbound(b"noise", "mallory", "guest-stop"), audit=True)
    audit.refused("OUT-OF-SCOPE", Inbound(b"noise", "m", "guest-stop", uid=7), audit=True)
    assert rows.rows == [
        {
            "code": "KEY-UNKNOWN", "operation": "guest-start", "way": "mqtt", "request": "00000000-0000-0000-0000-000000000007",
            "claims": "operator:anna", "keys": (KEY.id.hex(),), "target": "web", "client": "mallory",
        },
        {"code": "MALFORMED", "operation": "guest-stop", "way": "mqtt", "client": "mallory"},
        {"code": "OUT-OF-SCOPE", "operation": "guest-stop", "way": "socket", "principal": "local:7", "client": "m"},
    ]  # fmt: skip


def call() -> Call:
    """A call that passed every check."""
    made = Call(BY_NAME["guest-show"], decode(frame("cli-1").payload).header, frame("cli-1"), "operator:anna", signed=True,
                wall_ms=1)  # fmt: skip
    made.key_ids, made.request = (KEY.id.hex(),), GuestRef(guest="web")
    return made


def test_a_call_that_was_not_taken_has_its_principal() -> None:
    audit, ears, _, rows = trail()
    audit.not_taken(call(), "IDEMPOTENCY-MISMATCH")
    audit.not_taken(call(), "JOURNAL-FULL")
    [row] = rows.rows
    assert (row["code"], row["principal"], row["keys"], row["target"]) == (
        "IDEMPOTENCY-MISMATCH", "operator:anna", (KEY.id.hex(),), "web",
    )  # fmt: skip
    assert "claims" not in row
    assert rows.counts == [("JOURNAL-FULL", "cli-1")]
    assert len(ears.notices) == 1


def test_reads_are_counted_by_who_what_way_and_outcome() -> None:
    audit, _, _, rows = trail()
    audit.answered(call(), None, Now(1, 1))
    audit.answered(call(), "NOT-FOUND", Now(1, 1))
    assert rows.reads == [("operator:anna", "guest-show", "mqtt", code) for code in ("ok", "NOT-FOUND")]


def test_a_connection_that_was_turned_away_has_a_row() -> None:
    audit, ears, _, rows = trail()
    audit.turned_away("CERTIFICATE-INVALID", "192.0.2.7")
    assert rows.rows == [{"code": "CERTIFICATE-INVALID", "way": "tcp", "client": "192.0.2.7"}]
    assert ears.notices[0]["code"] == "CERTIFICATE-INVALID"


def test_a_journal_that_takes_nothing_is_an_alarm_with_what_to_do() -> None:
    audit, ears, _, _ = trail()
    for _ in range(10):
        audit.storage(GuestwireError("JOURNAL-FULL"))
    alarms = [AlarmNotice.model_validate(n) for n in ears.notices]
    assert {a.code for a in alarms} == {"JOURNAL-FULL"}
    assert "free space" in alarms[0].remedy
    assert len(alarms) == 5


def test_a_defect_is_logged_with_its_exception() -> None:
    audit, ears, _, _ = trail()
    error = ZeroDivisionError()
    audit.defect("guest-start", error)
    assert ears.logged == [("error", "operation failed with a defect", {"operation": "guest-start", "exc_info": error})]
