"""`guestwire notices --since|--export|--clear`: what hosts have said that a controller keeps."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guestwire.cli.controller_notices import notice_line
from guestwire.cli.failures import remark
from guestwire.cli.settings import Settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_models import NoticeSeen


async def kept(
    controller: "Controller", hosts: frozenset[str], wanted: dict[str, Any], most: int
) -> "list[NoticeSeen]":
    """The newest notices, oldest first."""
    refs: list[str | None] = [controller.ref(host) for host in sorted(hosts)]
    found = [one for ref in refs or [None] for one in await controller.notices.list(most, host=ref, **wanted)]
    return sorted(found, key=lambda one: one.id)[-most:]


async def export(
    controller: "Controller", settings: Settings, hosts: frozenset[str], wanted: dict[str, Any], file: Path
) -> None:
    """All of them into a file, a JSON document on each line."""
    from guestwire.cli.exporting import exporting

    refs: list[str | None] = [controller.ref(host) for host in sorted(hosts)]
    async with exporting(settings, file) as write:
        for ref in refs or [None]:
            async for piece in controller.http.pieces("/notices/export", {**wanted, "host": ref}):
                write(piece)


async def clear(controller: "Controller", settings: Settings, hosts: frozenset[str]) -> None:
    """Have the controller forget what hosts have said until now."""
    for host in sorted(hosts):
        said = await controller.http.ask("DELETE", f"{controller.hosts.at(controller.ref(host))}/notices")
        remark(settings, f"{host}: {said.document['cleared']} notices forgotten")


def view() -> "View[NoticeSeen]":
    """The columns of notices."""
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    return View(
        columns=(
            Column("AT", lambda n: clock_time(n.at)),
            Column("HOST", lambda n: f"{n.site}/{n.host}"),
            Column("CLASS", lambda n: n.notice_class),
            Column("EVENT", lambda n: n.event or "-", wide=True),
            Column("DATA", lambda n: json.dumps(n.said, ensure_ascii=False), wide=True),
            Column("WHAT", notice_line),
        ),
        name=lambda n: str(n.id),
        document=lambda n: n.document,
        none="no notices",
    )
