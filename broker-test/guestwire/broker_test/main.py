"""`python -m guestwire.broker_test`: a test broker as a process of its own, until SIGINT or SIGTERM.

One line on stdout says that it is ready and where; everything else goes to stderr. Exit codes: 0 ended by a signal,
1 could not start or died, 2 usage.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from guestwire.broker_test.child import end_with_parent
from guestwire.broker_test.embedded import EmbeddedBroker, embedded
from guestwire.broker_test.errors import BrokerError
from guestwire.broker_test.mosquitto import Mosquitto, find_mosquitto, mosquitto
from guestwire.broker_test.options import LOOPBACK, BrokerOptions, Listener, Tls


@dataclass(frozen=True, slots=True)
class Ready:
    """What `--json` prints. `port` is the plain port, or the TLS port with `--tls-only`."""

    kind: str
    version: str
    url: str
    host: str
    port: int
    tls_port: int | None
    pid: int


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="guestwire broker", description="A test broker on 127.0.0.1: mosquitto if present, else embedded."
    )
    made.add_argument("--port", type=int, default=0, help="plain port (default: a free one)")
    made.add_argument("--bind", default=LOOPBACK, help=f"only {LOOPBACK} is allowed")
    made.add_argument("--embedded", action="store_true", help="use the embedded broker even where mosquitto is found")
    made.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate; adds a TLS listener")
    made.add_argument("--tls-key", type=Path, metavar="FILE")
    made.add_argument("--tls-ca", type=Path, metavar="FILE", help="require client certificates of this CA")
    made.add_argument("--tls-port", type=int, default=0, help="TLS port (default: a free one)")
    made.add_argument("--tls-only", action="store_true", help="no plain listener")
    made.add_argument("--acl", type=Path, metavar="FILE", help="access list in mosquitto's format")
    made.add_argument("--password-file", type=Path, metavar="FILE", help="as mosquitto_passwd makes it")
    made.add_argument("--persistence", type=Path, metavar="DIR", help="keep sessions and retained messages (mosquitto)")
    made.add_argument(
        "--max-clients",
        type=int,
        default=BrokerOptions().max_clients,
        metavar="N",
        help="how many at once (default: %(default)s)",
    )
    made.add_argument("--verbose", action="store_true", help="the broker's log on stderr")
    made.add_argument("--with-parent", action="store_true", help="end when the process that started it ends")
    made.add_argument("--json", action="store_true", help="the ready line as JSON")
    return made


def options_from(arguments: argparse.Namespace) -> BrokerOptions:
    """The broker's options. Raises BrokerError(BROKER-START-FAILED) for what does not go together."""
    acl, passwords = _absolute(arguments.acl), _absolute(arguments.password_file)
    listeners = [] if arguments.tls_only else [Listener(port=arguments.port, acl=acl, passwords=passwords)]
    if arguments.tls_cert or arguments.tls_key or arguments.tls_only:
        if not (arguments.tls_cert and arguments.tls_key):
            raise BrokerError("BROKER-START-FAILED", "TLS needs both --tls-cert and --tls-key")
        tls = Tls(
            cert=arguments.tls_cert.absolute(),
            key=arguments.tls_key.absolute(),
            ca=_absolute(arguments.tls_ca),
            require_client_certificate=arguments.tls_ca is not None,
        )
        listeners.append(Listener(port=arguments.tls_port, tls=tls, acl=acl, passwords=passwords))
    return BrokerOptions(
        listeners=tuple(listeners),
        bind=arguments.bind,
        max_clients=arguments.max_clients,
        persistence=_absolute(arguments.persistence),
        verbose=arguments.verbose,
    )


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None


async def serve(options: BrokerOptions, use_embedded: bool, as_json: bool) -> int:
    """Run until a signal comes or the broker dies; gives the exit code. Raises BrokerError."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    chosen: AbstractAsyncContextManager[Mosquitto | EmbeddedBroker]
    chosen = embedded(options) if use_embedded or find_mosquitto() is None else mosquitto(options)
    async with chosen as broker:
        if options.verbose:
            broker.log.copy_to(_to_stderr)
        ready = Ready(broker.kind, broker.version, broker.url, broker.host, broker.port, broker.tls_port, broker.pid)
        text = (
            json.dumps(asdict(ready)) if as_json else f"guestwire broker: {ready.kind} {ready.version} on {ready.url}"
        )
        print(text, flush=True)  # noqa: T201 - the one line this program prints
        waits: list[asyncio.Task[object]] = [asyncio.create_task(_until(asked))]
        if isinstance(broker, Mosquitto):
            waits.append(asyncio.create_task(_until_ended(broker)))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        if not asked.is_set():
            _to_stderr(f"mosquitto ended by itself:\n{broker.log.tail()}")
            return 1
    return 0


async def _until(asked: asyncio.Event) -> object:
    return await asked.wait()


async def _until_ended(broker: Mosquitto) -> object:
    return await broker.wait_ended()


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; `argv` without the program's name."""
    arguments = parser().parse_args(argv)
    if arguments.with_parent:
        end_with_parent()
    try:
        options = options_from(arguments)
        if options.persistence and not options.persistence.is_dir():
            raise BrokerError("BROKER-START-FAILED", f"--persistence: {options.persistence} is no folder")
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(serve(options, arguments.embedded, arguments.json))
    except BrokerError as err:
        _to_stderr(str(err))
        return 1


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """uvloop where it is installed: the embedded broker is twice as fast on it."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
