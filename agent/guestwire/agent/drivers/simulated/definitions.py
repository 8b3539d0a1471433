"""The definition of a guest as a simulated hypervisor keeps it: its text, for `definition` and `restore`."""

import json

from guestwire.agent.drivers.simulated.process import pins_from_json, pins_to_json
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning


def to_text(guest: Guest, pins: Pinning | None) -> str:
    """The same text for the same definition."""
    return json.dumps(
        {
            "guest": guest.model_dump(mode="json", exclude_defaults=True),
            "pins": None if pins is None else pins_to_json(pins),
        },
        sort_keys=True,
    )


def from_text(text: str) -> tuple[Guest, Pinning | None]:
    """The definition of a text that `to_text` gave. DRIVER-ERROR for any other."""
    try:
        values = json.loads(text)
        pins = values["pins"]
        guest = Guest.model_validate_json(json.dumps(values["guest"]))
        return guest, None if pins is None else pins_from_json(pins)
    except (ValueError, KeyError, TypeError) as err:
        detail = {"code": 27, "domain": 10, "text": "XML error: not a definition of a simulated guest"}
        raise GuestwireError("DRIVER-ERROR", str(detail["text"]), detail=detail) from err
