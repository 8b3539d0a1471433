"""Access lists, judged as mosquitto judges them."""

import pytest

from guestwire.broker_test.acl import Access, AccessList, parse_acl
from guestwire.protocol.access_lists import Role, access_list, rules

EVERYBODY = parse_acl(access_list().splitlines())
USERS: dict[str, Role] = {"h1": "host", "h2": "host", "anna": "operator", "ctrl": "controller", "eve": "observer"}
NAMED = parse_acl(access_list(USERS).splitlines())
HOST = "gw/1/plant/host/h1"

TABLE: list[tuple[str, Access, str, bool]] = [
    ("h1", "write", f"{HOST}/presence", True),
    ("h1", "read", f"{HOST}/presence", True),
    ("h1", "write", f"{HOST}/capabilities", True),
    ("h1", "write", f"{HOST}/reported", True),
    ("h1", "write", f"{HOST}/notice/audit", True),
    ("h1", "write", f"{HOST}/telemetry/fast", True),
    ("h1", "write", f"{HOST}/stream/s1/up", True),
    ("h1", "write", "gw/1/plant/client/anna/response/h1", True),
    ("h1", "read", f"{HOST}/request/anna/guest-start", True),
    ("h1", "read", f"{HOST}/stream/s1/down", True),
    ("h1", "read", "gw/1/plant/controller/ctrl/presence", True),
    ("h1", "write", "gw/1/plant/host/h2/presence", False),
    ("h1", "write", "gw/1/plant/client/anna/response/h2", False),
    ("h1", "read", "gw/1/plant/host/h2/request/anna/guest-start", False),
    ("h1", "read", "gw/1/plant/client/anna/response/h1", False),
    ("h1", "write", f"{HOST}/request/anna/guest-start", False),
    ("anna", "write", f"{HOST}/request/anna/guest-start", True),
    ("anna", "read", "gw/1/plant/client/anna/response/h1", True),
    ("anna", "read", f"{HOST}/presence", True),
    ("anna", "read", f"{HOST}/capabilities", True),
    ("anna", "read", f"{HOST}/reported", True),
    ("anna", "read", f"{HOST}/notice/guest", True),
    ("anna", "read", f"{HOST}/stream/s1/up", True),
    ("anna", "write", f"{HOST}/stream/s1/down", True),
    ("anna", "write", f"{HOST}/request/bert/guest-start", False),
    ("anna", "read", f"{HOST}/request/bert/guest-start", False),
    ("anna", "read", "gw/1/plant/client/bert/response/h1", False),
    ("anna", "write", "gw/1/plant/client/bert/response/h1", False),
    ("anna", "write", f"{HOST}/presence", False),
    ("anna", "write", f"{HOST}/notice/alarm", False),
    ("anna", "read", f"{HOST}/telemetry/fast", False),
    ("anna", "write", "gw/2/plant/host/h1/request/anna/guest-start", False),
    ("anna", "read", "$SYS/broker/uptime", False),
]


@pytest.mark.parametrize("access_list", [EVERYBODY, NAMED], ids=["everybody", "named"])
@pytest.mark.parametrize(("user", "access", "topic", "allowed"), TABLE)
def test_who_may_do_what(access_list: AccessList, user: str, access: Access, topic: str, allowed: bool) -> None:
    assert access_list.allows(access, topic, user, "client-id") is allowed


@pytest.mark.parametrize(
    ("user", "access", "topic", "allowed"),
    [
        ("ctrl", "read", f"{HOST}/telemetry/fast", True),
        ("ctrl", "read", f"{HOST}/request/anna/guest-start", True),
        ("ctrl", "write", f"{HOST}/request/ctrl/guest-start", True),
        ("ctrl", "write", "gw/1/plant/controller/ctrl/presence", True),
        ("ctrl", "write", "gw/1/plant/controller/other/presence", False),
        ("eve", "read", f"{HOST}/presence", True),
        ("eve", "read", f"{HOST}/notice/guest", True),
        ("eve", "write", f"{HOST}/request/eve/host-ping", False),
        ("h1", "write", "gw/1/plant/host/h2/request/h1/host-ping", False),
        ("anna", "write", "gw/1/plant/host/anna/presence", False),
        ("nobody", "read", f"{HOST}/presence", False),
    ],
)
def test_named_users_have_exactly_their_role(user: str, access: Access, topic: str, allowed: bool) -> None:
    assert NAMED.allows(access, topic, user, "client-id") is allowed


def test_nobody_without_a_name_gets_anything_of_his_own() -> None:
    assert not EVERYBODY.allows("write", f"{HOST}/request/anna/guest-start", None, "c")
    assert not EVERYBODY.allows("write", f"{HOST}/presence", None, "c")


def test_a_user_name_is_no_wildcard() -> None:
    assert not EVERYBODY.allows("write", f"{HOST}/presence", "+", "c")


@pytest.mark.parametrize("role", ["host", "controller", "operator", "observer"])
def test_an_observer_only_reads_and_everybody_else_writes_under_a_name(role: Role) -> None:
    written = [pattern for access, pattern in rules(role) if access == "write"]
    assert bool(written) == (role != "observer")
    assert all("%u" in pattern or pattern.endswith("/down") for pattern in written)
