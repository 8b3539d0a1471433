"""`guestwire queue`: message queues in memory areas. A queue is HOST/QUEUE."""

from typing import TYPE_CHECKING, Any

import click

from guestwire.cli.change_options import change_options
from guestwire.cli.completing import guests_beside, hosts, names_of
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.sizes import Size

if TYPE_CHECKING:
    from guestwire.model.desired import Desired

NAME = click.argument("name", metavar="HOST/QUEUE", shell_complete=names_of("queue_list", "queues"))


@click.group("queue", cls=Noun)
def queue() -> None:
    """Message queues in memory areas: list, show, create, delete.

    A queue is named HOST/QUEUE. Create and delete change the active configuration of the host in one go.
    """


@queue.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1, shell_complete=hosts)
@pass_settings
def list_queues(settings: Settings, hosts: tuple[str, ...]) -> None:
    """The queues of the hosts named; without HOST of every host that is there. DEPTH: messages that wait."""
    from guestwire.cli.named import write_list
    from guestwire.cli.queue_views import queue_view

    write_list(settings, hosts, queue_view(), lambda api, said: api.queue_list(said), lambda reply: reply.queues)


@queue.command("show")
@NAME
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One queue, and the ring of each writer: how full it is, and how many messages found no room."""
    from guestwire.cli.named import asked, write_below
    from guestwire.cli.output import write_one
    from guestwire.cli.queue_views import queue_facts, queue_view, ring_view
    from guestwire.protocol.comm_models import NameRef

    row = asked(settings, name, lambda api, one, said: api.queue_show(NameRef(name=one), said))
    write_one(settings, row, queue_view(), queue_facts(row))
    write_below(settings, ring_view(), row.of.rings)


@queue.command("create")
@NAME
@click.option("--area", metavar="AREA", help="The memory area that it lies in; else RtosLibMsgQueue.")
@click.option("--slots", type=click.IntRange(2, 1 << 16), help="Messages that each writer's ring holds; else 64.")
@click.option("--slot-bytes", type=Size(), metavar="SIZE", help="The longest message; else 256 bytes.")
@click.option(
    "--writer", "writers", metavar="GUEST,...", multiple=True, shell_complete=guests_beside("name"),
    help="Who may write: guests, HOST. Each has a ring of its own. Repeatable.",
)  # fmt: skip
@click.option("--reader", metavar="GUEST", shell_complete=guests_beside("name"), help="Who reads.")
@change_options
@pass_settings
def create(
    settings: Settings, /, name: str, area: str | None, slots: int | None, slot_bytes: int | None,
    writers: tuple[str, ...], reader: str | None, **flags: Any,
) -> None:  # fmt: skip
    """Make a message queue: planned, shown, asked and applied in one go."""
    from guestwire.cli.one_change import add_named, parties, party

    def values(desired: "Desired") -> list[tuple[str, str]]:
        reads = None if reader is None else party(desired, reader)
        said = (("area", area), ("slots", slots), ("slot_bytes", slot_bytes), ("reader", reads))
        given = [(key, str(value)) for key, value in said if value is not None]
        return [*given, *(("writers+", one) for one in parties(desired, writers))]

    add_named(settings, "queue", name, values, flags)


@queue.command("delete")
@NAME
@change_options
@pass_settings
def delete(settings: Settings, /, name: str, **flags: Any) -> None:
    """Take a queue away from everybody, with the messages in it."""
    from guestwire.cli.one_change import remove_named

    remove_named(settings, "queue", name, flags)
