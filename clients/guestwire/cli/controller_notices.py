"""`guestwire notices` through a controller: how it sees hosts, and what hosts said, as its stream tells of it."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from guestwire.cli.failures import remark
from guestwire.cli.notice_lines import NoticeWriter, notice_text
from guestwire.cli.settings import Settings
from guestwire.cli.waking import waking
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol.json_bodies import from_json
from guestwire.protocol.notices import MODELS, Notice
from guestwire.sdk.controller_models import FleetHost, NoticeSeen, answered

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_stream import Changed

AT_ONCE = 500
"""Notices that are asked for at once; of more that came between two questions the oldest are not shown, and that is said."""


async def follow_notices(
    controller: "Controller", settings: Settings, hosts: frozenset[str], classes: frozenset[str], *, follow: bool
) -> None:
    """Write lines until cancelled; without `follow` how hosts stand only.

    The stream says that there is something; what was said is asked for by its number, so that nothing is missed or told twice.
    """
    lines = ControllerLines(settings, controller.site, hosts, classes)
    newest = await controller.notices.list(1)
    last = newest[0].id if newest else 0
    if "presence" in classes:
        lines.stand(await controller.hosts.list(q=f"site={controller.site}"))
    if not follow:
        return
    kinds = ("host", "notice") if "presence" in classes else ("notice",)
    async with waking(controller, settings, *kinds) as wake:
        while True:
            changes = [one for heard in await wake.wait() for one in heard.changes]
            streamed, anew, wake.missed = wake.streams, wake.missed or not wake.streams, False
            news = await wake.look(
                partial(_news, controller, lines, classes, last, changes, streamed=streamed, anew=anew)
            )
            if news is None:
                wake.missed = True
            else:
                last = news


async def _news(
    controller: "Controller", lines: "ControllerLines", classes: frozenset[str], last: int, changes: "Sequence[Changed]",
    *, streamed: bool, anew: bool,
) -> int:  # fmt: skip
    """Write what is new; the number of the last notice. `streamed`: the changes are all that became of hosts; `anew`: there may be
    notices that no change told of."""
    hosts = [answered(FleetHost, one.document) for one in changes if one.kind == "host" and one.document]
    if "presence" in classes and not (changes or streamed):
        hosts = await controller.hosts.list(q=f"site={controller.site}")
    lines.stand(hosts)
    if anew or any(one.kind == "notice" for one in changes):
        last = lines.said(await _since(controller, classes, last), last)
    return last


async def _since(controller: "Controller", classes: frozenset[str], last: int) -> list[NoticeSeen]:
    """The notices after that one, oldest first."""
    wanted = tuple(classes - {"presence"})
    if not wanted:
        return []
    found = []
    async for notice in controller.notices.every(AT_ONCE, **{"class": wanted}):
        if notice.id <= last:
            break
        found.append(notice)
    return found[::-1]


class ControllerLines:
    """What was written already, and what is new."""

    def __init__(self, settings: Settings, site: str, hosts: frozenset[str], classes: frozenset[str]) -> None:
        self._settings = settings
        self._site = site
        self._hosts = hosts
        self._classes = classes
        self._states: dict[str, str] = {}
        self._writer = NoticeWriter(settings)

    def stand(self, hosts: list[FleetHost]) -> None:
        """Write the hosts that stand otherwise than before."""
        for one in hosts:
            if self._meant(one.site, one.host) and self._states.get(one.host) != one.state:
                self._states[one.host] = one.state
                document = {"class": "presence", "host": one.host, "at": one.state_at or now().wall_ms, "state": one.state,
                            "epoch": one.epoch or None, "why": "", "verified": one.listed}  # fmt: skip
                self._writer.write(document, one.host, one.state, f"epoch {one.epoch}" if one.epoch else "never heard")

    def said(self, notices: list[NoticeSeen], last: int) -> int:
        """Write notices; the number of the last one."""
        if len(notices) >= AT_ONCE:
            remark(self._settings, f"there were more than {AT_ONCE} at once; the oldest of them are not shown")
        for one in notices:
            last = max(last, one.id)
            if self._meant(one.site, one.host):
                document = {"class": one.notice_class, "host": one.host, **one.said, "verified": True}
                self._writer.write(document, one.host, one.notice_class, notice_line(one), at_ms=one.at)
        return last

    def _meant(self, site: str, host: str) -> bool:
        return site == self._site and (not self._hosts or host in self._hosts)


def notice_line(one: NoticeSeen) -> str:
    """What a notice says, on one line."""
    said: dict[str, Any] = one.said
    model = next((model for name, model in MODELS.items() if name == one.notice_class), Notice)
    try:
        return notice_text(from_json(model, said, tolerant=True))
    except GuestwireError:
        return " ".join(str(said[field]) for field in ("event", "text") if said.get(field))
