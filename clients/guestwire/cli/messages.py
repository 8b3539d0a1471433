"""`guestwire messages`: what a host's agent said, by level and sequence number."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.protocol.operation_models import Message, MessageList
    from guestwire.sdk.client import Client

LEVELS = ("debug", "info", "warning", "error")
LEVEL_STYLES = {"debug": "faint", "warning": "warn", "error": "bad"}
POLL_S = 1.0
PAGE = 500


@click.command("messages", cls=Verb)
@click.argument("host", metavar="[HOST]", required=False)
@click.option("--level", type=click.Choice(LEVELS), default="info", show_default=True, help="This level and above.")
@click.option("--after", type=click.IntRange(min=0), metavar="SEQ", help="Only those after this number.")
@click.option("-n", "--limit", type=click.IntRange(1, 500), default=100, show_default=True, help="How many at most.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new ones until Ctrl-C.")
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="All of them into this file, a JSON document each line.",
)
@pass_settings
def messages(
    settings: Settings, host: str | None, level: str, after: int | None, limit: int, follow: bool, file: Path | None
) -> None:
    """What the agent of HOST said: the newest, or with --after the next ones after a number.

    `guestwire host log-clear HOST` has the host forget them.
    """
    if file is not None:
        _export(settings, host, level, after or 0, file)
        return
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.operation_models import MessageQuery

    async def work(client: "Client") -> None:
        import asyncio

        api = client.host(one_host(client, host))
        query = MessageQuery(level=level, limit=limit, after_seq=after or 0, newest=after is None)  # type: ignore[arg-type]
        while True:
            reply: MessageList = (await api.message_list(query, options(settings))).reply
            if reply.messages or not follow:
                write_all(settings, _view(follow), reply.messages)
            if not follow:
                return
            seen = (
                reply.messages[-1].seq
                if reply.messages
                else max(query.after_seq, reply.last_seq if query.newest else 0)
            )
            query = query.model_copy(update={"after_seq": seen, "newest": False})
            await asyncio.sleep(POLL_S)

    with_client(settings, work)


def _export(settings: Settings, host: str | None, level: str, after: int, file: Path) -> None:
    """Every message of that level and above, page by page."""
    import json

    from guestwire.cli.exporting import exporting
    from guestwire.cli.output import plain
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.operation_models import MessageQuery

    async def work(client: "Client") -> None:
        api = client.host(one_host(client, host))
        query = MessageQuery(level=level, limit=PAGE, after_seq=after, newest=False)  # type: ignore[arg-type]
        async with exporting(settings, file) as write:
            while True:
                reply: MessageList = (await api.message_list(query, options(settings))).reply
                for one in reply.messages:
                    write(json.dumps(plain(one), ensure_ascii=False).encode() + b"\n")
                if len(reply.messages) < PAGE:
                    return
                query = query.model_copy(update={"after_seq": reply.messages[-1].seq})

    with_client(settings, work)


def _view(follow: bool) -> "View[Message]":
    from guestwire.cli.output import Column, View, plain

    columns: tuple[Column[Message], ...] = (
        Column("SEQ", lambda m: str(m.seq), right=True),
        Column("TIME", lambda m: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(m.at / 1000))),
        Column("LEVEL", lambda m: m.level, style=lambda m: LEVEL_STYLES.get(m.level)),
        Column("EVENT", lambda m: m.event),
        Column("FIELDS", lambda m: " ".join(f"{key}={value}" for key, value in m.fields.items())),
    )
    return View(columns=columns, name=lambda m: str(m.seq), document=plain, none="no messages", titled=not follow)
