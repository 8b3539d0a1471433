"""Access lists, judged as mosquitto judges them."""

import pytest

from guestwire.broker_test.acl import Access, AccessList, parse_acl
from guestwire.model.errors import GuestwireError
from guestwire.protocol.access_lists import Grant, Role, access_list, rules, users_of
from guestwire.protocol.signing import SigningKey, key_id
from guestwire.protocol.trust import Member, Members, RoleName, Scope, Signer, Trust, TrustDocument

EVERYBODY = parse_acl(access_list().splitlines())
USERS = {
    "h1": Grant("host"),
    "h2": Grant("host"),
    "anna": Grant("operator"),
    "cleo": Grant("operator", ("h1",)),
    "ctrl": Grant("controller"),
    "eve": Grant("observer"),
}
NAMED = parse_acl(access_list(USERS, "plant").splitlines())
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
        ("h1", "write", "gw/1/other/host/h1/presence", False),
        ("ctrl", "read", "gw/1/other/host/h1/presence", False),
        ("cleo", "write", f"{HOST}/request/cleo/guest-start", True),
        ("cleo", "read", "gw/1/plant/client/cleo/response/h1", True),
        ("cleo", "read", f"{HOST}/presence", True),
        ("cleo", "write", "gw/1/plant/host/h2/request/cleo/guest-start", False),
        ("cleo", "write", "gw/1/plant/host/h2/stream/s1/down", False),
        ("cleo", "read", "gw/1/plant/client/cleo/response/h2", False),
        ("cleo", "read", "gw/1/plant/host/h2/presence", False),
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


def _public(number: int) -> str:
    return SigningKey(bytes([number]) * 32).public.raw.hex()


def _id(number: int) -> str:
    return key_id(bytes.fromhex(_public(number))).hex()


def _signer(
    number: int, principal: str, role: RoleName | None = None, hosts: tuple[str, ...] = ("*",), not_after: int = 1000
) -> Signer:
    return Signer(
        principal=principal, public_key=_public(number), scope=Scope(hosts=hosts), role=role, not_after=not_after
    )


def _trust(
    *signers: Signer, members: tuple[Member, ...] = (), revoked: tuple[int, ...] = (), gone: tuple[int, ...] = ()
) -> Trust:
    document = TrustDocument(
        site="plant", rev=1, issued_at=0, signers=signers, revoked=tuple(_id(number) for number in revoked)
    )
    return Trust(
        document,
        Members(site="plant", rev=1, issued_at=0, hosts=members, revoked=tuple(_id(number) for number in gone)),
    )


@pytest.mark.parametrize(
    ("trust", "users"),
    [
        pytest.param(_trust(_signer(1, "host:h1")), {"h1": Grant("host")}, id="host"),
        pytest.param(_trust(members=(Member(host="h2", public_key=_public(2)),)), {"h2": Grant("host")}, id="member"),
        pytest.param(_trust(members=(Member(host="h2", public_key=_public(2)),), gone=(2,)), {}, id="member revoked"),
        pytest.param(_trust(_signer(1, "operator:a", "admin")), {"a": Grant("operator")}, id="admin"),
        pytest.param(_trust(_signer(1, "operator:a", "engineer")), {"a": Grant("operator")}, id="engineer"),
        pytest.param(_trust(_signer(1, "operator:a", "observer")), {"a": Grant("observer")}, id="role observer"),
        pytest.param(_trust(_signer(1, "observer:a")), {"a": Grant("observer")}, id="kind observer"),
        pytest.param(_trust(_signer(1, "controller:c", "controller")), {"c": Grant("controller")}, id="controller"),
        pytest.param(
            _trust(_signer(1, "operator:a", hosts=("h1",))), {"a": Grant("operator", ("h1",))}, id="some hosts"
        ),
        pytest.param(_trust(_signer(1, "local:0")), {}, id="local"),
        pytest.param(_trust(_signer(1, "operator:a"), revoked=(1,)), {}, id="revoked"),
        pytest.param(_trust(_signer(1, "operator:a", not_after=500)), {}, id="over"),
        pytest.param(
            _trust(_signer(1, "operator:a", "observer", ("h1",)), _signer(2, "operator:a", "operator", ("h2",))),
            {"a": Grant("operator", ("h1", "h2"))},
            id="two keys",
        ),
        pytest.param(
            _trust(_signer(1, "operator:a"), _signer(2, "host:a"), revoked=(2,)),
            {"a": Grant("operator")},
            id="a name that came free",
        ),
        pytest.param(
            _trust(_signer(1, "operator:a"), members=(Member(host="a", public_key=_public(2)),)),
            {"a": Grant("operator")},
            id="a member takes nobody's name",
        ),
    ],
)
def test_the_users_of_a_broker(trust: Trust, users: dict[str, Grant]) -> None:
    assert users_of(trust, 500) == users


def test_two_principals_of_one_name_are_refused() -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        users_of(_trust(_signer(1, "operator:a"), _signer(2, "host:a")), 500)
