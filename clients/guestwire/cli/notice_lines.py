"""Presence and notices of hosts as lines: what came over the link, and what silence means."""

import asyncio
import json
import sys
import time
from typing import Any

from guestwire.cli.failures import remark
from guestwire.cli.output import plain
from guestwire.cli.seen_notices import SeenNotices
from guestwire.cli.settings import Settings
from guestwire.cli.terminal import coloured, paint, printable
from guestwire.link.clock import now
from guestwire.link.invoke import Heard
from guestwire.link.transport import Subscription
from guestwire.model.errors import GuestwireError
from guestwire.protocol import statements, topics
from guestwire.protocol.notices import MODELS, SPOOL_CLASS_OF, AlarmNotice, AuditNotice, CommNotice, GuestNotice, Notice
from guestwire.sdk.client import Client
from guestwire.sdk.hosts import HostSeen, HostWatch, presence_subscription

LOOK_AGAIN_S = 5.0
FIRST_LOOK_S = 1.0
_STYLES = {"online": "good", "suspect": "warn", "flapping": "warn", "offline": "bad", "alarm": "bad", "audit": "warn"}


async def follow_notices(
    client: Client, settings: Settings, hosts: frozenset[str], classes: frozenset[str], *, follow: bool
) -> None:
    """Write lines until cancelled, or the link is closed; without `follow` the first look only."""
    lines = NoticeLines(client, settings, hosts, classes)
    wanted = [presence_subscription(client.site)] if client.only_host is None else []
    if follow:
        wanted.append(Subscription(topics.topic_filter("notice", site=client.site), 1))
    async with client.watch(*wanted) as watching:
        if client.only_host is not None:
            lines.answers(client.only_host)
        look_by = time.monotonic() + FIRST_LOOK_S
        looking, connected = client.only_host is None, True
        while looking or follow:
            wait_s = max(0.0, look_by - time.monotonic()) if looking else LOOK_AGAIN_S
            try:
                async with asyncio.timeout(wait_s):
                    heard = await watching.next()
                    if heard is None:
                        return
                    lines.hear(heard)
            except TimeoutError:
                looking = False
                lines.look_around()
                if client.connected != connected:
                    connected = client.connected
                    remark(settings, "connected again" if connected else "the connection is lost; trying again")
            if looking and lines.complete:
                looking = False
                lines.look_around()


class NoticeLines:
    def __init__(self, client: Client, settings: Settings, hosts: frozenset[str], classes: frozenset[str]) -> None:
        self._site = client.site
        self._client = client
        self._vouched = client.vouched
        self._watch = HostWatch(client.site, lambda: client.trust)
        self._hosts = hosts
        self._classes = classes
        self._told: dict[str, str] = {}
        self._seen = SeenNotices()
        self._write = NoticeWriter(settings).write

    @property
    def complete(self) -> bool:
        return self._watch.complete

    def hear(self, heard: Heard) -> None:
        """Write what a message tells."""
        topic = topics.parse(heard.topic)
        if topic is None or (self._hosts and topic["host"] not in self._hosts):
            return
        if topic.kind == "presence":
            if (host := self._watch.hear(heard)) is not None:
                self._presence(self._watch.one(host))
        elif topic.kind == "notice" and topic["class"] in self._classes:
            self._notice(topic["host"], topic["class"], heard.payload)

    def answers(self, host: str) -> None:
        """Write that the host at the other end of a socket is there: it has said so in its first frame."""
        if not self._hosts or host in self._hosts:
            self._presence(HostSeen(host, "online", None, 0.0, listed=True, verified=True))

    def look_around(self) -> None:
        """Write what silence tells: who went, who was never there."""
        for seen in self._watch.all():
            if not self._hosts or seen.host in self._hosts:
                self._presence(seen)

    def _presence(self, seen: HostSeen) -> None:
        if "presence" not in self._classes or self._told.get(seen.host) == seen.state:
            return
        self._told[seen.host] = seen.state
        silence = "never heard" if seen.silent_s is None else "by its socket"
        why = seen.said.why if seen.said is not None else silence
        details = f"epoch {seen.said.epoch}" if seen.state == "online" and seen.said else why
        document = {
            "class": "presence", "host": seen.host, "at": now().wall_ms, "state": seen.state,
            "epoch": seen.said.epoch if seen.said else None, "why": why, "verified": seen.verified,
        }  # fmt: skip
        self._write(document, seen.host, seen.state, details, verified=seen.verified or seen.said is None)

    def _notice(self, host: str, notice_class: str, payload: bytes) -> None:
        model = next((model for name, model in MODELS.items() if name == notice_class), Notice)
        try:
            said = statements.read(payload, self._client.trust, self._site, f"host:{host}", "notice", now())
            notice = said.read(model)
        except GuestwireError as err:
            document = {"class": notice_class, "host": host, "at": now().wall_ms, "refused": err.code}
            self._write(document, host, notice_class, f"a notice was not believed: {err.code}", verified=True)
            return
        spool_class = next((one for name, one in SPOOL_CLASS_OF.items() if name == notice_class), notice_class)
        if not self._seen.fresh(host, notice.log, spool_class, notice.seq):
            return
        verified = said.verified or self._vouched
        document = {"class": notice_class, "host": host, **plain(notice), "verified": verified}
        self._write(document, host, notice_class, notice_text(notice), verified=verified, at_ms=notice.at)


class NoticeWriter:
    """Writes lines, or documents for programs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._colour = coloured(sys.stdout)

    def write(
        self,
        document: dict[str, Any],
        host: str,
        word: str,
        text: str,
        *,
        verified: bool = True,
        at_ms: int | None = None,
    ) -> None:
        """One of them: of a host, in a word, what it tells; when, where that is not now."""
        if self._settings.output == "yaml":
            import yaml

            line = "---\n" + yaml.safe_dump(document, sort_keys=False).rstrip()
        elif self._settings.output in ("json", "jsonl"):
            line = json.dumps(document, ensure_ascii=False, default=str)
        elif self._settings.output == "name":
            line = host
        else:
            at = _when(at_ms or now().wall_ms)
            doubt = "" if verified else paint("  (unverified)", "warn", colour=self._colour)
            word = paint(f"{word:<8}", _STYLES.get(word), colour=self._colour)
            line = f"{at}  {host:<16}  {word}  {printable(text)}{doubt}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _when(at_ms: int) -> str:
    """The time of day; with its day where that is not today's."""
    local, today = time.localtime(at_ms / 1000), time.localtime()
    return time.strftime("%H:%M:%S" if local[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", local)


def notice_text(notice: Notice) -> str:
    """What a notice tells, on one line."""
    match notice:
        case GuestNotice():
            change = " -> ".join(str(state) for state in (notice.before, notice.state) if state is not None)
            parts = [
                notice.name,
                f"({notice.guest_id})" if notice.guest_id else "",
                "" if notice.event == "state" else notice.event,
                change,
                notice.reason,
            ]
        case CommNotice():
            parts = [
                notice.guest,
                notice.event,
                notice.name,
                notice.code or "",
                notice.level if notice.level != "info" else "",
                notice.text,
                "(truncated)" if notice.truncated else "",
                f"{len(notice.data)} bytes" if notice.data else "",
                f"{notice.count} times" if notice.count > 1 else "",
            ]
        case AuditNotice():
            parts = [
                notice.event,
                notice.code,
                notice.text,
                f"from {notice.client}",
                f"{notice.count} times" if notice.count > 1 else "",
            ]
        case AlarmNotice():
            parts = [notice.event, notice.code or "", notice.text, notice.remedy]
        case _:
            parts = [notice.event, notice.text]
    return " ".join(part for part in parts if part)
