"""SIGHUP: the log level and the trust document are read again; everything else needs a restart."""

from pathlib import Path

from guestwire.agent import compose, identity
from guestwire.agent.config import Settings, load
from guestwire.agent.trust_keeper import TrustKeeper
from guestwire.model.errors import GuestwireError


class Reload:
    """What a running agent takes up without a restart."""

    def __init__(self, file: Path | None, settings: Settings, trust: TrustKeeper, speaking: compose.Voice) -> None:
        self._file = file
        self._settings = settings
        self._trust = trust
        self._speaking = speaking

    async def reload(self) -> None:
        """A file that is not sound changes nothing and is said. The revision of the trust document is on disk before the
        document is in force: a restart cannot go back behind it."""
        log = self._speaking.log
        try:
            level = load(self._file).log.level
            trusted = identity.trust(self._settings.trust)
            await self._trust.take_up_file(trusted)
        except GuestwireError as err:
            log.error("reload refused", code=err.code, reason=err.message)
            return
        self._speaking.control.configure(level)
        log.info("reloaded", level=self._speaking.control.level)
