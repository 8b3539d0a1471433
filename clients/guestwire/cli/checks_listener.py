"""Doctor: the way to the TCP listener of a host: TLS with the real alert, who the host takes us for, round trip."""

import asyncio
import statistics
import time

from guestwire.cli import checks_sockets, checks_tls
from guestwire.cli.findings import Finding
from guestwire.link.tcp_client import TcpConnect
from guestwire.link.transport import Incoming, TransportError
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.links import host_options

STEP_S = 5.0
ROUNDS = 5


async def check(context: Context, who: Credentials) -> tuple[list[Finding], float | None]:
    """The listener of the context's host; ms there and back, None when it was not reached."""
    options = host_options(context, who, STEP_S)
    where = f"{context.host} at {context.address}"
    probe = await asyncio.to_thread(checks_tls.dial, where, options)
    findings = probe.findings
    try:
        if not probe.reached:
            return findings, None
        # the host says in its first words what it thinks of the certificate: no need to wait for nothing
        word = await asyncio.to_thread(probe.last_word)
        if word is not None:
            return [*findings[:-1], word], None
    finally:
        probe.close()
    try:
        link = await TcpConnect()(options, _ignore)
    except TransportError as err:
        return [*findings, Finding("listener", "fail", f"{where}: {err.code}: {err.message}", err.remedy)], None
    try:
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await link.subscribe([])
            times.append((time.perf_counter() - began) * 1000)
        findings.append(Finding("listener", "ok", f"{where}: it knows us as {who.client}"))
        findings += checks_sockets.tcp_options(where, probe.peer or "", options.port)
    except TransportError as err:
        return [*findings, Finding("round trip", "fail", f"{where}: {err.code}: {err.message}", err.remedy)], None
    finally:
        await link.close()
    trip = statistics.median(times)
    return [*findings, Finding("round trip", "ok", f"{where}: {trip:.1f} ms to the host and back")], trip


def _ignore(message: Incoming) -> None:
    message.ack()
