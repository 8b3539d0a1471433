"""What the site's service does by itself, told: a line for people, and one in its log. A trouble that lasts is told once."""

import asyncio
from collections.abc import Callable

from guestwire.model.errors import GuestwireError
from guestwire.site.service_log import ServiceLog


class ServiceNotes:
    """`said` hears what a person should. A log that cannot be written stops nothing, and is said."""

    def __init__(self, log: ServiceLog, clock_ms: Callable[[], int], said: Callable[[str], object]) -> None:
        self._log = log
        self._clock_ms = clock_ms
        self._said = said
        self._troubles: dict[str, tuple[str, str]] = {}

    async def done(self, what: str, line: str, outcome: str = "ok", **more: object) -> None:
        """Something came to be. The next trouble of the same kind is told again."""
        self._troubles.pop(what, None)
        await self._note(what, outcome, line, more)

    async def trouble(self, what: str, err: GuestwireError) -> None:
        """Something is not as it should be; it is tried again. Told once for each reason."""
        reason = (err.code, err.message)
        if self._troubles.get(what) != reason:
            self._troubles[what] = reason
            await self._note(what, err.code, f"{err.code}: {err.message}", {"reason": err.message})

    async def _note(self, what: str, outcome: str, line: str, more: dict[str, object]) -> None:
        try:
            await asyncio.to_thread(self._log.write, self._clock_ms(), "-", what, outcome, **more)
        except OSError as err:
            self._said(f"log: {err}")
        self._said(f"{what}: {line}")  # who hears it finds it in the log
