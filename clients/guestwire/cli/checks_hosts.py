"""Doctor: do the hosts answer, is the way quick, are the clocks together, do they believe what this client believes."""

import asyncio
from dataclasses import dataclass

from guestwire.cli.findings import Finding, Level
from guestwire.cli.pings import Pings, ping_host
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import TrustKnown
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.bulk import each
from guestwire.sdk.client import Client

PINGS = 5
NAGLE_MS = 35.0
"""What Nagle's algorithm and delayed acknowledgements add at least (40 ms timers)."""
SKEW_WARN_S, SKEW_FAIL_S = 2.0, 60.0


async def check(client: Client, round_trip_ms: float | None, timeout_s: float) -> list[Finding]:
    """Every host of the site. `round_trip_ms`: to the broker alone."""
    seen = await client.hosts()
    if not seen:
        return [Finding("hosts", "warn", "the site has no hosts", "guestwire site add-host DIRECTORY ID")]
    findings = [
        Finding(f"host {one.host}", "fail", "offline", "Is its guestwire-agent running, and can it reach the broker?")
        for one in seen
        if one.state == "offline"
    ]
    options = CallOptions(timeout_s=timeout_s)

    async def one(host: str) -> _Told:
        pings, revision = await asyncio.gather(
            ping_host(client, host, PINGS, 0, options), _revision(client, host, options)
        )
        return _Told(pings, revision)

    there = [one.host for one in seen if one.state != "offline"]
    ours = client.trust.revision if client.trust is not None else None
    for outcome in await each(there, one):
        if outcome.result is not None:
            findings += _judge(outcome.result.pings, round_trip_ms)
            if ours is not None and (theirs := outcome.result.revision) is not None:
                findings.append(trust_of(outcome.result.pings.host, ours, theirs))
    return findings


@dataclass(frozen=True, slots=True)
class _Told:
    """What one host said; the revision None where it did not say."""

    pings: Pings
    revision: tuple[int, int] | None


async def _revision(client: Client, host: str, options: CallOptions) -> tuple[int, int] | None:
    """Of the trust document in force at the host. Older hosts cannot say, and nobody else needs to."""
    known = TrustKnown(revision=client.trust.revision) if client.trust is not None else TrustKnown()
    try:
        return (await client.host(host).trust_show(known, options)).reply.revision
    except GuestwireError:
        return None


def trust_of(host: str, ours: tuple[int, int], theirs: tuple[int, int]) -> Finding:
    """How the revision in force at a host, and of its members, stands to that of this client."""
    what = f"trust {host}"
    text = f"revision {_words(theirs)}"
    if theirs[0] < ours[0] or theirs[1] < ours[1]:
        return Finding(
            what, "warn", f"{text} is in force there, and {_words(ours)} here: it is behind",
            "`guestwire site trust publish` brings it there; until then it believes revoked keys, and no new ones.",
        )  # fmt: skip
    if theirs != ours:
        text += f" is in force there, and {_words(ours)} here: this context is behind"
        return Finding(what, "warn", text, "Copy the site's newest trust document to the file of the context.")
    return Finding(what, "ok", f"{text}, as here")


def _words(revision: tuple[int, int]) -> str:
    return f"{revision[0]}.{revision[1]}" if revision[1] else str(revision[0])


def _judge(pings: Pings, round_trip_ms: float | None) -> list[Finding]:
    what = f"host {pings.host}"
    if pings.error is not None:
        return [Finding(what, "fail", f"{pings.error.code}: {pings.error.message}", pings.error.remedy)]
    median = pings.median(pings.times_ms)
    text = f"answers in {median:.1f} ms, epoch {pings.epoch}"
    if not pings.verified:
        return [Finding(what, "warn", f"{text}, but nothing vouches for it", "Set trust, root and key in the context.")]
    findings = [Finding(what, "ok", text)]
    if round_trip_ms is not None and median - 2 * round_trip_ms > NAGLE_MS:
        findings.append(
            Finding(
                f"latency {pings.host}",
                "warn",
                f"{median:.0f} ms, with {round_trip_ms:.1f} ms to the broker: small packets seem to be held back",
                "Set `set_tcp_nodelay true` in mosquitto.conf (Nagle's algorithm); or the host is far away or busy.",
            )
        )
    if pings.clock_ms is not None:
        findings.append(_clock(pings.host, pings.clock_ms / 1000))
    return findings


def _clock(host: str, ahead_s: float) -> Finding:
    what, text = f"clock {host}", f"{ahead_s:+.1f} s against this machine"
    if abs(ahead_s) < SKEW_WARN_S:
        return Finding(what, "ok", text)
    level: Level = "fail" if abs(ahead_s) >= SKEW_FAIL_S else "warn"
    return Finding(what, level, text, "Synchronise both clocks (chrony, NTP): requests expire by the host's clock.")
