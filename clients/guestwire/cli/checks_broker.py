"""Doctor: the way to each broker of a context, step by step: TCP, TLS with the real alert, CONNACK, version, round trip."""

import asyncio
import socket
import ssl
import statistics
import time
from dataclasses import dataclass

from guestwire.cli.findings import Finding
from guestwire.link import brokers
from guestwire.link.transport import Incoming, Options, Subscription, TransportError
from guestwire.protocol import topics
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.links import broker_options

STEP_S = 5.0
ALERT_S = 0.5
"""A TLS 1.3 broker judges the client's certificate after the handshake: how long to wait for its word."""
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class BrokerResult:
    """Findings of one broker; `round_trip_ms` between here and the broker alone, None when it was not reached."""

    findings: list[Finding]
    round_trip_ms: float | None


async def check(context: Context, who: Credentials) -> list[BrokerResult]:
    """Every broker of the context, one after the other."""
    every = zip(context.brokers, broker_options(context, who, f"{who.client}-doctor"), strict=True)
    return [await _one(context, who, url, options) for url, options in every]


async def _one(context: Context, who: Credentials, url: str, options: Options) -> BrokerResult:
    findings, reached = await asyncio.to_thread(_dial, url, options)
    if not reached:
        return BrokerResult(findings, None)
    try:
        async with asyncio.timeout(STEP_S * 3):
            link = await brokers.connect(options, _ignore, context.transport)
    except TransportError as err:
        findings.append(Finding("mqtt", "fail", f"{url}: {err.code}: {err.message}", err.remedy))
        return BrokerResult(findings, None)
    except TimeoutError:
        findings.append(Finding("mqtt", "fail", f"{url}: no CONNACK in time", "Is this really an MQTT broker?"))
        return BrokerResult(findings, None)
    try:
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
    except TransportError as err:
        findings.append(Finding("access", "fail", f"{url}: {err.code}: {err.message}", err.remedy))
        return BrokerResult(findings, None)
    finally:
        await link.close()
    return BrokerResult(findings, trip)


def _dial(url: str, options: Options) -> tuple[list[Finding], bool]:
    """TCP, then TLS where there is TLS. Blocking; with deadlines."""
    began = time.perf_counter()
    try:
        raw = socket.create_connection((options.host, options.port), STEP_S)
    except OSError as err:
        text = f"{url}: {err.strerror or err}"
        return [Finding("tcp", "fail", text, "Check the address, the port and the firewalls between.")], False
    took = (time.perf_counter() - began) * 1000
    findings = [Finding("tcp", "ok", f"{url}: connected to {raw.getpeername()[0]} in {took:.1f} ms")]
    with raw:
        if options.tls is None:
            return findings, True
        finding = _handshake(url, options, raw)
    return [*findings, finding], finding.level == "ok"


def _handshake(url: str, options: Options, raw: socket.socket) -> Finding:
    assert options.tls is not None
    try:
        raw.settimeout(STEP_S)
        with options.tls.wrap_socket(raw, server_hostname=options.tls_server_name) as secured:
            cipher = secured.cipher()
            text = f"{url}: {secured.version()}, {cipher[0] if cipher else '?'}"
            secured.settimeout(ALERT_S)
            try:
                if secured.recv(1) == b"":
                    return Finding("tls", "fail", f"{url}: the broker closed after the handshake", _CERTIFICATE)
            except TimeoutError:
                return Finding("tls", "ok", text)
            return Finding("tls", "ok", text)
    except ssl.SSLCertVerificationError as err:
        return Finding("tls", "fail", f"{url}: the broker's certificate: {err.verify_message}", _AUTHORITY)
    except ssl.SSLError as err:
        return Finding("tls", "fail", f"{url}: {err.reason or err}", _CERTIFICATE)
    except OSError as err:
        return Finding("tls", "fail", f"{url}: {err.strerror or err}", _CERTIFICATE)


_AUTHORITY = (
    "Is `ca` of the context the CA of the broker's certificate, and the broker's name in it? Are the clocks right?"
)
_CERTIFICATE = (
    "Does the broker want a client certificate of its own CA (certificate, certificate_key)? Is this a TLS port?"
)


def _ignore(message: Incoming) -> None:
    message.ack()
