"""`guestwire log`: lines of the log of a host's agent."""

import datetime
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.protocol.operation_models import LogLines
    from guestwire.sdk.client import Client

_SPAN = re.compile(r"(\d+)([smhd])")
MOST = 2000
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment(text: str) -> int:
    """Unix milliseconds of a time: so long ago (10m, 2h), or ISO form, by this machine's zone where it names none."""
    if match := _SPAN.fullmatch(text):
        return time.time_ns() // 1_000_000 - int(match[1]) * _UNIT_S[match[2]] * 1000
    try:
        return int(datetime.datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a span such as 10m nor a time such as 2026-01-31T12:00:00"
        ) from None


@click.command("log", cls=Verb)
@click.argument("host", metavar="[HOST]", required=False)
@click.option(
    "--since", type=moment, metavar="TIME", help="From this time on: 10m, 2h, 1d ago, or 2026-01-31T12:00:00."
)
@click.option("--until", type=moment, metavar="TIME", help="Up to this time.")
@click.option("--match", metavar="TEXT", help="Only lines with this text.")
@click.option(
    "--level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="debug",
    show_default=True,
    help="This level and above.",
)
@click.option("-n", "--lines", type=click.IntRange(1, MOST), default=200, show_default=True, help="How many at most.")
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The lines into this file; up to 2000 then.",
)
@pass_settings
def log(
    settings: Settings, host: str | None, since: int | None, until: int | None, match: str | None, level: str, lines: int,
    file: Path | None,
) -> None:  # fmt: skip
    """Lines of the log of HOST's agent, newest last. `guestwire host log-clear HOST` has the host forget them."""
    from guestwire.cli.exporting import exporting
    from guestwire.cli.output import write_document
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.cli.terminal import printable
    from guestwire.protocol.operation_models import LogQuery

    query = LogQuery(since=since, until=until, match=match, level=level, lines=lines if file is None else MOST)  # type: ignore[arg-type]

    async def work(client: "Client") -> "LogLines":
        reply = (await client.host(one_host(client, host)).log_query(query, options(settings))).reply
        if file is not None:
            async with exporting(settings, file) as write:
                write("".join(f"{line}\n" for line in reply.lines).encode())
        return reply

    found = with_client(settings, work)
    if settings.for_programs and file is None:
        write_document(settings, {"lines": list(found.lines), "truncated": found.truncated})
        return
    for line in found.lines if file is None else ():
        click.echo(printable(line))
    if found.truncated:
        failures.remark(settings, "there is more: ask with --lines, --since or --match")
