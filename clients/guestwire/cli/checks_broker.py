"""Doctor: the way to each broker of a context, step by step: TCP, TLS with the real alert, CONNACK, version, round trip, and
what the broker lets this client do."""

import asyncio
import statistics
import time
from dataclasses import dataclass

from guestwire.cli import checks_access, checks_sockets, checks_tls
from guestwire.cli.findings import Finding
from guestwire.link import brokers
from guestwire.link.transport import Options, Subscription, Transport, TransportError
from guestwire.protocol import topics
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.links import broker_options

CONNECT_S = 10.0
ASK_S = 15.0
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class BrokerResult:
    """Findings of one broker; `round_trip_ms` between here and the broker alone, None when it was not reached."""

    findings: list[Finding]
    round_trip_ms: float | None


async def check(context: Context, who: Credentials) -> list[BrokerResult]:
    """Every broker of the context, side by side, in the context's order. At most CONNECT_S, ASK_S and the steps of
    `checks_tls`."""
    every = zip(context.brokers, broker_options(context, who, f"{who.client}-doctor"), strict=True)
    return list(await asyncio.gather(*(_one(context, who, url, options) for url, options in every)))


async def _one(context: Context, who: Credentials, url: str, options: Options) -> BrokerResult:
    probe = await asyncio.to_thread(checks_tls.dial, url, options)
    findings, heard = probe.findings, checks_access.Heard()
    try:
        if not probe.reached:
            return BrokerResult(findings, None)
        try:
            async with asyncio.timeout(CONNECT_S):
                link = await brokers.connect(options, heard, context.transport)
        except (TransportError, TimeoutError) as err:
            word = await asyncio.to_thread(probe.last_word)
            if word is not None and word.level == "fail":
                findings[-1] = word
            else:
                findings.append(_not_connected(url, err))
            return BrokerResult(findings, None)
    finally:
        probe.close()
    try:
        async with asyncio.timeout(ASK_S):
            trip = await _connected(context, who, url, link, findings)
            findings += checks_sockets.tcp_options(url, probe.peer or "", options.port)
            findings += await checks_access.check(link, heard, url, context, who)
    except TransportError as err:
        findings.append(Finding("access", "fail", f"{url}: {err.code}: {err.message}", err.remedy))
        return BrokerResult(findings, None)
    except TimeoutError:
        findings.append(
            Finding("access", "fail", f"{url}: no answer in time", "Is the broker overloaded? See its log.")
        )
        return BrokerResult(findings, None)
    finally:
        await link.close()
    return BrokerResult(findings, trip)


def _not_connected(url: str, err: TransportError | TimeoutError) -> Finding:
    if isinstance(err, TransportError):
        return Finding("mqtt", "fail", f"{url}: {err.code}: {err.message}", err.remedy)
    return Finding("mqtt", "fail", f"{url}: no CONNACK in time", "Is this really an MQTT broker?")


async def _connected(context: Context, who: Credentials, url: str, link: Transport, findings: list[Finding]) -> float:
    """What the broker granted, and the time to it and back in ms."""
    level = "5" if link.connack.level == 5 else "3.1.1"
    limit = f", packets up to {link.connack.max_packet} bytes" if link.connack.max_packet else ""
    findings.append(Finding("mqtt", "ok", f"{url}: connected, MQTT {level}{limit}"))
    responses = topics.topic_filter("response", site=context.site, client=who.client)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await link.subscribe([Subscription(responses)])
        times.append((time.perf_counter() - began) * 1000)
    trip = statistics.median(times)
    findings.append(Finding("round trip", "ok", f"{url}: {trip:.1f} ms to the broker and back"))
    return trip
