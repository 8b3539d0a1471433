"""Doctor: whether the broker keeps this client to its own topics. It is tried, by messages to a host that nobody is.

A site may name no host and no client RESERVED, and who gets one of these messages all the same drops it: it is empty.
"""

from dataclasses import dataclass, field
from typing import Final

from guestwire.cli.findings import Finding
from guestwire.link.transport import Incoming, Subscription, Transport, TransportError
from guestwire.protocol import topics
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials

RESERVED: Final = "doctor-check"
WHAT: Final = "access list"
_REMEDY = "Give the broker the site's access list: `guestwire site broker-config` writes its whole configuration."
_OWN = "The broker must know this client by its id, and its access list must name it: `guestwire site broker-config`."


@dataclass(slots=True)
class Heard:
    """The topics of what came in; a link's `on_message`."""

    topics: set[str] = field(default_factory=set)

    def __call__(self, message: Incoming) -> None:
        self.topics.add(message.topic)
        message.ack()


@dataclass(slots=True)
class _Tried:
    """What the broker took."""

    subscribed: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Topics:
    own_request: str
    own_responses: str
    request: str
    response: str
    presence: str


async def check(link: Transport, heard: Heard, where: str, context: Context, who: Credentials) -> list[Finding]:
    """The findings for one broker. `link` was opened with `heard`; it may be lost afterwards, for some brokers cut the
    connection of who tries what it may not. Every wait has the link's own deadlines."""
    if who.client == RESERVED:
        return [Finding(WHAT, "skip", f"{where}: this client's own name is the one that is tried")]
    site = context.site
    named = _Topics(
        own_request=topics.make("request", site, RESERVED, who.client, "host-ping"),
        own_responses=topics.topic_filter("response", site=site, client=who.client),
        request=topics.make("request", site, RESERVED, RESERVED, "host-ping"),
        response=topics.make("response", site, RESERVED, RESERVED),
        presence=topics.make("presence", site, RESERVED),
    )
    tried = await _try(link, named, asks=who.key is not None)
    return _judge(where, named, tried, heard, who, told=link.connack.level == 5)


async def _try(link: Transport, named: _Topics, *, asks: bool) -> _Tried:
    tried = _Tried()
    try:
        for topic in (named.response, named.request, named.own_request, named.presence):
            if await _subscribes(link, topic):
                tried.subscribed.add(topic)
        own = (named.own_request,) if asks else ()
        for topic in (*own, named.presence, named.request, named.response):
            if await _publishes(link, topic):
                tried.published.add(topic)
        await link.subscribe([Subscription(named.own_responses)])  # what was passed on has come before its answer
    except TransportError as err:
        if err.code != "LINK-LOST":
            raise
        tried.cut = True
    return tried


async def _subscribes(link: Transport, topic: str) -> bool:
    try:
        await link.subscribe([Subscription(topic)])
    except TransportError as err:
        if err.code != "SUBSCRIBE-REFUSED":
            raise
        return False
    return True


async def _publishes(link: Transport, topic: str) -> bool:
    try:
        await link.publish(topic, b"")
    except TransportError as err:
        if err.code != "PUBLISH-REFUSED":
            raise
        return False
    return True


def _judge(where: str, named: _Topics, tried: _Tried, heard: Heard, who: Credentials, *, told: bool) -> list[Finding]:
    """`told`: the broker says of a message that it takes it (MQTT 5). If not, only one that comes back shows that."""
    taken = tried.published if told and not tried.cut else heard.topics
    granted = [
        word
        for topic, word in (
            (named.request, "make requests as another client"),
            (named.presence, "speak as a host"),
            (named.response, "answer for a host"),
        )
        if topic in taken
    ]
    # the right to write to the own topic and none to read it: who gets it back may read what is not for him, although
    # mosquitto takes every subscription, and withholds the messages later
    controller = who.issuer.startswith("controller:")
    reads_requests = named.own_request in heard.topics and not controller
    if named.response in heard.topics or reads_requests:
        granted.append("read what is for others")
    findings = []
    if granted:
        findings.append(Finding(WHAT, "warn", f"{where}: the broker lets this client {', '.join(granted)}", _REMEDY))
    elif tried.cut:
        findings.append(Finding(WHAT, "ok", f"{where}: the broker cuts the connection of who leaves its own topics"))
    else:
        findings.append(Finding(WHAT, "ok", f"{where}: this client is kept to its own topics"))
    everywhere = who.trust is not None and any("*" in scope.hosts for scope in who.trust.scopes_of(who.issuer))
    if who.key is not None and everywhere and told and not tried.cut and named.own_request not in tried.published:
        findings.append(
            Finding(
                "own topics", "fail", f"{where}: the broker refuses this client's own requests ({who.client})", _OWN
            )
        )
    return findings
