"""A name and an id are given once per host, whatever the hypervisor itself would let pass."""

from collections.abc import Iterable

from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest


def refuse_duplicates(guest: Guest, others: Iterable[Guest]) -> None:
    """Raise NAME-DUP or GUEST-ID-DUP where another guest than this one (by uuid) has its name or its id."""
    for other in others:
        if other.uuid == guest.uuid:
            continue
        if other.name == guest.name:
            raise GuestwireError("NAME-DUP", f"a guest named {guest.name} exists", field="name")
        if other.id == guest.id:
            raise GuestwireError("GUEST-ID-DUP", f"{guest.id} is {other.name}", field="id")
