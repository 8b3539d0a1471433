"""The command line within the test's own process: for many commands one after the other, where that each is a process tests nothing."""

import asyncio
import threading

from click.testing import CliRunner
from fleet import PATIENCE_S, Cli, Said

from guestwire.cli.main import cli


class QuickCli(Cli):
    """Runs commands one at a time, in a thread; one that is followed is a process all the same."""

    _turn = threading.Lock()  # what a command says goes by this process's own standard output

    async def __call__(self, *arguments: str, text: str | None = None, timeout_s: float = PATIENCE_S) -> Said:
        async with asyncio.timeout(timeout_s):
            return await asyncio.to_thread(self._run, arguments, text)

    def _run(self, arguments: tuple[str, ...], text: str | None) -> Said:
        words = [*self._shared, *arguments]
        with self._turn:
            ran = CliRunner().invoke(
                cli, words, prog_name="guestwire", input=text, env=self.environment, catch_exceptions=False
            )
        return Said(ran.exit_code, ran.stdout, ran.stderr)
