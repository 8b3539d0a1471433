"""`guestwire site serve`: lets hosts in and renews their certificates, over HTTPS; keeps the broker and the hosts in step."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings, Verb, pass_settings
from guestwire.cli.site_keeping import asked, keepers, keeping_options, kept

if TYPE_CHECKING:
    from guestwire.cli.site_keeping import Asked
    from guestwire.site.layout import Layout


@click.command("serve", cls=Verb)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--listen", metavar="ADDRESS:PORT", default="0.0.0.0:8443", show_default=True, help="Where to listen.")
@click.option(
    "--name",
    "names",
    metavar="NAME|ADDRESS",
    multiple=True,
    help="A name or address in its certificate; the first is how hosts reach it. As last time where left out. Repeatable.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, 366, min_open=True),
    default=90,
    show_default=True,
    help="How long certificates of hosts last; hosts renew theirs when two thirds are over.",
)
@keeping_options
@pass_settings
def serve(
    settings: Settings, /, directory: Path, listen: str, names: tuple[str, ...], days: float, **keeping: Any
) -> None:
    """Let hosts with a code into the site in DIRECTORY, and renew their certificates, until Ctrl-C.

    One line on stdout says where; what hosts ask is on stderr, and in DIRECTORY/issuing/log.jsonl.
    It needs the issuing CA and the enroller's key, and never the root's: keep that elsewhere.

    With --broker-dir the broker's files follow the trust document within a second, and the broker is told. With --context every
    host is given the trust document through it, those that were away when they are back.
    """
    import asyncio

    from guestwire.protocol.authority_url import address
    from guestwire.site.layout import Layout
    from guestwire.site.service_place import read_place

    layout = Layout(directory)
    beside = asked(keeping, settings.context)
    place = read_place(layout)
    if not names and place is None:
        raise click.UsageError("Under which name or address do hosts reach it? Give it by --name, the first time.")
    try:
        where = address(listen, least_port=0)
    except ValueError as err:
        raise click.BadParameter(f"{err}.", param_hint="--listen") from err
    asyncio.run(_serve(settings, layout, names or (place.names if place else ()), where, days, beside))


async def _serve(
    settings: Settings, layout: "Layout", names: tuple[str, ...], listen: tuple[str, int], days: float, beside: "Asked"
) -> None:
    import asyncio
    import logging
    import signal

    try:
        import starlette  # noqa: F401 - is it there?
        import uvicorn  # noqa: F401
    except ImportError as err:
        raise click.UsageError("Install what it needs: pip install 'guestwire[site]'.") from err
    from guestwire.site.authority import Authority
    from guestwire.site.service import ServiceParts, application
    from guestwire.site.service_log import ServiceLog
    from guestwire.site.service_notes import ServiceNotes
    from guestwire.site.service_place import ServicePlace, settle
    from guestwire.site.serving import serving

    def clock_ms() -> int:
        return time.time_ns() // 1_000_000

    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # defects; what peers send wrong is no news
    if layout.root_key.exists():
        failures.remark(settings, f"{layout.root_key.parent} is here: keep the root offline, nothing here needs it")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    authority = Authority(layout, clock_ms, days)
    authority.check()
    log = ServiceLog(layout.service_log)

    def said(line: str) -> None:
        failures.remark(settings, line)

    parts = ServiceParts(authority, log, clock_ms, time.monotonic, said)
    notes = ServiceNotes(log, clock_ms, said)
    running = keepers(beside, layout, authority.trust().site, notes)
    async with serving(application(parts), layout, names, listen, clock_ms) as (_, port):
        reached = f"[{names[0]}]:{port}" if ":" in names[0] else f"{names[0]}:{port}"
        settle(layout, ServicePlace(names=names, address=reached))
        click.echo(
            f"serving the site {authority.trust().site} at https://{reached}"
        )  # the line that says that it is ready
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(kept(what, run, notes), name=what) for what, run in running.items()]
            await stop.wait()
            for task in tasks:
                task.cancel()
