"""`guestwire guest set|media|import|export`: a guest's configuration changed in one go, without a draft."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli.project_options import COMMENT, CONFIRM_WITHIN, DESTROY, GUESTS, HOST, NO_CONFIRM, RESTART, WAIT
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from guestwire.model.desired import Desired
    from guestwire.sdk.addresses import GuestAddress
    from guestwire.sdk.client import Client


@click.command("set", cls=Verb)
@click.argument("name", metavar="HOST/GUEST")
@click.argument("edits", metavar="KEY=VALUE...", nargs=-1, required=True)
@RESTART
@CONFIRM_WITHIN
@NO_CONFIRM
@DESTROY
@COMMENT
@WAIT
@pass_settings
def set_values(settings: Settings, /, name: str, edits: tuple[str, ...], **flags: Any) -> None:
    """Change a guest's configuration on its host: planned, shown, asked and applied in one go.

    Keys are the guest's fields, such as memory_mib=256 or cpuset=2,3, as `project set` takes them. A draft of the host is
    not touched, and is behind afterwards.
    """

    def edit(desired: "Desired", target: "GuestAddress") -> "Desired":
        from guestwire.cli.one_change import edited

        return edited(desired, target.host, [f'guest."{target.guest}".{one}' for one in edits])

    _in_one_go(settings, name, edit, flags)


@click.command("media", cls=Verb)
@click.argument("name", metavar="HOST/GUEST")
@click.argument("path", metavar="[FILE]", required=False)
@click.option("--eject", is_flag=True, help="Take the medium out.")
@click.option(
    "--disk", "number", type=click.IntRange(0), metavar="N", help="This drive, counted from 0; else the first."
)
@RESTART
@CONFIRM_WITHIN
@NO_CONFIRM
@DESTROY
@COMMENT
@WAIT
@pass_settings
def media(settings: Settings, /, name: str, path: str | None, eject: bool, number: int | None, **flags: Any) -> None:
    """Put an image, a file on the host, into a guest's CD drive, or take it out. A guest without a drive gets one."""
    if (path is None) != eject:
        raise click.UsageError("Give the image FILE, or --eject.")

    def edit(desired: "Desired", target: "GuestAddress") -> "Desired":
        return with_medium(desired, target, path, number)

    _in_one_go(settings, name, edit, flags)


@click.command("import", cls=Verb)
@HOST
@GUESTS
@click.option("--update", is_flag=True, help="Also take edits that were made by hand on guests that are ours already.")
@pass_settings
def import_guests(settings: Settings, host: str, guests: tuple[str, ...], update: bool) -> None:
    """Take domains that other tools made on HOST into its configuration, by name or UUID; without GUEST all of them. Guests of
    another host on the same hypervisor are taken over by name only."""
    from guestwire.cli.project_changes import adopting

    adopting(settings, host, guests, update=update)


@click.command("export", cls=Verb)
@click.argument("name", metavar="HOST/GUEST")
@click.option("--libvirt-xml", "as_xml", is_flag=True, required=True, help="As the domain XML that libvirt keeps.")
@click.argument(
    "file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True)
)
@pass_settings
def export(settings: Settings, name: str, as_xml: bool, file: Path | None) -> None:
    """A guest as other tools read it, into a FILE or on stdout. A file that is there is not overwritten without --yes."""
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import guest_address
    from guestwire.cli.text_files import write_text
    from guestwire.protocol.operation_models import GuestRef

    async def work(client: "Client") -> str:
        address = guest_address(client, name)
        return (await client.host(address.host).guest_xml(GuestRef(guest=address.guest), options(settings))).reply.xml

    write_text(settings, with_client(settings, work), file)


def with_medium(desired: "Desired", target: "GuestAddress", path: str | None, number: int | None) -> "Desired":
    """The configuration with another medium in a drive of the guest. Raises NOT-FOUND, WRONG-STATE for a disk that is no
    drive, DOCUMENT-INVALID for a path that is none."""
    from guestwire.cli.one_change import edited
    from guestwire.model.errors import GuestwireError

    guest = desired.guest(target.guest)
    if guest is None:
        raise GuestwireError("NOT-FOUND", f"{target.host} has no guest {target.guest} in its configuration.")
    drives = [n for n, disk in enumerate(guest.disks) if disk.device == "cdrom"]
    if number is None and not drives:
        if path is None:
            raise GuestwireError("NOT-FOUND", f"{target} has no CD drive.")
        return edited(
            desired,
            target.host,
            [f'guest."{target.guest}".disks+={{device="cdrom", format="raw", path={_quoted(path)}}}'],
        )
    chosen = number if number is not None else drives[0]
    if chosen not in drives:
        raise GuestwireError("WRONG-STATE", f"Disk {chosen} of {target} is no CD drive; those are: {drives or 'none'}.")
    place = f'guest."{target.guest}".disks.{chosen}.path'
    return edited(desired, target.host, [f"{place}-" if path is None else f"{place}={path}"])


def _quoted(text: str) -> str:
    from guestwire.formats import toml_text

    return toml_text.value(text)


def _in_one_go(
    settings: Settings, name: str, edit: "Callable[[Desired, GuestAddress], Desired]", flags: dict[str, Any]
) -> None:
    from guestwire.cli.one_change import in_one_go
    from guestwire.cli.targets import guest_address

    in_one_go(settings, lambda client: guest_address(client, name), edit, flags)
