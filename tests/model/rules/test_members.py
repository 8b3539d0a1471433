"""Who may stand in an access list."""

import pytest

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.guest import Guest
from guestwire.model.rules.members import members, stranger
from guestwire.model.rules.view import View

VIEW = View(
    Desired(
        guests=(
            Guest(name="rt", kind="rt", comm_enabled=False),
            Guest(name="comm", kind="gp_comm"),
            Guest(name="off", kind="gp_comm", comm_enabled=False),
            Guest(name="gp", kind="gp"),
            Guest(name="away", kind="rt", disabled=True),
        )
    ),
    Facts(),
)


def test_members_are_guests_with_communication_the_host_and_the_cloud() -> None:
    assert members(VIEW) == {"rt", "comm", "away", "HOST", "REMOTE"}


@pytest.mark.parametrize(
    ("name", "why"), [("off", "'off' is a guest without communication"), ("host", "there is no guest 'host'")]
)
def test_who_is_none_is_told_why(name: str, why: str) -> None:
    assert stranger(name, VIEW) == why
