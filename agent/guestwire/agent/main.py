"""guestwire-agent: the daemon of a host.

guestwire-agent run   [--config FILE] [settings]   serve one host
guestwire-agent check [--config FILE] [settings]   say whether the settings and the files they name are sound
guestwire-agent fleet --hosts N [...]              many simulated hosts in one process, for trials of scale
guestwire-agent undo  [--config FILE] [settings]   take back what nobody confirmed, where no agent runs
guestwire-agent enrol CODE [--config FILE] [--dir]  make this machine a host of a site
guestwire-agent renew [--config FILE] [settings]   get the host's next certificate; the agent does so by itself
"""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

from guestwire.agent import compose
from guestwire.agent.config import DEFAULT_FILE, Settings, load
from guestwire.agent.fleet import serve_fleet
from guestwire.agent.host_agent import host_agent
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.reload import Reload
from guestwire.agent.renewal_parts import renewal_of
from guestwire.agent.services.ports import Drivers
from guestwire.agent.undo import PATIENCE_S, undo_overdue
from guestwire.link.sd_notify import service_manager
from guestwire.model.errors import GuestwireError
from guestwire.settings.loading import service_environment
from guestwire.settings.table import add_flags, given_flags

EXIT_FAILED, EXIT_USAGE = 1, 2
IDENTITY = Path("/var/lib/guestwire/identity")


def main(argv: Sequence[str] | None = None) -> int:
    """The command. 0: ended as asked; 1: could not start or broke; 2: wrong usage or settings."""
    arguments = _parser().parse_args(argv)
    file = Path(arguments.config) if arguments.config else None
    try:
        if arguments.command == "enrol":
            return _enrol(arguments, file or DEFAULT_FILE)
        settings = load(file, given_flags(arguments, Settings))
        if arguments.command == "check":
            return _check(settings)
        if arguments.command == "renew":
            return _renew(settings)
        if arguments.command == "fleet":
            work = serve_fleet(settings, arguments.hosts)
        elif arguments.command == "undo":
            work = undo_overdue(settings, _say, patience_s=arguments.patience_s)
        else:
            work = serve(settings, file)
        _run(work)
    except GuestwireError as err:
        sys.stderr.write(f"guestwire-agent: {err.code}: {err.message}\n")
        return EXIT_USAGE if err.code == "CONFIG-INVALID" else EXIT_FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guestwire-agent", description="The agent of a Guestwire host.")
    parser.add_argument("--version", action="version", version=f"guestwire-agent {compose.VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("run", "serve one host"),
        ("check", "say whether the settings and the files they name are sound"),
        ("fleet", "serve many simulated hosts in one process"),
        ("undo", "take back a change that nobody confirmed in time, if no agent runs that would"),
        ("renew", "get the host's next certificate; a running agent does so by itself"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", metavar="FILE", help="default: /etc/guestwire/agent.toml")
        if name == "fleet":
            command.add_argument("--hosts", type=int, required=True, metavar="N", help="how many: ID-1 to ID-N")
        if name == "undo":
            text = "how long a half done change is left to an agent that may start again (default: %(default)s)"
            command.add_argument("--patience-s", type=float, default=PATIENCE_S, metavar="S", help=text)
        add_flags(command, Settings)
    _add_enrol(commands.add_parser("enrol", help="make this machine a host of a site", description=_ENROL))
    return parser


_ENROL = "Make this machine a host of a site. `guestwire host enrol`, at the site, makes the code."


def _add_enrol(command: argparse.ArgumentParser) -> None:
    command.add_argument("code", metavar="CODE", help="-: from standard input; @FILE: from a file; it is a secret")
    command.add_argument("--config", metavar="FILE", help=f"written if it is not there (default: {DEFAULT_FILE})")
    command.add_argument("--dir", metavar="DIR", help=f"the host's identity (default: {IDENTITY})")
    command.add_argument("--new-key", action="store_true", help="do not go on with the key that the host has")


def _enrol(arguments: argparse.Namespace, config: Path) -> int:
    from guestwire.agent.enrolling import enrol, read_code

    folder = Path(arguments.dir) if arguments.dir else IDENTITY
    enrol(read_code(arguments.code), folder, config, _say, new_key=arguments.new_key)
    return 0


def _renew(settings: Settings) -> int:
    from guestwire.agent.renewing import renew

    renew(settings, lambda floor: compose.clock(settings, floor)())
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it is there."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def _check(settings: Settings) -> int:
    from guestwire.agent.soundness import look

    found = look(settings)
    sys.stdout.write("".join(f"{line}\n" for line in found.lines))
    return EXIT_FAILED if found.wrong else 0


Driver = Callable[[Settings], AbstractAsyncContextManager[Drivers]]


async def serve(settings: Settings, file: Path | None, driver: Driver = compose.driver) -> None:
    """Serve one host until SIGTERM or SIGINT. Raises GuestwireError INTERNAL when a task that it needs dies: whoever
    started the process starts it again."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings.host.state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=sys.stderr.isatty())
    vital = speaking.vital()
    async with AsyncExitStack() as stack:
        hypervisor = await stack.enter_async_context(driver(settings))
        writer = await stack.enter_async_context(
            JournalWriter(group_size=settings.limits.journal_group, queue_limit=settings.limits.journal_queue)
        )
        parts = compose.host_parts(settings, hypervisor, writer, speaking, vital=vital)
        host = await stack.enter_async_context(host_agent(parts))
        if (renewal := renewal_of(settings, file, parts, host)) is not None:
            await stack.enter_async_context(renewal)
        again = Reload(file, settings, host.trust, speaking)
        reloading = await stack.enter_async_context(asyncio.TaskGroup())
        loop.add_signal_handler(signal.SIGHUP, lambda: reloading.create_task(again.reload()))
        await stack.enter_async_context(service_manager(service_environment()))
        speaking.log.info("serving", host=settings.host.id, site=settings.host.site, version=compose.VERSION)
        gc.collect()
        gc.freeze()  # what was made until now lives to the end: the collector need not look at it again
        await vital.until(stop)
        speaking.log.info("stopping", host=settings.host.id)
    vital.check()


if __name__ == "__main__":
    sys.exit(main())
