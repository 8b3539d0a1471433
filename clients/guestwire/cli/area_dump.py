"""The bytes of a memory area, written while they come."""

import sys

import click

from guestwire.cli.area_bytes import HexDump
from guestwire.cli.area_reading import pieces
from guestwire.cli.named import NameAddress
from guestwire.cli.output import write_document
from guestwire.cli.run import options
from guestwire.cli.settings import Settings
from guestwire.protocol.comm_models import AreaBytes
from guestwire.sdk.client import Client


async def write_dump(
    client: Client, settings: Settings, area: NameAddress, part: tuple[int, int], *, raw: bool
) -> None:
    """Write a part (offset, length): for people as `hexdump -C` does, for programs as one document, or raw."""
    offset, length = part
    found = pieces(client, area, offset, length, options(settings))
    if settings.for_programs:
        collected = [piece async for piece in found]
        write_document(settings, _document(area, offset, collected))
    elif settings.output == "name":
        click.echo(str(area))
    elif raw:
        async for piece in found:
            sys.stdout.buffer.write(piece.data)
        sys.stdout.buffer.flush()
    else:
        dump = HexDump(offset)
        async for piece in found:
            click.echo("".join(f"{line}\n" for line in dump.lines(piece.data)), nl=False)
        click.echo(dump.end())


def _document(area: NameAddress, offset: int, collected: list[AreaBytes]) -> dict[str, object]:
    data = b"".join(piece.data for piece in collected)
    at = collected[-1].at if collected else None
    return {"host": area.host, "name": area.name, "offset": offset, "at": at, "data": data.hex()}
