"""SIGHUP: the log level and the trust document are read again; everything else needs a restart."""

from pathlib import Path

from guestwire.agent import compose, identity
from guestwire.agent.config import Settings, load
from guestwire.agent.journal import Journal
from guestwire.agent.trust_pin import pin_trust
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import Executor


class Reload:
    """What a running agent takes up without a restart."""

    def __init__(
        self, file: Path | None, settings: Settings, executor: Executor, journal: Journal, speaking: compose.Voice
    ) -> None:
        self._file = file
        self._settings = settings
        self._executor = executor
        self._journal = journal
        self._speaking = speaking

    async def reload(self) -> None:
        """A file that is not sound changes nothing and is said. The revision of the trust document is on disk before the
        document is in force: a restart cannot go back behind it."""
        log = self._speaking.log
        try:
            level = load(self._file).log.level
            trusted = identity.trust(self._settings.trust, at_least=self._executor.trust.rev)
            identity.check_member(trusted, self._executor.key, self._settings.host.site, self._settings.host.id)
            await pin_trust(self._journal, trusted)
        except GuestwireError as err:
            log.error("reload refused", code=err.code, reason=err.message)
            return
        self._speaking.control.configure(level)
        self._executor.trust = trusted
        log.info("reloaded", level=self._speaking.control.level, trust_rev=trusted.rev)
