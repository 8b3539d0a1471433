"""Identifiers and names of guests, and how many there may be."""

import pytest
from profile_cases import Row, check_row, gp, having, rt
from rule_cases import issues, known

from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy
from guestwire.model.rules.identifiers import RULES

UUID = "00000000-0000-0000-0000-00000000000{}"


def comm(name: str, **given: object) -> Guest:
    return Guest(name=name, kind="gp_comm", **given)  # type: ignore[arg-type]


def many(count: int, kind: str) -> tuple[Guest, ...]:
    return tuple(Guest(name=f"g{n}", kind=kind) for n in range(count))  # type: ignore[arg-type]


def limits(**given: int) -> Policy:
    return Policy(**given)  # type: ignore[arg-type]


CASES = (
    Row("GUEST-FIRST-NOT-RT", "rt first", having(rt(), comm("b"))),
    Row("GUEST-FIRST-NOT-RT", "gp guests only", having(gp("a"), gp("b"))),
    Row("GUEST-FIRST-NOT-RT", "gp first", having(gp("a"), rt("b")), (), ("E guests.a.kind",)),
    Row("GUEST-FIRST-NOT-RT", "gp_comm alone", having(comm("a")), (), ("E guests.a.kind",)),
    Row("GUEST-FIRST-NOT-RT", "numbers count", having(gp("a", id="GUEST0002"), rt("b", id="GUEST0001"))),
    Row("GUEST-FIRST-NOT-RT", "the lowest free number", having(gp("a", id="GUEST0002"), rt("b"))),
    Row(
        "GUEST-FIRST-NOT-RT", "numbers against the order", having(rt("a", id="GUEST0002"), gp("b", id="GUEST0001")),
        (), ("E guests.b.kind",),
    ),
    Row("GUEST-FIRST-NOT-RT", "a disabled gp guest is first", having(gp("a", disabled=True), rt("b"))),
    Row("GUEST-ID-DUP", "two, and none", having(gp("a", id="GUEST0001"), gp("b", id="GUEST0002"), gp("c"), gp("d"))),
    Row("GUEST-ID-DUP", "one twice", having(gp("a", id="GUEST0001"), gp("b", id="GUEST0001")), ("E guests.b.id",)),
    Row("UUID-DUP", "two, and none", having(gp("a", uuid=UUID.format(1)), gp("b", uuid=UUID.format(2)), gp("c"), gp("d"))),
    Row("UUID-DUP", "one twice", having(gp("a", uuid=UUID.format(1)), gp("b", uuid=UUID.format(1))), ("E guests.b.uuid",)),
    Row("UUID-FOREIGN", "another", having(gp("a", uuid=UUID.format(1)), gp("b")), facts=known(foreign={UUID.format(2): "c"})),
    Row("UUID-FOREIGN", "that of a foreign domain", having(gp("a", uuid=UUID.format(1))), ("E guests.a.uuid",),
        facts=known(foreign={UUID.format(1): "a"})),
    Row("NAME-DUP", "two names", having(gp("a"), gp("A"))),
    Row("NAME-DUP", "one name twice", having(gp("a"), gp("a")), ("E guests.a.name",)),
    Row("NAME-DUP", "in the document, whatever the host has", having(gp("a"), gp("a")), ("E guests.a.name",),
        facts=known(foreign=None)),
    Row("NAME-DUP", "a foreign domain", having(gp("a", uuid=UUID.format(1))), ("E guests.a.name",),
        facts=known(foreign={UUID.format(2): "a"})),
    Row("NAME-DUP", "a foreign domain, and no uuid yet", having(gp("a")), ("E guests.a.name",),
        facts=known(foreign={UUID.format(2): "a"})),
    Row("NAME-DUP", "the domain itself", having(gp("a", uuid=UUID.format(1))), facts=known(foreign={UUID.format(1): "a"})),
    Row("NAME-INVALID", "63 characters", having(gp("aA0_.-" * 10 + "abc"))),
    Row("NAME-INVALID", "64 characters", having(gp("a" * 64)), (f"E guests.{'a' * 64}.name",)),
    Row("NAME-INVALID", "a blank", having(gp("a b")), ("E guests.a b.name",)),
    Row("NAME-INVALID", "a line end", having(gp("a\n")), ("E guests.a\n.name",)),
    Row("NAME-INVALID", "what access lists call the host", having(gp("HOST")), ("E guests.HOST.name",)),
    Row("NAME-INVALID", "the same in small letters", having(gp("host"))),
    Row("NAME-INVALID", "an empty name is another code's", having(gp(""))),
    Row("NAME-EMPTY", "a name", having(gp("a"))),
    Row("NAME-EMPTY", "none", having(gp("", id="GUEST0007")), ("E guests.GUEST0007.name",)),
    Row("COMM-LIMIT", "five", having(*many(5, "rt"))),
    Row("COMM-LIMIT", "six", having(*many(6, "rt")), (), ("E guests.g5",)),
    Row("COMM-LIMIT", "six with gp_comm", having(*many(5, "gp_comm"), rt()), (), ("E guests.rt",)),
    Row("COMM-LIMIT", "gp guests do not count", having(*many(6, "gp"))),
    Row("COMM-LIMIT", "a limit of its own", having(*many(2, "rt"), policy=limits(max_comm_guests=1)), ("E guests.g1",)),
    Row("COMM-LIMIT", "disabled ones do not count", having(*many(5, "rt"), rt(disabled=True))),
    Row("RTOSID-RANGE", "0, 4 and none", having(rt("a", rtos_id=0), comm("b", rtos_id=4), rt("c"), gp("d"))),
    Row("RTOSID-RANGE", "5", having(rt("a", rtos_id=5)), ("E guests.a.rtos_id",)),
    Row("RTOSID-RANGE", "-1", having(rt("a", rtos_id=-1)), ("E guests.a.rtos_id",)),
    Row("RTOSID-RANGE", "of a gp guest", having(gp("a", rtos_id=0)), ("E guests.a.rtos_id",)),
    Row("RTOSID-RANGE", "5, disabled", having(rt("a", rtos_id=5, disabled=True))),
    Row("RTOSID-RANGE", "of a disabled gp guest", having(gp("a", rtos_id=0, disabled=True)), ("E guests.a.rtos_id",)),
    Row("RTOSID-RANGE", "5 of 8", having(rt("a", rtos_id=5), policy=limits(max_comm_guests=8))),
    Row("RTOSID-DUP", "two, and none", having(rt("a", rtos_id=0), rt("b", rtos_id=1), rt("c"), rt("d"))),
    Row("RTOSID-DUP", "one twice", having(rt("a", rtos_id=1), comm("b", rtos_id=1)), ("E guests.b.rtos_id",)),
    Row("GP-LIMIT", "nine", having(*many(9, "gp"))),
    Row("GP-LIMIT", "ten", having(*many(9, "gp"), comm("b")), (), ("E guests.b",)),
    Row("GP-LIMIT", "a limit of its own", having(gp(), policy=limits(max_gp_guests=0)), ("E guests.gp",)),
    Row("GPOSID-RANGE", "1, 9 and none", having(gp("a", gpos_id=1), comm("b", gpos_id=9), gp("c"), rt("d"))),
    Row("GPOSID-RANGE", "0", having(gp("a", gpos_id=0)), ("E guests.a.gpos_id",)),
    Row("GPOSID-RANGE", "10", having(gp("a", gpos_id=10)), ("E guests.a.gpos_id",)),
    Row("GPOSID-RANGE", "10, disabled", having(gp("a", gpos_id=10, disabled=True))),
    Row("GPOSID-RANGE", "of a disabled rt guest", having(rt("a", gpos_id=1, disabled=True)), ("E guests.a.gpos_id",)),
    Row("GPOSID-RANGE", "10 of 12", having(gp("a", gpos_id=10), policy=limits(max_gp_guests=12))),
    Row("GPOSID-RANGE", "of an rt guest", having(rt("a", gpos_id=1)), ("E guests.a.gpos_id",)),
    Row("GPOSID-RANGE", "one twice", having(gp("a", gpos_id=1), comm("b", gpos_id=1)), ("E guests.b.gpos_id",)),
)  # fmt: skip


@pytest.mark.parametrize("row", CASES, ids=str)
def test_a_rule_finds_what_it_must(row: Row) -> None:
    check_row(row)


def test_each_rule_has_cases() -> None:
    codes = {rule.code for rule in RULES}
    assert {row.code for row in CASES} == codes
    assert {row.code for row in CASES if row.kvm_rt or row.system_manager} == codes


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("GUEST-ID-DUP", {"id": "GUEST0001"}), ("UUID-DUP", {"uuid": UUID.format(1)}), ("NAME-DUP", {"name": "a"}),
        ("RTOSID-DUP", {"kind": "rt", "rtos_id": 1}), ("GPOSID-RANGE", {"gpos_id": 1}),
    ],
)  # fmt: skip
def test_a_disabled_guest_has_its_identifiers(code: str, given: dict[str, object]) -> None:
    """It is made like any other guest."""
    pair = [Guest(**({"name": name, "disabled": name == "b"} | given)) for name in "ab"]  # type: ignore[arg-type]
    assert len(issues(code, having(*pair))) == 1
    assert len(issues(code, having(*reversed(pair)))) == 1


def test_the_name_and_the_uuid_of_a_disabled_guest_are_looked_at() -> None:
    guest = gp("no name", uuid=UUID.format(1), disabled=True)
    facts = known(foreign={UUID.format(1): "x", UUID.format(2): "no name"})
    for code in ("NAME-INVALID", "NAME-DUP", "UUID-FOREIGN"):
        assert len(issues(code, having(guest), facts)) == 1
    assert len(issues("NAME-EMPTY", having(gp("", disabled=True)))) == 1


def test_an_identifier_that_is_there_twice_names_where_it_was_first() -> None:
    (issue,) = issues("RTOSID-DUP", having(rt("a", rtos_id=1), rt("b", rtos_id=1)))
    assert issue.related == ("guests.a.rtos_id",)


def test_the_first_guest_s_issue_names_the_guests_that_want_an_rt_guest() -> None:
    desired = having(comm("a"), gp("b"), rt("c"), policy=Policy(profile="system-manager"))
    (issue,) = issues("GUEST-FIRST-NOT-RT", desired)
    assert (issue.path, issue.related) == ("guests.a.kind", ("guests.c",))


def test_a_document_with_ten_bad_names_gets_ten_answers() -> None:
    desired = Desired(guests=tuple(gp(f"bad name {n}") for n in range(10)))
    assert len(issues("NAME-INVALID", desired)) == 10
