"""`guestwire lock`: locks in memory areas. A lock is HOST/LOCK."""

from typing import Any

import click

from guestwire.cli.change_options import change_options
from guestwire.cli.completing import hosts, names_of
from guestwire.cli.settings import Noun, Settings, pass_settings

ALWAYS_ASK = 3
NAME = click.argument("name", metavar="HOST/LOCK", shell_complete=names_of("lock_list", "locks"))


@click.group("lock", cls=Noun)
def lock() -> None:
    """Locks in memory areas: list, show, break, create, delete.

    A lock is named HOST/LOCK. Create and delete change the active configuration of the host in one go.
    """


@lock.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1, shell_complete=hosts)
@pass_settings
def list_locks(settings: Settings, hosts: tuple[str, ...]) -> None:
    """The locks of the hosts named; without HOST of every host that is there."""
    from guestwire.cli.lock_views import lock_view
    from guestwire.cli.named import write_list

    write_list(settings, hosts, lock_view(), lambda api, said: api.lock_list(said), lambda reply: reply.locks)


@lock.command("show")
@NAME
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One lock: who holds it, and its fencing token."""
    from guestwire.cli.lock_views import lock_facts, lock_view
    from guestwire.cli.named import NameAddress, Row, name_address
    from guestwire.cli.output import write_one
    from guestwire.cli.run import options, with_client
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol.comm_models import LockView
    from guestwire.sdk.client import Client

    async def work(client: Client) -> Row[LockView]:
        address: NameAddress = name_address(client, name)
        answer = await client.host(address.host).lock_list(options(settings))
        found = next((one for one in answer.reply.locks if one.name == address.name), None)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"{address.host} has no lock {address.name}.", field="name")
        return Row(address.host, found, answer.verified)

    row = with_client(settings, work)
    write_one(settings, row, lock_view(), lock_facts(row))


@lock.command("break")
@NAME
@click.option("--force", is_flag=True, help="Also from a holder that lives: then two may write at once.")
@pass_settings
def break_lock(settings: Settings, name: str, force: bool) -> None:
    """Take a lock from its holder, and let the next one who waits have it."""
    from guestwire.cli.confirm import ask
    from guestwire.cli.lock_views import lock_view
    from guestwire.cli.named import asked
    from guestwire.cli.output import write_all
    from guestwire.protocol.comm_models import LockBreak
    from guestwire.protocol.operations import BY_NAME

    risk = ALWAYS_ASK if force else BY_NAME["lock-break"].risk
    ask(settings, "break, even from a holder that lives," if force else "break", risk, [name])
    row = asked(settings, name, lambda api, one, said: api.lock_break(LockBreak(name=one, force=force), said))
    write_all(settings, lock_view(), [row])


@lock.command("create")
@NAME
@click.option("--area", metavar="AREA", help="The memory area that it lies in; else RtosLibMsgQueue.")
@change_options
@pass_settings
def create(settings: Settings, /, name: str, area: str | None, **flags: Any) -> None:
    """Make a lock for all who may write to its area: planned, shown, asked and applied in one go."""
    from guestwire.cli.one_change import add_named

    add_named(settings, "lock", name, lambda _: [] if area is None else [("area", area)], flags)


@lock.command("delete")
@NAME
@change_options
@pass_settings
def delete(settings: Settings, /, name: str, **flags: Any) -> None:
    """Take a lock away from everybody."""
    from guestwire.cli.one_change import remove_named

    remove_named(settings, "lock", name, flags)
