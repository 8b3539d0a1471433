"""Commands that write what changes: a line or a document each time, until Ctrl-C or a time is over."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import click

from guestwire.cli.exit_codes import TIMEOUT
from guestwire.cli.failures import remark
from guestwire.cli.settings import Settings


def write_change(settings: Settings, name: str, at_ms: int, document: dict[str, Any], lines: Sequence[str]) -> None:
    """Write one change: for people its lines, each with the time of day; for programs its document."""
    if settings.output == "yaml":
        import yaml

        written = ["---", str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True)).rstrip()]
    elif settings.output in ("json", "jsonl"):
        written = [json.dumps(document, ensure_ascii=False)]
    elif settings.output == "name":
        written = [name]
    else:
        at = time.strftime("%H:%M:%S", time.localtime(at_ms / 1000))
        written = [f"{at}  {line}" for line in lines]
    sys.stdout.write("\n".join(written) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def within(settings: Settings) -> AsyncIterator[None]:
    """The time that --timeout gives the whole command, which ends with the exit code for that."""
    limit = asyncio.timeout(settings.timeout)
    try:
        async with limit:
            yield
    except TimeoutError as err:
        if not limit.expired():
            raise
        remark(settings, f"{settings.timeout:g} seconds are over")
        raise click.exceptions.Exit(TIMEOUT) from err
