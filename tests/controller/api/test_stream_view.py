"""What a viewer sees."""

import json
from typing import Any

import pytest
from api_world import Groups
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.api.stream_changes import Batch, said
from guestwire.controller.api.stream_view import ACTIONS, KINDS, Wanted, view, words
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.access import Access
from guestwire.controller.users.actions import ACTIONS as KNOWN_ACTIONS
from guestwire.controller.users.person import ROLES, Binding, Person, Role

H1, H2, OTHER = HostRef("plant", "h1"), HostRef("plant", "h2"), HostRef("lab", "h1")
GROUPS = Groups()
ACCESS = Access(GROUPS)
ALL = Wanted(KINDS)


def person(*bindings: tuple[Role, str]) -> Person:
    return Person("1", "anna", tuple(Binding(*one) for one in bindings))


def shown(who: Person, change: Change, wanted: Wanted = ALL) -> Any:
    text = view(ACCESS, who, wanted, words).text(said(change))
    return None if text is None else json.loads(text)["document"]


def test_every_kind_takes_an_action_that_there_is() -> None:
    assert ACTIONS.keys() <= KINDS
    assert set(ACTIONS.values()) <= KNOWN_ACTIONS.keys()


def test_hosts_that_one_may_see() -> None:
    document = {"name": "h1"}
    for who, sees in ((person(("observer", "*")), True), (person(("observer", "site:plant")), True), (person(("observer", "host:plant/h1")), True),
                      (person(("observer", "host:plant/h2")), False), (person(("admin", "site:lab")), False), (person(), False)):  # fmt: skip
        assert shown(who, Change("host", "plant/h1", document, (H1,))) == (document if sees else None)
        assert shown(who, Change("job", "j1", document, (H1,))) == (document if sees else None)
        assert (shown(who, Change("rollout", "r1", document, (H1, OTHER))) is not None) is (
            sees or who == person(("admin", "site:lab"))
        )


def test_what_tells_of_all_its_hosts_is_for_who_sees_them_all() -> None:
    told = Change("project", "line7", {"hosts": ["h1", "h2"]}, (H1, H2), all_hosts=True)
    assert shown(person(("observer", "host:plant/h1")), told) is None
    assert shown(person(("observer", "host:plant/h1"), ("observer", "host:plant/h2")), told) == told.document
    assert shown(person(("observer", "site:plant")), told) == told.document


def test_what_is_about_no_host_yet_is_for_who_sees_all_of_them() -> None:
    """A rollout of a site that is not begun names people and projects of that site."""
    told = Change("rollout", "r1", {"project": "line7"}, no_host_yet=True)
    assert shown(person(("admin", "site:lab")), told) is None
    assert shown(person(("observer", "*")), told) == told.document


def test_what_is_for_admins() -> None:
    for kind in ("user", "webhook"):
        for role in ROLES:
            for scope in ("*", "site:plant"):
                seen = shown(person((role, scope)), Change(kind, "x", {"a": 1})) is not None  # type: ignore[arg-type]
                assert seen is (role == "admin" and scope == "*"), (kind, role, scope)
    assert shown(person(("observer", "site:plant")), Change("group", "x", {"a": 1})) == {"a": 1}
    assert shown(person(), Change("group", "x", {"a": 1})) is None


def test_kinds_and_hosts_that_one_wants() -> None:
    anna = person(("observer", "*"))
    change = Change("host", "plant/h1", {"a": 1}, (H1,))
    assert shown(anna, change, Wanted(frozenset({"job"}))) is None
    assert shown(anna, change, Wanted(KINDS, frozenset({H2}))) is None
    assert shown(anna, change, Wanted(KINDS, frozenset({H1, OTHER}))) == {"a": 1}
    assert shown(anna, Change("group", "x", {"a": 1}), Wanted(KINDS, frozenset({H2}))) == {"a": 1}


def test_a_query_and_what_does_not_answer_it_any_more() -> None:
    anna = person(("observer", "*"))
    made = view(ACCESS, anna, Wanted(KINDS, q="Rack-3 online"), words)

    def sent(document: dict[str, Any] | None) -> Any:
        return json.loads(made.text(said(Change("host", "plant/h1", document, (H1,)))) or "1")

    assert sent({"rack": "rack-3", "state": "ONLINE"})["document"] == {"rack": "rack-3", "state": "ONLINE"}
    assert sent({"rack": "rack-3", "state": "offline "})["document"] is None
    assert sent(None)["document"] is None


def test_a_group_of_hosts() -> None:
    GROUPS.hosts["line"] = frozenset({H1})
    anna = person(("observer", "group:line"))
    assert shown(anna, Change("host", "plant/h1", {"a": 1}, (H1,))) == {"a": 1}
    assert shown(anna, Change("host", "plant/h2", {"a": 1}, (H2,))) is None


def test_a_message_is_made_once_for_a_view() -> None:
    made = view(ACCESS, person(("observer", "*")), ALL, words)
    batch = Batch(1, (said(Change("host", "plant/h1", {"a": 1}, (H1,))),))
    first = made.message(batch)
    assert first is not None
    assert made.message(batch) is first
    assert made.message(Batch(2, ())) is None
    nothing = view(ACCESS, person(), ALL, words)
    assert nothing.message(batch) is None


_SCOPES = ["*", "site:plant", "site:lab", "host:plant/h1", "host:lab/h1", "group:line"]
_BINDINGS = st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(_SCOPES)), max_size=3)


@given(_BINDINGS, st.sampled_from(sorted(KINDS)), st.lists(st.sampled_from([H1, H2, OTHER]), max_size=2))
def test_nobody_sees_on_the_stream_what_they_may_not(
    bindings: list[tuple[Role, str]], kind: Any, hosts: list[HostRef]
) -> None:
    who = person(*bindings)
    if shown(who, Change(kind, "x", {"a": 1}, tuple(hosts))) is None:
        return
    assert ACCESS.may(who, ACTIONS.get(kind, "read"))
    assert not hosts or any(ACCESS.may(who, "read", host) for host in hosts)


@pytest.mark.parametrize(
    ("q", "matches"), [("", True), ("h1", True), ("H1 plant", True), ("h2", False), ("  ", True), ("ä", False)]
)
def test_words(q: str, matches: bool) -> None:
    assert words(q)({"name": "h1", "site": "plant"}) is matches
