"""Memory areas, access modes, queues and locks."""

from typing import Any

import pytest
from rule_cases import KNOWN, Case, check, check_covered, check_needs, issues, known

from guestwire.model.areas import DATA_OFFSET, SYSTEM_AREA, Lock, MemoryArea, Queue
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.rules.areas import RULES

MIB = 1 << 20
GUESTS = (
    Guest(name="rt", kind="rt"),
    Guest(name="comm", kind="gp_comm"),
    Guest(name="off", kind="gp_comm", comm_enabled=False),
    Guest(name="gp", kind="gp"),
)
SYSTEM = MemoryArea(name=SYSTEM_AREA, kind="system", size=8 * MIB)


def area(name: str = "a", size: int = MIB, **given: Any) -> MemoryArea:
    return MemoryArea(name=name, size=size, **given)


def areas(*given: MemoryArea, **more: Any) -> Desired:
    return Desired(guests=GUESTS, areas=given, **more)


def queue(name: str = "q", **given: Any) -> Queue:
    return Queue(name=name, **({"area": "a"} | given))


def lock(name: str) -> Lock:
    return Lock(name=name, area="a")


RING_OF_4 = 256 + 4 * (16 + 256)  # its words and four slots: whole cache lines
ACTIVE = known(active=Desired(areas=(SYSTEM, area("user", 4 * MIB))))

CASES = (
    Case("AREA-NAME", "27 characters", areas(area("A_9" * 9))),
    Case("AREA-NAME", "28 characters", areas(area("a" * 28)), (f"areas.{'a' * 28}.name",)),
    Case("AREA-NAME", "none", areas(area("")), ("areas..name",)),
    Case("AREA-NAME", "a hyphen", areas(area("a-b")), ("areas.a-b.name",)),
    Case("AREA-NAME", "a letter outside ASCII", areas(area("fläche")), ("areas.fläche.name",)),
    Case("AREA-NAME", "a line end", areas(area("a\n")), ("areas.a\n.name",)),
    Case("AREA-DUP", "two names", areas(area("a"), area("A"))),
    Case("AREA-DUP", "one name three times", areas(area(), area("b"), area(), area()), ("areas.a", "areas.a")),
    Case("AREA-SIZE", "one byte", areas(area(size=1))),
    Case("AREA-SIZE", "512 MiB", areas(area(size=512 * MIB))),
    Case("AREA-SIZE", "nothing", areas(area(size=0)), ("areas.a.size",)),
    Case("AREA-SIZE", "less than nothing", areas(area(size=-1)), ("areas.a.size",)),
    Case("AREA-SIZE", "a byte over 512 MiB", areas(area(size=512 * MIB + 1)), ("areas.a.size",)),
    Case("AREA-SYSTEM-PROTECTED", "as it was", areas(SYSTEM), (), ACTIVE),
    Case("AREA-SYSTEM-PROTECTED", "larger", areas(area(SYSTEM_AREA, 16 * MIB, kind="system")), (), ACTIVE),
    Case("AREA-SYSTEM-PROTECTED", "never was there", areas()),
    Case("AREA-SYSTEM-PROTECTED", "deleted", areas(), (f"areas.{SYSTEM_AREA}",), ACTIVE),
    Case("AREA-SYSTEM-PROTECTED", "deleted with the last guest that could use it", Desired(), (), ACTIVE),
    Case(
        "AREA-SYSTEM-PROTECTED", "renamed", areas(area("x", 8 * MIB, kind="system")), (f"areas.{SYSTEM_AREA}",),
        ACTIVE,
    ),
    Case(
        "AREA-SYSTEM-PROTECTED", "smaller", areas(area(SYSTEM_AREA, 8 * MIB - 1, kind="system")),
        (f"areas.{SYSTEM_AREA}.size",), ACTIVE,
    ),
    Case(
        "AREA-SYSTEM-PROTECTED", "a user area now", areas(area(SYSTEM_AREA, 8 * MIB)), (f"areas.{SYSTEM_AREA}.kind",), ACTIVE,
    ),
    Case(
        "AREA-SYSTEM-PROTECTED", "by its name, whatever its kind", areas(), (f"areas.{SYSTEM_AREA}",),
        known(active=areas(area(SYSTEM_AREA))),
    ),
    Case("AREA-ROUNDED", "the system's own", areas(area(SYSTEM_AREA, 6 * MIB, kind="system"))),
    Case("AREA-ROUNDED", "a region of 1 MiB", areas(area(size=MIB - DATA_OFFSET))),
    Case("AREA-ROUNDED", "a region of 8 MiB", areas(area(size=8 * MIB - DATA_OFFSET))),
    Case("AREA-ROUNDED", "1 MiB: the header does not fit into a region of 1 MiB", areas(area(size=MIB)), ("areas.a.size",)),
    Case("AREA-ROUNDED", "64 KiB, the example of SM 9", areas(area(size=64 << 10)), ("areas.a.size",)),
    Case("AREA-ROUNDED", "6 MiB, the system area of SM 9", areas(area(size=6 * MIB)), ("areas.a.size",)),
    Case("AREA-ROUNDED", "not for a size that is none", areas(area(size=0), area("b", size=600 * MIB))),
    Case("AREA-NO-WRITER", "all by default", areas(area())),
    Case("AREA-NO-WRITER", "one by override", areas(area(default_access="R---", overrides={"rt": "RW--"}))),
    Case("AREA-NO-WRITER", "the host by override", areas(area(default_access="R---", overrides={"HOST": "RW--"}))),
    Case("AREA-NO-WRITER", "not where a mode is wrong", areas(area(default_access="R---", overrides={"rt": "?"}))),
    Case("AREA-NO-WRITER", "all read", areas(area(default_access="R---")), ("areas.a",)),
    Case("AREA-NO-WRITER", "nobody has it", areas(area(default_access="----")), ("areas.a",)),
    Case("AREA-NO-WRITER", "no guests, nobody by default", Desired(areas=(area(default_access="R-C-"),)), ("areas.a",)),
    Case("AREA-NO-WRITER", "each overridden", areas(area(overrides={"rt": "R---", "comm": "----"})), ("areas.a",)),
    Case(
        "AREA-NO-WRITER", "only one without communication", areas(area(default_access="R---", overrides={"gp": "RW--"})),
        ("areas.a",),
    ),
    Case("ACCESS-SYNTAX", "four and three characters", areas(area(default_access="R--", overrides={"rt": "RWC-"}))),
    Case(
        "ACCESS-SYNTAX", "default and override", areas(area(default_access="rw", overrides={"rt": "WR--", "comm": "R---"})),
        ("areas.a.default_access", "areas.a.overrides.rt"),
    ),
    Case("ACCESS-RESERVED", "a hyphen", areas(area(default_access="----"))),
    Case("ACCESS-RESERVED", "a letter", areas(area(default_access="RWCX")), ("areas.a.default_access",)),
    Case("ACCESS-W-NO-R", "both", areas(area(default_access="RW--"))),
    Case("ACCESS-W-NO-R", "write alone", areas(area(overrides={"rt": "-W--"})), ("areas.a.overrides.rt",)),
    Case("ACCESS-NOT-COMM", "members", areas(area(overrides=dict.fromkeys(("rt", "comm", "HOST", "REMOTE"), "R---")))),
    Case(
        "ACCESS-NOT-COMM", "without communication, switched off, unknown",
        areas(area(overrides=dict.fromkeys(("gp", "off", "nobody", "rt"), "R---"))),
        ("areas.a.overrides.gp", "areas.a.overrides.off", "areas.a.overrides.nobody"),
    ),
    Case("QUEUE-NAME", "64 characters", areas(area(), queues=(queue("q.1_-" + "x" * 59),))),
    Case(
        "QUEUE-NAME", "a blank, none", areas(area(), queues=(queue("a b"), queue(""))),
        ("queues.a b.name", "queues..name"),
    ),
    Case("QUEUE-NAME", "65 characters", areas(area(), queues=(queue("x" * 65),)), (f"queues.{'x' * 65}.name",)),
    Case("QUEUE-DUP", "two names", areas(area(), queues=(queue("a"), queue("b")))),
    Case("QUEUE-DUP", "one name", areas(area(), queues=(queue(), queue())), ("queues.q",)),
    Case(
        "QUEUE-AREA", "fits to the byte",
        areas(area(size=RING_OF_4), queues=(queue(slots=4, slot_bytes=256, writers=("rt",)),)),
    ),
    Case("QUEUE-AREA", "no writers yet, no ring", areas(area(size=1), queues=(queue(slots=4, slot_bytes=256),))),
    Case("QUEUE-AREA", "no such area", areas(queues=(queue(),)), ("queues.q.area",)),
    Case("QUEUE-AREA", "the system's area, which settling makes", areas(queues=(Queue(name="q"),))),
    Case(
        "QUEUE-AREA", "a byte too small",
        areas(area(size=RING_OF_4 - 1), queues=(queue(slots=4, slot_bytes=256, writers=("rt",)),)), ("queues.q.area",),
    ),
    Case(
        "QUEUE-AREA", "a ring for each writer",
        areas(area(size=2 * RING_OF_4 - 1), queues=(queue(slots=4, slot_bytes=256, writers=("rt", "comm")),)),
        ("queues.q.area",),
    ),
    Case(
        "QUEUE-AREA", "the second is too much",
        areas(
            area(size=2 * RING_OF_4 - 1),
            queues=(queue("one", slots=4, writers=("rt",)), queue("two", slots=4, writers=("rt",))),
        ),
        ("queues.two.area",),
    ),
    Case("QUEUE-AREA", "locks to the byte", areas(area(size=256), locks=(lock("one"), lock("two")))),
    Case("QUEUE-AREA", "a lock too many", areas(area(size=255), locks=(lock("one"), lock("two"))), ("locks.two.area",)),
    Case(
        "QUEUE-AREA", "a lock next to a queue",
        areas(
            area(size=RING_OF_4 + 127), queues=(queue(slots=4, slot_bytes=256, writers=("rt",)),), locks=(lock("one"),)
        ),
        ("locks.one.area",),
    ),
    Case("QUEUE-ACCESS", "by default", areas(area(), queues=(queue(writers=("rt", "HOST"), reader="comm"),))),
    Case("QUEUE-ACCESS", "nobody yet", areas(area(default_access="----"), queues=(queue(),))),
    Case("QUEUE-ACCESS", "an area that is missing is another rule's", areas(queues=(queue(writers=("rt",)),))),
    Case(
        "QUEUE-ACCESS", "a writer that may only read",
        areas(area(overrides={"rt": "R---"}), queues=(queue(writers=("rt",), reader="comm"),)), ("queues.q.writers",),
    ),
    Case(
        "QUEUE-ACCESS", "a reader that may only read",
        areas(area(overrides={"rt": "R---"}), queues=(queue(writers=("comm",), reader="rt"),)), ("queues.q.reader",),
    ),
    Case(
        "QUEUE-ACCESS", "a reader without the area",
        areas(area(overrides={"rt": "----"}), queues=(queue(reader="rt"),)), ("queues.q.reader",),
    ),
    Case(
        "QUEUE-ACCESS", "no members", areas(area(), queues=(queue(writers=("gp", "nobody"), reader="off"),)),
        ("queues.q.writers", "queues.q.writers", "queues.q.reader"),
    ),
    Case(
        "QUEUE-ACCESS", "a stranger, once", areas(area(default_access="----"), queues=(queue(reader="nobody"),)),
        ("queues.q.reader",),
    ),
    Case(
        "QUEUE-AREA", "a writer named twice has one ring",
        areas(area(size=RING_OF_4), queues=(queue(slots=4, slot_bytes=256, writers=("rt", "rt")),)),
    ),
    Case("LOCK-NAME", "letters", areas(area(), locks=(Lock(name="l", area="a"),))),
    Case("LOCK-NAME", "a slash", areas(area(), locks=(Lock(name="l/k", area="a"),)), ("locks.l/k.name",)),
    Case("LOCK-DUP", "two names", areas(area(), locks=(Lock(name="l", area="a"), Lock(name="k", area="a")))),
    Case("LOCK-DUP", "one name", areas(area(), locks=(Lock(name="l", area="a"),) * 2), ("locks.l",)),
    Case("LOCK-AREA", "there", areas(SYSTEM, locks=(Lock(name="l"),))),
    Case("LOCK-AREA", "the system's area, which settling makes", areas(locks=(Lock(name="l"),))),
    Case("LOCK-AREA", "not there", areas(area(), locks=(Lock(name="l", area="b"),)), ("locks.l.area",)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    warnings = {"AREA-ROUNDED", "AREA-NO-WRITER"}
    check_covered(RULES, CASES, {rule.code: "W" if rule.code in warnings else "E" for rule in RULES})


def test_without_the_active_document_system_areas_are_not_checked() -> None:
    check_needs(RULES, CASES)


def test_a_disabled_guest_is_away_and_not_unknown() -> None:
    away = Desired(guests=(Guest(name="rt", kind="rt", disabled=True),), areas=(area(overrides={"rt": "RW--"}),))
    assert issues("ACCESS-NOT-COMM", away) == []
    assert issues("AREA-NO-WRITER", away.model_copy(update={"areas": (area(default_access="RW--"),)})) == []


def test_a_stranger_is_told_from_a_guest_without_communication() -> None:
    found = issues("ACCESS-NOT-COMM", areas(area(overrides={"gp": "R---", "nobody": "R---"})), KNOWN)
    assert [issue.message for issue in found] == ["'gp' is a guest without communication", "there is no guest 'nobody'"]
