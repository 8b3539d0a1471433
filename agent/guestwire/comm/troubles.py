"""What of the services should be and is not: told when it arises and when it is over, and shown by the status until then."""

from typing import Any

from guestwire.comm.telling import Telling
from guestwire.model.errors import GuestwireError


class Troubles:
    """By what they are about: `services`, `networks`."""

    def __init__(self, telling: Telling, log: Any) -> None:
        self._telling = telling
        self._log = log
        self._missing: dict[str, str] = {}

    @property
    def missing(self) -> dict[str, str]:
        """What is not -> why."""
        return dict(self._missing)

    def arose(self, what: str, error: GuestwireError) -> None:
        """The same again is told no more."""
        known, self._missing[what] = self._missing.get(what), error.message
        if known != error.message:
            self._log.error(f"{what}: {error.message}", code=error.code)
            self._telling.happened("state", name=what, code=error.code, text=error.message, level="error")

    def over(self, what: str) -> None:
        if self._missing.pop(what, None) is not None:
            self._log.info(f"{what} are there")
            self._telling.happened("state", name=what, text=f"the {what} are there")
