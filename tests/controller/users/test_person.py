"""Roles and scopes as people write them."""

import pytest

from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.person import ROLES, Binding, binding, host_of, reaches
from guestwire.model.errors import GuestwireError


@pytest.mark.parametrize("scope", ["*", "site:plant", "group:press-line", "host:plant/h1", "site:" + "a" * 36])
def test_a_scope(scope: str) -> None:
    assert binding("operator", scope) == Binding("operator", scope)


@pytest.mark.parametrize(
    "scope",
    [
        "", "**", "plant", "site:", "site:Plant", "site:*", "site:a/b", "host:plant", "host:plant/", "host:/h1", "host:a/b/c",
        "group:", "group:a b", "role:admin", "*:", "site:" + "a" * 37, "site:plant\x00", " *", "host:plant/h1 ",
        "group:" + "x" * 500,
    ],
)  # fmt: skip
def test_no_scope(scope: str) -> None:
    with pytest.raises(GuestwireError, match="scope") as caught:
        binding("operator", scope)
    assert (caught.value.code, caught.value.field) == ("INVALID-BODY", "scope")


@pytest.mark.parametrize("role", ["", "root", "Admin", "controller", "host"])
def test_no_role(role: str) -> None:
    with pytest.raises(GuestwireError, match="no role"):
        binding(role, "*")


def test_no_group_makes_an_admin() -> None:
    """Engineers label hosts, and so decide who is in a group: they would make themselves admins."""
    with pytest.raises(GuestwireError, match="no role above engineer"):
        binding("admin", "group:press-line")
    assert binding("engineer", "group:press-line").role == "engineer"


def test_each_role_may_what_those_before_it_may() -> None:
    assert [[reaches(a, b) for b in ROLES] for a in ROLES] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_the_host_of_a_scope() -> None:
    assert host_of("host:plant/h1") == HostRef("plant", "h1")
    assert host_of("site:plant") is None
    assert host_of("*") is None
