"""`guestwire area`: memory areas that guests share. An area is HOST/AREA."""

from typing import TYPE_CHECKING, Any, NoReturn

import click

from guestwire.cli.change_options import change_options
from guestwire.cli.completing import guests_beside, hosts, names_of
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.sizes import Size

if TYPE_CHECKING:
    from guestwire.cli.named import NameAddress
    from guestwire.model.desired import Desired
    from guestwire.sdk.client import Client

AT_ONCE = 32 << 10
"""Bytes of an area in one request; a test compares it with the protocol's."""
DEFAULT_LENGTH = 256
NAME = click.argument("name", metavar="HOST/AREA", shell_complete=names_of("area_list", "areas"))
SIZE = Size()
OFFSET = click.option(
    "--offset", type=SIZE, default=0, show_default=True, metavar="SIZE", help="From this byte of the area's data on."
)
ACCESS = click.option(
    "--access",
    "access",
    metavar="[GUEST=]MODE",
    multiple=True,
    shell_complete=guests_beside("name"),
    help="What a guest, HOST or REMOTE may do: RWC-, R-C-, R---, ----. Nothing behind = takes that back to the default; "
    "without GUEST it is the default. Repeatable.",
)
DEFAULT = click.option("--default", "default", metavar="MODE", help="What all others may do.")


@click.group("area", cls=Noun)
def area() -> None:
    """Memory areas that guests share: list, show, dump, watch, create, ...

    An area is named HOST/AREA. Create, set and delete change the active configuration of the host in one go.
    """


@area.command("list")
@click.argument("hosts", metavar="[HOST]...", nargs=-1, shell_complete=hosts)
@pass_settings
def list_areas(settings: Settings, hosts: tuple[str, ...]) -> None:
    """The memory areas of the hosts named; without HOST of every host that is there. OTHERWISE: whose access is not the
    default."""
    from guestwire.cli.area_views import area_view
    from guestwire.cli.named import write_list

    write_list(settings, hosts, area_view(), lambda api, said: api.area_list(said), lambda reply: reply.areas)


@area.command("show")
@NAME
@pass_settings
def show(settings: Settings, name: str) -> None:
    """One memory area: its sizes, what is in it, and who may do what."""
    from guestwire.cli.area_views import access_view, area_facts, area_view
    from guestwire.cli.named import asked, write_below
    from guestwire.cli.output import write_one
    from guestwire.protocol.comm_models import NameRef

    row = asked(settings, name, lambda api, area, said: api.area_show(NameRef(name=area), said))
    write_one(settings, row, area_view(), area_facts(row))
    write_below(settings, access_view(), row.of.access)


@area.command("dump")
@NAME
@OFFSET
@click.option(
    "--length", type=SIZE, default=DEFAULT_LENGTH, show_default=True, metavar="SIZE",
    help="So many bytes, or to the end of the area's data.",
)  # fmt: skip
@click.option("--hex", "as_hex", is_flag=True, help="As hexdump -C writes it (the default).")
@click.option("--raw", is_flag=True, help="The bytes themselves, for a file or a pipe.")
@pass_settings
def dump(settings: Settings, name: str, offset: int, length: int, as_hex: bool, raw: bool) -> None:
    """Bytes of a memory area, which REMOTE, or HOST over a socket, may read.

    More than 32 KiB are asked for one piece after the other: guests may write between two of them.
    """
    from guestwire.cli.area_dump import write_dump
    from guestwire.cli.named import name_address
    from guestwire.cli.run import with_client

    if raw and (as_hex or settings.output not in ("table", "wide")):
        raise click.UsageError("--raw writes the bytes as they are: it goes neither with --hex nor with -o.")

    async def work(client: "Client") -> None:
        await write_dump(client, settings, name_address(client, name), (offset, length), raw=raw)

    with_client(settings, work)


@area.command("watch")
@NAME
@OFFSET
@click.option(
    "--length", type=click.IntRange(1, AT_ONCE), default=4096, show_default=True, metavar="BYTES",
    help="So many bytes, 32768 at most.",
)  # fmt: skip
@click.option(
    "--interval", type=click.FloatRange(0.05, 3600), default=1.0, show_default=True, metavar="SECONDS",
    help="Look once in this time at most.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many changes.")
@pass_settings
def watch(settings: Settings, name: str, offset: int, length: int, interval: float, count: int | None) -> None:
    """Show which bytes of a memory area change, until Ctrl-C: where, what they were and what they are.

    What changes and changes back between two looks is not seen. With -o json one document on each line.
    """
    from guestwire.cli.area_watch import watch_area
    from guestwire.cli.named import name_address
    from guestwire.cli.run import with_client

    async def work(client: "Client") -> None:
        await watch_area(client, settings, name_address(client, name), (offset, length), interval, count)

    with_client(settings, work)


@area.command("create")
@NAME
@click.option("--size", type=SIZE, required=True, metavar="SIZE", help="Such as 64K, 6MiB, or bytes.")
@ACCESS
@DEFAULT
@click.option("--kind", type=click.Choice(["user", "system"]), help="A system area is never deleted or made smaller.")
@change_options
@pass_settings
def create(
    settings: Settings, /, name: str, size: int, access: tuple[str, ...], default: str | None, kind: str | None,
    **flags: Any,
) -> None:  # fmt: skip
    """Make a memory area and give it to guests: planned, shown, asked and applied in one go."""
    from guestwire.cli.one_change import add_named

    def values(desired: "Desired") -> list[tuple[str, str]]:
        given = [("size", str(size)), *([("kind", kind)] if kind is not None else [])]
        return given + [(key, mode) for key, mode in _modes(desired, access, default) if mode]

    add_named(settings, "area", name, values, flags)


@area.command("set")
@NAME
@ACCESS
@DEFAULT
@click.option("--size", type=SIZE, metavar="SIZE", help="Such as 64K, 6MiB, or bytes.")
@change_options
@pass_settings
def set_values(
    settings: Settings, /, name: str, access: tuple[str, ...], default: str | None, size: int | None, **flags: Any
) -> None:  # fmt: skip
    """Change who may do what with a memory area, or its size: planned, shown, asked and applied in one go."""
    from guestwire.cli.one_change import change_named, edited

    if not access and default is None and size is None:
        raise click.UsageError("What is to be set? Give --access, --default or --size.")

    def edit(desired: "Desired", target: "NameAddress") -> "Desired":
        modes = [f"{key}={mode}" if mode else f"{key}-" for key, mode in _modes(desired, access, default)]
        edits = [*modes, *([f"size={size}"] if size is not None else [])]
        return edited(desired, target.host, [f'area."{target.name}".{one}' for one in edits])

    change_named(settings, name, edit, flags)


@area.command("delete")
@NAME
@change_options
@pass_settings
def delete(settings: Settings, /, name: str, **flags: Any) -> None:
    """Take a memory area away from everybody, with all that is in it. A system area stays while a guest has communication."""
    from guestwire.cli.one_change import change_named, without

    def edit(desired: "Desired", target: "NameAddress") -> "Desired":
        found = next((one for one in desired.areas if one.name == target.name), None)
        if found is not None and found.is_system and any(guest.has_comm for guest in desired.guests):
            _refuse_system(found.name)
        return without(desired, target, "area")

    change_named(settings, name, edit, flags)


def _refuse_system(name: str) -> NoReturn:
    """The host would put it back."""
    from guestwire.model.errors import GuestwireError

    text = f"{name} is a system area: it stays while a guest has communication."
    raise GuestwireError("VALIDATION-FAILED", text, detail={"rule": "AREA-SYSTEM-PROTECTED"})


def _modes(desired: "Desired", access: tuple[str, ...], default: str | None) -> list[tuple[str, str]]:
    """Fields of the area and their modes; an empty one is to be unset. Raises click.UsageError."""
    from guestwire.cli.one_change import party

    found: dict[str, str] = {}
    for word in (*access, *([default] if default is not None else [])):
        who, equals, mode = word.rpartition("=")
        if not mode and not who:
            raise click.UsageError("An access mode is four characters, such as RW--.")
        key = f'overrides."{party(desired, who)}"' if equals else "default_access"
        if found.setdefault(key, mode) != mode:
            raise click.UsageError(f"{who or 'The default'} is given two modes.")
    return list(found.items())
