"""`guestwire guest snapshot`: snapshots of the disks of stopped guests."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.protocol.config_models import SnapshotList, SnapshotRef
    from guestwire.sdk.answers import Answer, CallOptions
    from guestwire.sdk.client import Client
    from guestwire.sdk.host_api import HostApi

    Act = Callable[[HostApi, SnapshotRef, CallOptions], Awaitable[Answer[Any]]]

GUEST = click.argument("guest", metavar="HOST/GUEST")
NAME = click.argument("name", metavar="NAME")


@click.group("snapshot", cls=Noun)
def snapshot() -> None:
    """Snapshots of the disks of stopped guests."""


@snapshot.command("list")
@GUEST
@pass_settings
def list_snapshots(settings: Settings, guest: str) -> None:
    """The snapshots of a guest's disks."""
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import guest_address
    from guestwire.protocol.operation_models import GuestRef

    async def work(client: "Client") -> "SnapshotList":
        address = guest_address(client, guest)
        return (await client.host(address.host).snapshot_list(GuestRef(guest=address.guest), options(settings))).reply

    _write(settings, with_client(settings, work))


@snapshot.command("create")
@GUEST
@NAME
@pass_settings
def create(settings: Settings, guest: str, name: str) -> None:
    """Keep the content of a stopped guest's disks under NAME."""
    _act(settings, "create", guest, name, lambda api, ref, said: api.snapshot_create(ref, said))


@snapshot.command("revert")
@GUEST
@NAME
@pass_settings
def revert(settings: Settings, guest: str, name: str) -> None:
    """Put a stopped guest's disks back to NAME; what was written since is lost."""
    _act(settings, "revert", guest, name, lambda api, ref, said: api.snapshot_revert(ref, said))


@snapshot.command("delete")
@GUEST
@NAME
@pass_settings
def delete(settings: Settings, guest: str, name: str) -> None:
    """Forget NAME; the disks stay as they are."""
    _act(settings, "delete", guest, name, lambda api, ref, said: api.snapshot_delete(ref, said))


def _act(settings: Settings, verb: str, guest: str, name: str, act: "Act") -> None:
    """Do it, and write the snapshots that there are then."""
    from guestwire.cli.confirm import ask
    from guestwire.cli.progress import progress
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import guest_address
    from guestwire.protocol.config_models import SnapshotRef
    from guestwire.protocol.operations import BY_NAME

    async def work(client: "Client") -> "SnapshotList":
        address = guest_address(client, guest)
        reference = snapshot_ref(SnapshotRef, address.guest, name)
        ask(settings, f"{verb} snapshot {name} of", BY_NAME[f"snapshot-{verb}"].risk, [str(address)])
        async with progress(settings, verb, 1) as shown:
            shown.begin(str(address))
            hearing = options(settings).hearing(lambda report: shown.report(str(address), report))
            answer = await act(client.host(address.host), reference, hearing)
            shown.end(str(address))
            found: SnapshotList = answer.reply
            return found

    _write(settings, with_client(settings, work))


def snapshot_ref(model: "type[SnapshotRef]", guest: str, name: str) -> "SnapshotRef":
    """The reference; a name that can be none is a mistake of the command line."""
    from pydantic import ValidationError

    try:
        return model(guest=guest, name=name)
    except ValidationError as err:
        raise click.UsageError(f"{name!r} is no name of a snapshot: 1 to 63 of A-Z a-z 0-9 _ . -") from err


def _write(settings: Settings, found: "SnapshotList") -> None:
    from guestwire.cli.config_views import snapshot_view
    from guestwire.cli.output import write_all

    write_all(settings, snapshot_view(), found.snapshots)
