"""Roles: every operation is somebody's, and no role reaches what it should not."""

import pytest

from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.roles import AGENTS, CONFIGURING, ROLES, RUNNING, scope_of
from guestwire.protocol.trust import RoleName


def test_every_operation_that_must_be_signed_has_its_place_in_one_table() -> None:
    placed = [*RUNNING, *CONFIGURING, *AGENTS]
    assert len(placed) == len(set(placed))
    assert set(placed) == {one.name for one in BY_NAME.values() if one.signed}


CASES: tuple[tuple[RoleName, set[str], int], ...] = (
    ("observer", set(), 0),
    ("operator", set(RUNNING), 2),
    ("engineer", set(RUNNING) | set(CONFIGURING) | set(AGENTS), 2),
    ("admin", set(RUNNING) | set(CONFIGURING) | set(AGENTS), 3),
    ("controller", set(RUNNING) | set(CONFIGURING) | set(AGENTS), 1),
)


@pytest.mark.parametrize(("role", "verbs", "risk"), CASES, ids=[case[0] for case in CASES])
def test_what_a_role_may_do(role: RoleName, verbs: set[str], risk: int) -> None:
    scope = ROLES[role]
    may = {one.name for one in BY_NAME.values() if scope.covers(one.name, "h1", one.risk)}
    assert may == {one.name for one in BY_NAME.values() if not one.signed or (one.name in verbs and one.risk <= risk)}


def test_a_host_may_ask_for_nothing() -> None:
    assert not any(ROLES["host"].covers(one.name, "h1", one.risk) for one in BY_NAME.values())
    assert scope_of("host", ("h1",)) == ROLES["host"]


def test_a_role_on_some_hosts() -> None:
    scope = scope_of("operator", ("h1",))
    assert scope.covers("guest-start", "h1", 1)
    assert not scope.covers("guest-start", "h2", 1)
