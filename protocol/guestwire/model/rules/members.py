"""Who may stand in an access list: guests with communication, by name, and HOST and REMOTE."""

from guestwire.model.events import HOST, REMOTE
from guestwire.model.rules.view import View

OTHERS = frozenset({HOST, REMOTE})


def members(view: View) -> frozenset[str]:
    """Every name that an access list may hold. Disabled guests too: they are away, not unknown."""
    return OTHERS | {guest.name for guest in view.desired.guests if guest.has_comm}


def stranger(name: str, view: View) -> str:
    """Why a name that is not among the members is none."""
    if name in view.by_name:
        return f"{name!r} is a guest without communication"
    return f"there is no guest {name!r}"
