"""The table of actions."""

from guestwire.controller.users.actions import _TABLE, ACTIONS
from guestwire.controller.users.person import ROLES
from guestwire.protocol.operations import BY_NAME


def test_every_action_is_there_once_and_is_no_operation() -> None:
    assert len(ACTIONS) == len(_TABLE)
    assert not ACTIONS.keys() & BY_NAME.keys()
    assert all(action.role in ROLES and action.summary.endswith(".") for action in _TABLE)


def test_what_makes_people_and_what_groups_are_made_of() -> None:
    """Roles are given by admins; whoever decides who is in a group has at least the greatest role that a group gives."""
    assert {ACTIONS[name].role for name in ("user-read", "user-set", "role-set", "audit-read", "webhook-set")} == {
        "admin"
    }
    assert {ACTIONS[name].role for name in ("host-label", "group-set")} == {"engineer"}
    assert not any(ACTIONS[name].anywhere for name in ("user-set", "role-set", "group-set", "audit-read", "rule-set"))
