"""guestwire-controller: looks after the hosts of sites, for many people.

guestwire-controller run     [--config FILE] [settings]         serve
guestwire-controller check   [--config FILE] [settings]         say whether settings and files are sound
guestwire-controller user    NAME [--role ROLE] [--config FILE] make a user here, without the API: the first administrator
guestwire-controller openapi                                    write the OpenAPI document of the API
"""

import argparse
import asyncio
import gc
import getpass
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, cast

from guestwire.controller.composing.base import VERSION, Base, boot_id
from guestwire.controller.config import DEFAULT_FILE, Settings, load
from guestwire.controller.feed import Feed
from guestwire.controller.logs import make_logger
from guestwire.controller.store.database import Database, open_database
from guestwire.controller.store.migrating import upgrade
from guestwire.controller.users.person import Binding, Role
from guestwire.link.clock import now
from guestwire.link.sd_notify import service_manager
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.settings.loading import service_environment
from guestwire.settings.table import add_flags, given_flags

EXIT_FAILED, EXIT_USAGE = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """The command. 0: ended as asked; 1: could not start or broke; 2: wrong usage or settings."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "openapi":
            return _run(_openapi())
        file = Path(arguments.config) if arguments.config else None
        settings = load(file, given_flags(arguments, Settings))
        if arguments.command == "check":
            return _run(_check(settings))
        if arguments.command == "user":
            return _run(_user(settings, arguments))
        return _run(_serve(settings))
    except GuestwireError as err:
        sys.stderr.write(f"guestwire-controller: {err.code}: {err.message}\n")
        return EXIT_USAGE if err.code == "CONFIG-INVALID" else EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guestwire-controller", description="Looks after the hosts of sites.")
    parser.add_argument("--version", action="version", version=f"guestwire-controller {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("run", "serve"),
        ("check", "say whether the settings and the files they name are sound"),
        ("user", "make a user here, without the API: the first administrator"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        if name == "user":
            command.add_argument("name", metavar="NAME")
            roles = ("observer", "operator", "engineer", "admin")
            command.add_argument("--role", choices=roles, default="admin", help="on everything (default: admin)")
            command.add_argument("--password-file", metavar="FILE", help="its first line; without it you are asked")
        command.add_argument("--config", metavar="FILE", help=f"default: {DEFAULT_FILE}")
        add_flags(command, Settings)
    text = "write the OpenAPI document of the API; it needs no settings"
    commands.add_parser("openapi", help=text, description=text)
    return parser


def _run(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _base(settings: Settings, database: Database) -> Base:
    log = make_logger(settings.log.level, for_people=sys.stderr.isatty())
    vital = Vital(lambda name, err: log.error("a vital task ended unasked", task=name, exc_info=err))
    return Base(settings, database, Feed(), log, now, vital, boot_id())


async def _serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT."""
    from guestwire.controller.composing.controller import controller

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings.controller.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    gc.set_threshold(
        50_000, 20, 100
    )  # series and hosts live on: looking at all of them at every turn costs a third of the time
    async with _database(settings) as database:
        await upgrade(database)
        base = _base(settings, database)
        async with controller(base) as running:
            token = await running.who.first.token()
            if token is not None:
                path = _keep_token(settings, token)
                base.log.warning("there is no user yet", first_administrator=f"the token for it is in {path}")
            async with service_manager(service_environment()):
                base.log.info("serving", url=running.url, version=VERSION, database=database.where)
                await base.vital.until(stop)
                base.vital.check()
                base.log.info("stopping")
    return 0


def _database(settings: Settings) -> AbstractAsyncContextManager[Database]:
    """The database, not yet of this program's revision. Raises CONFIG-INVALID, DATABASE-UNAVAILABLE, DATABASE-DAMAGED."""
    section = settings.database
    password = None if section.password_file is None else _first_line(section.password_file)
    return open_database(settings.database_url, connections=section.connections, password=password)


def _keep_token(settings: Settings, token: str) -> Path:
    """Where its administrator finds the token of a first start, and nobody else does."""
    path = settings.controller.state_dir / "first-administrator"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{token}\n", encoding="utf-8")
    return path


async def _check(settings: Settings) -> int:
    """What is sound on stdout, what is wrong on stderr."""
    from guestwire.controller.composing.soundness import look

    found = await look(settings, lambda: _database(settings), now().wall_ms)
    sys.stdout.write("".join(f"{line}\n" for line in found.lines))
    sys.stderr.write("".join(f"guestwire-controller: {line}\n" for line in found.wrong))
    return EXIT_FAILED if found.wrong else 0


async def _openapi() -> int:
    from guestwire.controller.describing import described

    sys.stdout.write(await described())
    return 0


async def _user(settings: Settings, arguments: argparse.Namespace) -> int:
    from guestwire.controller.users.access import Access, NoGroups
    from guestwire.controller.users.accounts import Accounts
    from guestwire.controller.users.passwords import PasswordHashing

    password = _password(arguments.password_file)
    settings.controller.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with _database(settings) as database, PasswordHashing() as hashing:
        await upgrade(database)
        accounts = Accounts(database, hashing, Access(NoGroups()), Feed(), now)
        role = Binding(cast("Role", arguments.role), "*")
        await accounts.make(None, arguments.name, password, must_change=False, roles=(role,))
    sys.stdout.write(f"{arguments.name} is {arguments.role} of everything now\n")
    return 0


def _password(file: str | None) -> str:
    if file is None:
        return getpass.getpass("Password: ")
    return _first_line(Path(file))


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as err:
        raise GuestwireError("CONFIG-INVALID", f"{file} has no password in its first line: {err}") from err


if __name__ == "__main__":
    sys.exit(main())
