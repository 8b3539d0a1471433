"""Who may do what: every action, every role, every kind of scope."""

import itertools

import pytest
from api_world import Groups
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.access import Access, NoGroups, Visibility
from guestwire.controller.users.actions import ACTIONS
from guestwire.controller.users.person import ROLES, Binding, Person, Role, TokenUse, reaches
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.roles import scope_of

H1, H2, OTHER = HostRef("plant", "h1"), HostRef("plant", "h2"), HostRef("lab", "h1")
HOSTS = (H1, H2, OTHER)
SCOPES = {
    "*": {H1, H2, OTHER},
    "site:plant": {H1, H2},
    "host:plant/h1": {H1},
    "group:mixed": {H2, OTHER},
    "group:none": set(),
    "site:lab": {OTHER},
}


def made() -> Access:
    groups = Groups()
    groups.hosts["mixed"] = frozenset({H2, OTHER})
    return Access(groups)


ACCESS = made()


def person(
    *bindings: tuple[str, str], token: tuple[tuple[str, str], ...] | None = None, with_token: bool = False
) -> Person:
    use = None
    if token is not None or with_token:
        use = TokenUse("t", "t", None if token is None else tuple(Binding(*one) for one in token))  # type: ignore[arg-type]
    return Person("id", "anna", tuple(Binding(*one) for one in bindings), use)  # type: ignore[arg-type]


def enough(role: Role, action: str) -> bool:
    """Said a second time, from the tables."""
    if action in ACTIONS:
        return reaches(role, ACTIONS[action].role)
    return scope_of(role).covers(action, "h1", BY_NAME[action].risk)


@pytest.mark.parametrize("action", [*ACTIONS, *BY_NAME])
def test_an_action_takes_its_role_on_that_host(action: str) -> None:
    for role, (scope, covered) in itertools.product(ROLES, SCOPES.items()):
        who = person((role, scope))
        for host in HOSTS:
            assert ACCESS.may(who, action, host) is (enough(role, action) and host in covered), (role, scope, host)


@pytest.mark.parametrize("action", [*ACTIONS, *BY_NAME])
def test_what_is_about_no_host_takes_the_role_on_everything_or_anywhere(action: str) -> None:
    anywhere = action in ACTIONS and ACTIONS[action].anywhere
    for role, (scope, covered) in itertools.product(ROLES, SCOPES.items()):
        expected = enough(role, action) and (bool(covered) if anywhere else scope == "*")
        assert ACCESS.may(person((role, scope)), action) is expected, (role, scope)


@pytest.mark.parametrize("action", ["guest-fly", "", "READ", "host-approve ", "controller", "*", "reads"])
def test_nobody_may_do_what_nobody_knows(action: str) -> None:
    for host in (None, H1):
        assert not ACCESS.may(person(("admin", "*")), action, host)


def test_a_refusal_says_who_and_what() -> None:
    with pytest.raises(GuestwireError, match="anna may not do guest-start on plant/h1") as caught:
        ACCESS.require(person(("observer", "*")), "guest-start", H1)
    assert caught.value.code == "DENIED"
    assert caught.value.detail == {"action": "guest-start", "target": "plant/h1"}
    ACCESS.require(person(("operator", "*")), "guest-start", H1)


def test_a_console_may_show_secrets() -> None:
    assert not ACCESS.may(person(("observer", "*")), "guest-console", H1)
    assert ACCESS.may(person(("operator", "host:plant/h1")), "guest-console", H1)


def test_the_risk_of_a_plan_counts() -> None:
    engineer, admin = person(("engineer", "*")), person(("admin", "*"))
    assert ACCESS.may(engineer, "config-apply", H1)
    assert ACCESS.may(engineer, "config-apply", H1, risk=2)
    assert not ACCESS.may(engineer, "config-apply", H1, risk=3)
    assert ACCESS.may(admin, "config-apply", H1, risk=3)
    assert not ACCESS.may(person(("operator", "*")), "config-apply", H1, risk=0)


def test_a_token_takes_away_and_never_adds() -> None:
    assert ACCESS.may(person(("admin", "*"), with_token=True), "host-approve", H1)
    narrow = person(("admin", "*"), token=(("operator", "host:plant/h1"),))
    assert ACCESS.may(narrow, "guest-start", H1)
    assert not ACCESS.may(narrow, "guest-start", H2)
    assert not ACCESS.may(narrow, "host-approve", H1)
    assert not ACCESS.may(narrow, "user-read")
    wide = person(("observer", "site:plant"), token=(("admin", "*"),))
    assert ACCESS.may(wide, "read", H1)
    assert not ACCESS.may(wide, "guest-start", H1)
    assert not ACCESS.may(wide, "read", OTHER)
    assert not ACCESS.may(person(("admin", "*"), token=()), "read", H1)


def test_a_whole_site() -> None:
    ACCESS.require_site(person(("admin", "site:plant")), "role-set", "plant")
    ACCESS.require_site(person(("admin", "*")), "role-set", "plant")
    for who in (person(("admin", "site:lab")), person(("engineer", "*")), person(("admin", "host:plant/h1"))):
        with pytest.raises(GuestwireError, match="whole site"):
            ACCESS.require_site(who, "role-set", "plant")


def test_what_is_seen() -> None:
    assert ACCESS.visible(person(("observer", "*"))) == Visibility(all=True)
    assert ACCESS.visible(person()).nothing
    seen = ACCESS.visible(person(("observer", "site:lab"), ("operator", "host:plant/h1"), ("observer", "group:mixed")))
    assert seen == Visibility(sites=frozenset({"lab"}), hosts=frozenset({H1, H2, OTHER}))
    assert ACCESS.visible(person(("observer", "site:lab"), ("operator", "host:plant/h1")), "guest-start") == Visibility(
        hosts=frozenset({H1})
    )
    assert seen.sees_all([H1, H2])
    assert not Visibility(hosts=frozenset({H1})).sees_all([H1, H2])
    assert Visibility(hosts=frozenset({H1})).sees_any([H1, H2])


def test_where_there_are_no_groups() -> None:
    assert Access(NoGroups()).visible(person(("observer", "group:mixed"))).nothing


_BINDINGS = st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(list(SCOPES))), max_size=4)


@given(_BINDINGS, st.none() | _BINDINGS, st.sampled_from([*ACTIONS, *BY_NAME]), st.sampled_from(HOSTS))
def test_what_is_seen_is_what_may_be_done(
    bindings: list[tuple[str, str]], token: list[tuple[str, str]] | None, action: str, host: HostRef
) -> None:
    """Lists and single questions cannot disagree."""
    who = person(*bindings, token=None if token is None else tuple(token))
    assert ACCESS.visible(who, action).sees(host) is ACCESS.may(who, action, host)


_VISIBLE = st.builds(
    Visibility,
    st.booleans(),
    st.frozensets(st.sampled_from(["plant", "lab"])),
    st.frozensets(st.sampled_from(HOSTS)),
)


@given(_VISIBLE, _VISIBLE, st.sampled_from(HOSTS))
def test_what_is_in_both(a: Visibility, b: Visibility, host: HostRef) -> None:
    assert a.within(b).sees(host) is (a.sees(host) and b.sees(host))
