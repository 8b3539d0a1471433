"""guestwire-comm: the communication services between the guests of a host, as a process of its own.

guestwire-comm run   [--config FILE] [settings]   serve one host
guestwire-comm check [--config FILE] [settings]   say whether the settings are sound
"""

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Sequence

from guestwire.comm import config
from guestwire.comm.compose import serving
from guestwire.comm.fd_store import adopt_fds
from guestwire.comm.heap import keep_little_free
from guestwire.comm.identities import identities
from guestwire.comm.logs import make_logger
from guestwire.comm.own_network import enter_own_network
from guestwire.model.errors import GuestwireError

EXIT_FAILED, EXIT_USAGE = 1, 2
COMMANDS = {"run": "serve one host", "check": "say whether the settings are sound"}


def main(argv: Sequence[str] | None = None) -> int:
    """The command. 0: ended as asked; 1: could not start or broke; 2: wrong usage or settings."""
    environment = config.service_environment()
    kept = adopt_fds(environment, os.getpid())  # first of all: before other files take their numbers
    arguments = config.parser("guestwire-comm", COMMANDS).parse_args(argv)
    try:
        settings = config.load(arguments)
        identities(settings)
        if arguments.command == "check":
            sys.stdout.write(f"communication services of host {settings.host}: settings are sound\n")
            return 0
        _run(settings, environment, kept)
    except GuestwireError as err:
        sys.stderr.write(f"guestwire-comm: {err.code}: {err.message}\n")
        return EXIT_USAGE if err.code == "CONFIG-INVALID" else EXIT_FAILED
    return 0


def _run(settings: config.Settings, environment: dict[str, str], kept: dict[str, int]) -> None:
    """Run on uvloop where it is there."""
    keep_little_free()
    if settings.simulated_guests:
        enter_own_network()
    work = _serve(settings, environment, kept)
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


async def _serve(settings: config.Settings, environment: dict[str, str], kept: dict[str, int]) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a guest takes twenty files
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log = make_logger(sys.stderr)
    async with serving(settings, log, environment=environment, kept=kept):
        log.info("serving", host=settings.host, dir=str(settings.dir))
        gc.collect()
        gc.freeze()  # what was made until now lives to the end: the collector need not look at it again
        await stop.wait()
        log.info("stopping", host=settings.host)


if __name__ == "__main__":
    sys.exit(main())
