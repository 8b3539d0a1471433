"""`guestwire event`: named events between guests. An event is HOST/EVENT."""

from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.change_options import change_options
from guestwire.cli.completing import guests_beside, hosts, names_of
from guestwire.cli.exit_codes import TIMEOUT
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.named import NameAddress
    from guestwire.model.desired import Desired
    from guestwire.protocol.comm_models import EventWaited
    from guestwire.sdk.answers import Answer
    from guestwire.sdk.client import Client

MOST_WAITED = 16
"""Events of one wait; a test compares it with the protocol's."""
_COMPLETE = names_of("event_list", "events")
NAME = click.argument("name", metavar="HOST/EVENT", shell_complete=_COMPLETE)


@click.group("event", cls=Noun)
def event() -> None:
    """Named events: list, show, signal, reset, wait, watch, create, ...

    An event is named HOST/EVENT. Signal, reset and wait are allowed where the event's lists name REMOTE, or HOST over a
    socket. Create and delete change the active configuration of the host in one go.
    """


@event.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1, shell_complete=hosts)
@pass_settings
def list_events(settings: Settings, hosts: tuple[str, ...]) -> None:
    """The named events of the hosts named; without HOST of every host that is there. SET is - where the kernel alone knows."""
    from guestwire.cli.event_views import event_view
    from guestwire.cli.named import write_list

    write_list(settings, hosts, event_view(), lambda api, said: api.event_list(said), lambda reply: reply.events)


@event.command("show")
@NAME
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One named event: state, rights, waiters, signals."""
    _act(settings, "show", name)


@event.command("signal")
@NAME
@pass_settings
def signal(settings: Settings, name: str) -> None:
    """Set an event: one waiter is let go where it resets itself, else all."""
    _act(settings, "signal", name)


@event.command("reset")
@NAME
@pass_settings
def reset(settings: Settings, name: str) -> None:
    """Unset an event."""
    _act(settings, "reset", name)


@event.command("wait")
@click.argument("names", metavar="HOST/EVENT...", nargs=-1, required=True, shell_complete=_COMPLETE)
@pass_settings
def wait(settings: Settings, names: tuple[str, ...]) -> None:
    """Wait until one of the events of a host is set, and say which.

    Without --timeout until Ctrl-C. When the time is over the exit code is 7, and what programs get names no event. An event
    that resets itself is unset by the wait that it ends.
    """
    from guestwire.cli.event_views import write_waited
    from guestwire.cli.event_waiting import wait_for
    from guestwire.cli.run import with_client

    if len(names) > MOST_WAITED:
        raise click.UsageError(f"At most {MOST_WAITED} events at once.")

    async def work(client: "Client") -> "tuple[str, Answer[EventWaited]]":
        host, events = _of_one_host(client, names)
        return host, await wait_for(client.host(host), events, settings.timeout)

    host, answer = with_client(settings, work)
    write_waited(settings, host, answer.reply, verified=answer.verified)
    if answer.reply.name is None:
        failures.remark(settings, "none of them was set in time")
        raise click.exceptions.Exit(TIMEOUT)


@event.command("watch")
@click.argument("names", metavar="[HOST/EVENT]...", nargs=-1, shell_complete=_COMPLETE)
@click.option(
    "--interval", type=click.FloatRange(0.05, 3600), default=1.0, show_default=True, metavar="SECONDS",
    help="Ask once in this time.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many changes.")
@pass_settings
def watch(settings: Settings, names: tuple[str, ...], interval: float, count: int | None) -> None:
    """Show how events are, and what happens to them, until Ctrl-C: signals and their rate, by whom, who waits.

    HOST/* means all events of that host; without an event all of the only host. With -o json one document on each line.
    """
    from guestwire.cli.event_watch import watch_events
    from guestwire.cli.run import with_client
    from guestwire.cli.targets import one_host
    from guestwire.sdk.addresses import ALL

    async def work(client: "Client") -> None:
        host, chosen = _of_one_host(client, names) if names else (one_host(client, None), ())
        wanted = frozenset() if ALL in chosen else frozenset(chosen)
        await watch_events(client, settings, host, wanted, interval, count)

    with_client(settings, work)


@event.command("create")
@NAME
@click.option("--manual", is_flag=True, help="It stays set until it is reset; else the first waiter unsets it.")
@click.option("--initial", is_flag=True, help="It is set to begin with.")
@click.option(
    "--signal", "signals", metavar="GUEST,...", multiple=True, shell_complete=guests_beside("name"),
    help="Who may signal: guests, HOST, REMOTE. Repeatable.",
)  # fmt: skip
@click.option(
    "--wait", "waits", metavar="GUEST,...", multiple=True, shell_complete=guests_beside("name"),
    help="Who may wait. Repeatable.",
)  # fmt: skip
@click.option("--direct", is_flag=True, help="From one guest straight to one other, with nobody in between.")
@change_options
@pass_settings
def create(
    settings: Settings, /, name: str, manual: bool, initial: bool, signals: tuple[str, ...], waits: tuple[str, ...],
    direct: bool, **flags: Any,
) -> None:  # fmt: skip
    """Make a named event: planned, shown, asked and applied in one go."""
    from guestwire.cli.one_change import add_named, parties

    said = (("reset", "manual", manual), ("initial", "true", initial), ("delivery", "direct", direct))

    def values(desired: "Desired") -> list[tuple[str, str]]:
        given = [(key, value) for key, value, wanted in said if wanted]
        return [*given, *(
            (f"{key}+", one) for key, words in (("signal", signals), ("wait", waits)) for one in parties(desired, words)
        )]  # fmt: skip

    add_named(settings, "event", name, values, flags)


@event.command("delete")
@NAME
@change_options
@pass_settings
def delete(settings: Settings, /, name: str, **flags: Any) -> None:
    """Take a named event away from everybody."""
    from guestwire.cli.one_change import remove_named

    remove_named(settings, "event", name, flags)


def _act(settings: Settings, verb: str, name: str) -> None:
    """Do something with an event, and write how it is then."""
    from guestwire.cli.event_views import event_facts, event_view
    from guestwire.cli.named import asked
    from guestwire.cli.output import write_all, write_one
    from guestwire.protocol.comm_models import NameRef

    row = asked(settings, name, lambda api, one, said: getattr(api, f"event_{verb}")(NameRef(name=one), said))
    if verb == "show":
        write_one(settings, row, event_view(), event_facts(row))
    else:
        write_all(settings, event_view(), [row])


def _of_one_host(client: "Client", texts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The host, and the names of its events. Raises click.UsageError."""
    from guestwire.cli.named import name_address

    found: list[NameAddress] = list(dict.fromkeys(name_address(client, text) for text in texts))
    if len({address.host for address in found}) > 1:
        raise click.UsageError("These are events of several hosts: name those of one.")
    return found[0].host, tuple(address.name for address in found)
