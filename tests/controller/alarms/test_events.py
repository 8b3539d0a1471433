"""Rules about events: which notices and troubles they mean, and what the alarm is about."""

import pytest

from guestwire.controller.alarms import events
from guestwire.controller.alarms.comparing import Subject
from guestwire.controller.alarms.rule import AlarmRule, NoticeTrigger, TroubleTrigger
from guestwire.controller.host_ref import HostRef
from guestwire.protocol.notices import AlarmNotice, GuestNotice, Notice, NoticeClass

HOST = HostRef("plant", "h1")
NUMBER = {"log": bytes(16), "seq": 1, "at": 5}
JOURNAL = AlarmNotice(**NUMBER, event="journal", text="full", code="JOURNAL-FULL", remedy="free space")
CRASH = GuestNotice(**NUMBER, event="state", name="plc", uuid="u", before="running", state="crashed", reason="panic")


def _rule(**trigger: object) -> AlarmRule:
    return AlarmRule(trigger=NoticeTrigger(on="notice", **trigger), summary="{host} {event} {code} {guest}: {text}")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trigger", "notice_class", "notice", "found"),
    [
        ({}, "alarm", JOURNAL, ("journal:JOURNAL-FULL", "plant/h1 journal JOURNAL-FULL : full free space")),
        ({"classes": ("alarm",)}, "guest", CRASH, None),
        ({"classes": ("guest",)}, "guest", CRASH, ("state:plc", "plant/h1 state  plc: panic crashed")),
        ({"codes": ("JOURNAL-FULL",)}, "alarm", JOURNAL, ("journal:JOURNAL-FULL", "plant/h1 journal JOURNAL-FULL : full free space")),
        ({"codes": ("OTHER",)}, "alarm", JOURNAL, None),
        ({"codes": ("JOURNAL-FULL",)}, "guest", CRASH, None),
        ({"events": ("journal",)}, "guest", CRASH, None),
    ],
    ids=["any", "other class", "a guest", "its code", "other code", "no code", "other event"],
)  # fmt: skip
def test_which_notices(
    trigger: dict[str, object], notice_class: NoticeClass, notice: Notice, found: tuple[str, str] | None
) -> None:
    about = events.of_notice(_rule(**trigger), HOST, notice_class, notice)
    assert (about and (about[0].part, about[1])) == found


def test_what_a_host_says_is_fit_for_every_database() -> None:
    line = AlarmNotice(**NUMBER, event="li\0ne", text="a\0b", code="X\0")
    found = events.of_notice(_rule(), HOST, "alarm", line)
    assert found is not None
    assert (found[0].part, found[1]) == ("line:X", "plant/h1 line X : ab")
    trouble = AlarmRule(trigger=TroubleTrigger(on="trouble"), summary="{text}")
    assert events.of_trouble(trouble, HOST, "unreadable", "a\0b") == (Subject(HOST, "unreadable"), "ab")


def test_troubles() -> None:
    rule = AlarmRule(trigger=TroubleTrigger(on="trouble", kinds=("clock-wrong",)), summary="{host} {kind}: {text}")
    assert events.of_trouble(rule, HOST, "audit-broken", "x") is None
    found = events.of_trouble(rule, HOST, "clock-wrong", "two years off")
    assert found == ((HOST, "clock-wrong"), "plant/h1 clock-wrong: two years off")
    assert events.of_trouble(_rule(), HOST, "clock-wrong", "x") is None
    assert events.of_notice(rule, HOST, "alarm", JOURNAL) is None
