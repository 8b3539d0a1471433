"""`guestwire guest console`: what a guest wrote to its serial console."""

import sys
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.protocol.operation_models import ConsoleOutput
    from guestwire.sdk.client import Client

POLL_S = 0.5
LINES = 200
STATES = {
    "busy": "the console is open elsewhere: what the guest writes meanwhile is not kept",
    "off": "the guest does not run: this is what it wrote last",
    "closed": "the agent does not read this console at the moment",
}


@click.command("console", cls=Verb)
@click.argument("name", metavar="HOST/GUEST")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0),
    default=LINES,
    show_default=True,
    help="The last lines, as far as they are kept.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what it writes until Ctrl-C.")
@pass_settings
def console(settings: Settings, name: str, lines: int, follow: bool) -> None:
    """What a guest wrote to its serial console last, read-only: in its present run, or in the last where it is off.

    On a terminal control sequences are left out; into a file or a pipe go the very bytes. The host keeps the last 256 KiB of each guest
    in memory (`limits.console_kib` of its agent). An observer may not read it: a console may show secrets.
    """
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import guest_address
    from guestwire.protocol.operation_models import CONSOLE_MAX, ConsoleQuery

    async def work(client: "Client") -> None:
        import asyncio

        address = guest_address(client, name)
        api = client.host(address.host)
        shown = _Shown(settings)
        query = ConsoleQuery(guest=address.guest, limit_bytes=CONSOLE_MAX)
        found: ConsoleOutput = (await api.guest_console(query, options(settings))).reply
        shown.first(found, lines)
        while follow:
            if not found.data:
                await asyncio.sleep(POLL_S)
            query = query.model_copy(update={"after": found.end, "run": found.run})
            found = (await api.guest_console(query, options(settings))).reply
            shown.more(found)

    with_client(settings, work)


class _Shown:
    """What somebody has on their screen, or in their file, and what they were told."""

    def __init__(self, settings: Settings) -> None:
        from guestwire.cli.console_text import ConsoleText

        self._settings = settings
        self._text = ConsoleText()
        self._run: int | None = None
        self._state = "open"

    def first(self, found: "ConsoleOutput", lines: int) -> None:
        from guestwire.cli.console_text import last_lines

        self._run = found.run
        data = last_lines(found.data, lines)
        self._write(found.model_copy(update={"data": data, "start": found.end - len(data)}))
        self._tell(found)

    def more(self, found: "ConsoleOutput") -> None:
        if found.run != self._run and found.run is not None:
            if self._run is not None:
                failures.remark(self._settings, "-- the guest, or its agent, has begun anew")
            self._run = found.run
        elif found.lost:
            failures.remark(self._settings, "-- something is missing here")
        if found.data:
            self._write(found)
        self._tell(found)

    def _write(self, found: "ConsoleOutput") -> None:
        if self._settings.for_programs:
            from guestwire.cli.output import plain, write_document

            write_document(self._settings, plain(found))
        elif sys.stdout.isatty():
            sys.stdout.write(self._text.add(found.data))
        else:
            sys.stdout.buffer.write(found.data)
        sys.stdout.flush()

    def _tell(self, found: "ConsoleOutput") -> None:
        if found.state != self._state and found.state in STATES:
            failures.remark(self._settings, f"-- {STATES[found.state]}")
        self._state = found.state
