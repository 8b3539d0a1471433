"""`guestwire guest`: everything about the guests of hosts. A guest is HOST/GUEST, by name or GUESTnnnn; HOST/* is all."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from guestwire.cli import guest_config, guest_console, snapshot
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.guest_views import GuestRow
    from guestwire.model.guest import Guest, GuestThread
    from guestwire.sdk.addresses import GuestAddress
    from guestwire.sdk.answers import Answer, CallOptions
    from guestwire.sdk.bulk import Outcome
    from guestwire.sdk.client import Client
    from guestwire.sdk.host_api import HostApi

    Act = Callable[[HostApi, str, CallOptions], Awaitable[Answer[Any]]]

GUESTS = click.argument("guests", metavar="HOST/GUEST...", nargs=-1, required=True)


@click.group("guest", cls=Noun)
def guest() -> None:
    """Virtual machines: list, define, start, shut down, ...

    A guest is named HOST/GUEST, by its name or GUESTnnnn. HOST/* means all guests of that host.
    """


for _command in (
    guest_config.set_values, guest_config.media, guest_config.import_guests, guest_config.export, snapshot.snapshot,
    guest_console.console,
):  # fmt: skip
    guest.add_command(_command)


@guest.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only guests in this state. Repeatable.")
@pass_settings
def list_guests(settings: Settings, hosts: tuple[str, ...], states: tuple[str, ...]) -> None:
    """Every guest of the hosts named; without HOST of every host that is there."""
    from guestwire.cli.guest_views import GuestRow, guest_view
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import all_hosts
    from guestwire.sdk.bulk import each

    async def work(client: "Client") -> "tuple[Outcome[str, list[GuestRow]], ...]":
        async def one(host: str) -> list[GuestRow]:
            answer = await client.host(host).guest_list(options(settings))
            return [GuestRow(host, view, answer.verified) for view in answer.reply.guests]

        return await each(await all_hosts(client, hosts, settings), one)

    outcomes = with_client(settings, work)
    rows = [row for outcome in outcomes for row in outcome.result or ()]
    chosen = [row for row in rows if row.view is not None and row.view.status.state in states] if states else rows
    if chosen or settings.for_programs or all(outcome.error is None for outcome in outcomes):
        write_all(settings, guest_view(), chosen)
    end_with(settings, outcomes)


@guest.command("show")
@click.argument("name", metavar="HOST/GUEST")
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One guest: its definition and its state."""
    from guestwire.cli.guest_views import GuestRow, guest_facts, guest_view
    from guestwire.cli.output import write_one
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import guest_address
    from guestwire.protocol.operation_models import GuestRef

    async def work(client: "Client") -> GuestRow:
        address = guest_address(client, name)
        answer = await client.host(address.host).guest_show(GuestRef(guest=address.guest), options(settings))
        return GuestRow(address.host, answer.reply, answer.verified)

    row = with_client(settings, work)
    write_one(settings, row, guest_view(), guest_facts(row))


@guest.command("threads")
@click.argument("name", metavar="HOST/GUEST")
@pass_settings
def threads(settings: Settings, name: str) -> None:
    """The threads of a guest's process: role, CPU affinity, scheduler."""
    from guestwire.cli.guest_views import thread_view
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import guest_address
    from guestwire.protocol.operation_models import GuestRef

    async def work(client: "Client") -> "tuple[GuestThread, ...]":
        address = guest_address(client, name)
        answer = await client.host(address.host).guest_threads(GuestRef(guest=address.guest), options(settings))
        return answer.reply.threads

    write_all(settings, thread_view(), with_client(settings, work))


@guest.command("define")
@click.argument("host", metavar="HOST")
@click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The definition: TOML, YAML or JSON by its suffix; - is stdin, YAML or JSON.",
)
@click.option("--name", help="The guest's name.")
@click.option("--memory", type=click.IntRange(16), metavar="MIB", help="Memory in MiB.")
@click.option("--vcpus", type=click.IntRange(1, 1024), help="Number of virtual CPUs.")
@click.option("--kind", type=click.Choice(["rt", "gp_comm", "gp"]), help="Real-time or general purpose.")
@click.option("--cpuset", help="Host CPUs it may use, such as 2,4-7 or n0.")
@click.option("--kernel", metavar="PATH", help="Boot this kernel, a file on the host.")
@click.option("--initrd", metavar="PATH", help="The initial RAM disk, a file on the host.")
@click.option("--cmdline", help="The kernel's command line.")
@click.option(
    "--disk",
    "disks",
    metavar="PATH",
    multiple=True,
    help="A disk image, a .qcow2 or .raw file on the host. Repeatable.",
)
@click.option("--ready-console", metavar="TEXT", help="The guest is ready when its console shows this text.")
@click.option("--ready-agent", is_flag=True, help="The guest is ready when its guest agent answers.")
@click.option("--replace", is_flag=True, help="Replace the definition of the guest with the same id or UUID.")
@pass_settings
def define(settings: Settings, /, host: str, file: Path | None, replace: bool, **flags: Any) -> None:  # fmt: skip
    """Define a guest on HOST, from a file, from flags, or from a file with flags over it."""
    from guestwire.cli.guest_views import GuestRow, guest_view
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.operation_models import GuestDefine

    definition = _definition(file, flags)

    async def work(client: "Client") -> GuestRow:
        chosen = one_host(client, host)
        request = GuestDefine(guest=definition, replace=replace)
        answer = await client.host(chosen).guest_define(request, options(settings))
        return GuestRow(chosen, answer.reply, answer.verified)

    write_all(settings, guest_view(), [with_client(settings, work)])


@guest.command("start")
@GUESTS
@click.option(
    "--wait",
    type=click.Choice(["running", "ready"]),
    default="running",
    show_default=True,
    help="When it counts as done: the power is on, or the guest is ready.",
)
@pass_settings
def start(settings: Settings, guests: tuple[str, ...], wait: Literal["running", "ready"]) -> None:  # fmt: skip
    """Turn guests on."""
    from guestwire.protocol.operation_models import GuestStart

    _act(settings, "start", guests, lambda api, g, o: api.guest_start(GuestStart(guest=g, wait=wait), o))


@guest.command("shutdown")
@GUESTS
@click.option(
    "--mode",
    type=click.Choice(["default", "acpi", "agent"]),
    default="default",
    show_default=True,
    help="Whom to ask: the guest's ACPI, its guest agent, or whichever answers.",
)
@click.option(
    "--within",
    type=click.IntRange(1, 1800),
    default=90,
    show_default=True,
    metavar="SECONDS",
    help="How long the guest may take; after that it stays on.",
)
@pass_settings
def shutdown(
    settings: Settings, guests: tuple[str, ...], mode: Literal["default", "acpi", "agent"], within: int
) -> None:  # fmt: skip
    """Ask guests to shut down, and wait until they have."""
    from guestwire.protocol.operation_models import GuestShutdown

    def act(api: "HostApi", name: str, options: "CallOptions") -> "Awaitable[Answer[Any]]":
        return api.guest_shutdown(GuestShutdown(guest=name, mode=mode, within_s=within), options)

    _act(settings, "shutdown", guests, act)


def _simple(verb: str, summary: str) -> None:
    """A verb that says nothing but which guest."""

    @guest.command(verb, help=summary)
    @GUESTS
    @pass_settings
    def command(settings: Settings, guests: tuple[str, ...]) -> None:
        from guestwire.protocol.operation_models import GuestRef

        def act(api: "HostApi", name: str, options: "CallOptions") -> "Awaitable[Answer[Any]]":
            method: Callable[[GuestRef, CallOptions], Awaitable[Answer[Any]]] = getattr(api, f"guest_{verb}")
            return method(GuestRef(guest=name), options)

        _act(settings, verb, guests, act)


for _verb, _summary in (
    ("destroy", "Take the power of guests away, at once; they cannot save anything."),
    ("reset", "Press the reset button of guests."),
    ("pause", "Stop the vCPUs of guests where they are."),
    ("resume", "Let paused guests go on."),
    ("undefine", "Forget the definition of stopped guests. Their disks stay."),
):
    _simple(_verb, _summary)


def _act(settings: Settings, verb: str, texts: tuple[str, ...], act: "Act") -> None:
    """Do something to every guest named, many at once; say how each ended."""
    from guestwire.cli.confirm import ask
    from guestwire.cli.guest_views import GuestRow, guest_view
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.output import write_all
    from guestwire.cli.progress import progress
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import guest_addresses
    from guestwire.model.guest import GuestView
    from guestwire.protocol.operations import BY_NAME
    from guestwire.sdk.bulk import each

    async def work(client: "Client") -> "tuple[Outcome[GuestAddress, GuestRow], ...]":
        said = options(settings)
        targets = await guest_addresses(client, texts, said)
        ask(settings, verb, BY_NAME[f"guest-{verb}"].risk, [str(target) for target in targets])
        async with progress(settings, verb, len(targets)) as shown:

            async def one(target: "GuestAddress") -> GuestRow:
                shown.begin(str(target))
                hearing = said.hearing(lambda report: shown.report(str(target), report))
                answer = await act(client.host(target.host), target.guest, hearing)
                view = answer.reply if isinstance(answer.reply, GuestView) else None
                return GuestRow(target.host, view, answer.verified, name=target.guest, request_id=answer.request_id)

            return await each(targets, one, on_end=lambda outcome: shown.end(str(outcome.target)))

    outcomes = with_client(settings, work)
    rows = [outcome.result for outcome in outcomes if outcome.result is not None]
    if rows or not outcomes or settings.for_programs:
        write_all(settings, guest_view(), rows)
    end_with(settings, outcomes)


def _definition(file: Path | None, flags: dict[str, Any]) -> "Guest":
    """The guest that a file and flags define; a flag wins."""
    from guestwire.cli import guest_files

    table: dict[str, Any] = {}
    if file is not None and str(file) == "-":
        table = guest_files.parse(sys.stdin.read(guest_files.MAX_BYTES), "", "stdin")
    elif file is not None:
        table = guest_files.parse(guest_files.read(file), file.suffix.lower(), str(file))
    table |= guest_files.from_flags(flags, table)
    if "name" not in table:
        raise click.UsageError("A guest needs a name: --name NAME, or name in the file.")
    return guest_files.guest(table, str(file) if file is not None else "command line")
