"""The definition of a guest as a simulated hypervisor keeps it: its text, for `definition` and `restore`."""

import json

from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning, pack_pins, unpack_pins


def to_text(guest: Guest, pins: Pinning | None) -> str:
    """The same text for the same definition."""
    return json.dumps(
        {
            "guest": guest.model_dump(mode="json", exclude_defaults=True),
            "pins": pack_pins(pins),
        },
        sort_keys=True,
    )


def from_text(text: str) -> tuple[Guest, Pinning | None]:
    """The definition of a text that `to_text` gave. DRIVER-ERROR for any other."""
    try:
        values = json.loads(text)
        guest = Guest.model_validate_json(json.dumps(values["guest"]))
        return guest, unpack_pins(values["pins"])
    except (ValueError, KeyError, TypeError) as err:
        detail = {"code": 27, "domain": 10, "text": "XML error: not a definition of a simulated guest"}
        raise GuestwireError("DRIVER-ERROR", str(detail["text"]), detail=detail) from err
