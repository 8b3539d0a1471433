"""Refused messages: told at a bounded rate, with how many there were."""

from typing import Any

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import AuditTrail
from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import decode
from guestwire.protocol.notices import AlarmNotice, AuditNotice
from guestwire.protocol.packing import unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Now


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


def trail() -> tuple[AuditTrail, Ears, list[float]]:
    ears, clock = Ears(), [0.0]
    announcer = Announcer("s", "h", SigningKey(bytes(32)), lambda: Now(1, clock[0]))
    announcer.broker_up(ears)
    return AuditTrail(ears, announcer, lambda: clock[0]), ears, clock


def test_a_flood_is_told_five_times_then_once_a_second_with_its_count() -> None:
    audit, ears, clock = trail()
    for _ in range(100):
        audit.refused("BAD-SIGNATURE", "mallory", audit=True)
    assert [n["count"] for n in ears.notices] == [1] * 5
    clock[0] = 1.5
    audit.refused("BAD-SIGNATURE", "mallory", audit=True)
    last = AuditNotice.model_validate(ears.notices[-1])
    assert (last.code, last.client, last.count) == ("BAD-SIGNATURE", "mallory", 96)
    assert len(ears.logged) == 6


def test_another_client_is_told_at_once() -> None:
    audit, ears, _ = trail()
    for _ in range(20):
        audit.refused("MALFORMED", "a", audit=True)
    audit.refused("MALFORMED", "b", audit=True)
    assert ears.notices[-1]["client"] == "b"


def test_what_is_no_matter_of_audit_is_only_counted_elsewhere() -> None:
    audit, ears, _ = trail()
    audit.refused("EXPIRED", "a", audit=False)
    assert (ears.notices, ears.logged) == ([], [])


def test_a_journal_that_takes_nothing_is_an_alarm_with_what_to_do() -> None:
    audit, ears, _ = trail()
    for _ in range(10):
        audit.storage(GuestwireError("JOURNAL-FULL"))
    alarms = [AlarmNotice.model_validate(n) for n in ears.notices]
    assert {a.code for a in alarms} == {"JOURNAL-FULL"}
    assert "free space" in alarms[0].remedy
    assert len(alarms) == 5


def test_a_defect_is_logged_with_its_exception() -> None:
    audit, ears, _ = trail()
    error = ZeroDivisionError()
    audit.defect("guest-start", error)
    assert ears.logged == [("error", "operation failed with a defect", {"operation": "guest-start", "exc_info": error})]
