"""The part of `guestwire site serve` that gives the newest trust document to every host of the site, through a context."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.operation_models import TrustFileGiven, TrustKnown
from guestwire.protocol.trust_file import in_words
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.hosts import HostWatch, listed_hosts, presence_subscription
from guestwire.sdk.trust_spread import Revision, Standing
from guestwire.sdk.trust_spreading import SpreadPorts, TrustSpreading
from guestwire.site.authority import read_trust
from guestwire.site.layout import Layout
from guestwire.site.service_notes import ServiceNotes
from guestwire.site.watched_files import Signature, signature

LOOK_S = 1.0
WHAT = "hosts"
SHOWN = 10


class HostKeeping:
    """The hosts of a site, over one context of it."""

    def __init__(self, layout: Layout, context: Context, notes: ServiceNotes) -> None:
        self._layout = layout
        self._context = context
        self._notes = notes

    async def run(self) -> None:
        """Until cancelled, or until the context's files are replaced: then it is to be run again. Raises GuestwireError when
        there is no way to the hosts at the beginning; later it comes back by itself."""
        async with open_client(self._context) as client, asyncio.TaskGroup() as group:
            spreading = TrustSpreading(_ports(client, self._tell))
            beside = [group.create_task(spreading.run()), group.create_task(self._hear(client, spreading))]
            await self._follow(client, spreading)
            for task in beside:
                task.cancel()

    async def _follow(self, client: Client, spreading: TrustSpreading) -> None:
        """Spread the document whenever the site has another one."""
        own = await asyncio.to_thread(signature, _files(self._context))
        seen: Signature | None = None
        while own == await asyncio.to_thread(signature, _files(self._context)):
            now = await asyncio.to_thread(signature, (self._layout.trust,))
            if now != seen:
                try:
                    trust = await asyncio.to_thread(read_trust, self._layout)
                    await client.take_up(trust.data)  # hosts answer by the keys that it names
                except GuestwireError as err:
                    await self._notes.trouble(WHAT, err)
                else:
                    seen = now
                    spreading.document(trust.revision, trust.data, listed_hosts(trust))
            await asyncio.sleep(LOOK_S)

    async def _hear(self, client: Client, spreading: TrustSpreading) -> None:
        watch = HostWatch(client.site, lambda: client.trust)
        try:
            async with client.watch(presence_subscription(client.site)) as heard:
                async for message in heard:
                    topic = topics.parse(message.topic)
                    if topic is None or topic.kind != "presence" or topic["host"] not in spreading.hosts:
                        continue  # whoever else speaks there fills no memory
                    host = watch.hear(message)
                    seen = watch.one(host) if host is not None else None
                    if seen is not None and seen.said is not None and seen.verified:
                        there = seen.said.online and seen.state != "offline"
                        spreading.heard(seen.host, seen.said.epoch, there=there)
        except GuestwireError as err:
            await self._notes.trouble(WHAT, err)  # hosts are asked now and then all the same

    async def _tell(self, standing: Standing) -> None:
        await self._notes.done(
            WHAT, in_a_line(standing), next(filter(None, standing.missing.values()), "NO-ANSWER") if standing.missing else "ok",
            revision=in_words(standing.revision), have=sorted(standing.have), missing=standing.missing,
        )  # fmt: skip


def in_a_line(standing: Standing) -> str:
    """Who has the document, and who is missing; of many the first."""
    whole = len(standing.have) + len(standing.missing)
    if not standing.missing:
        return f"trust document {in_words(standing.revision)}: every host has it ({whole})"
    named = [f"{host} ({why})" if why else host for host, why in list(standing.missing.items())[:SHOWN]]
    more = f" and {len(standing.missing) - SHOWN} more" if len(standing.missing) > SHOWN else ""
    have = len(standing.have)
    return f"trust document {in_words(standing.revision)}: {have} of {whole} have it; missing {', '.join(named)}{more}"


def context_for(name: str | None, site: str, contexts: Path) -> Context:
    """The context of that name, which has to be one of the site's by a broker.

    Raises CONTEXT-UNKNOWN, CONFIG-INVALID."""
    from guestwire.sdk.contexts import load

    name, context = load(contexts).get(name)
    if context.site != site:
        raise GuestwireError("CONFIG-INVALID", f"The context {name} is for site {context.site}, not {site}.")
    if context.via != "mqtt" or context.trust is None or context.key is None:
        text = f"The context {name} has to reach every host: by mqtt, with trust, root and key."
        raise GuestwireError("CONFIG-INVALID", text)
    return context


def _files(context: Context) -> tuple[Path, ...]:
    """What a connection is made with, and does not read again."""
    return tuple(Path(name) for name in (context.key, context.certificate, context.certificate_key, context.ca) if name)


def _ports(client: Client, tell: Callable[[Standing], Awaitable[None]]) -> SpreadPorts:
    async def ask(host: str, known: Revision, within_s: float) -> Revision:
        answer = await client.host(host).trust_show(TrustKnown(revision=known), CallOptions(timeout_s=within_s))
        return answer.reply.revision

    async def give(host: str, file: bytes, within_s: float) -> Revision:
        answer = await client.host(host).trust_update(TrustFileGiven(file=file), CallOptions(timeout_s=within_s))
        return answer.reply.revision

    return SpreadPorts(ask=ask, give=give, tell=tell, mono=time.monotonic)
