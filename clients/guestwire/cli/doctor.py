"""`guestwire doctor`: what works, what does not, and what to do about it."""

from typing import TYPE_CHECKING

import click

from guestwire.cli.exit_codes import FAILED
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.findings import Finding
    from guestwire.sdk.contexts import Context
    from guestwire.sdk.credentials import Credentials

HOST_TIMEOUT_S = 3.0
STYLES = {"ok": "good", "warn": "warn", "fail": "bad", "skip": "faint"}


@click.command("doctor", cls=Verb)
@pass_settings
def doctor(settings: Settings) -> None:
    """Check this machine, the context, its files, and the way to the broker and the hosts, step by step.

    Ends with 0 when nothing failed; warnings do not fail.
    """
    import asyncio

    from guestwire.cli.findings import Finding
    from guestwire.cli.output import Column, View, write_all

    findings = asyncio.run(_everything(settings))
    view: View[Finding] = View(
        columns=(
            Column("RESULT", lambda f: f.level, style=lambda f: STYLES[f.level]),
            Column("CHECK", lambda f: f.what),
            Column("", lambda f: f.said),
        ),
        name=lambda f: f.what,
        document=Finding.document,
        whole=True,
    )
    write_all(settings, view, findings)
    if any(finding.level == "fail" for finding in findings):
        raise click.exceptions.Exit(FAILED)


async def _everything(settings: Settings) -> "list[Finding]":
    import asyncio

    from guestwire.cli import checks_local, checks_machine
    from guestwire.cli.findings import Finding
    from guestwire.cli.run import chosen_context
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk.hosts import listed_hosts

    findings = checks_local.python()
    try:
        name, context = await chosen_context(settings)
    except GuestwireError as err:
        findings.append(Finding("context", "fail", f"{err.code}: {err.message}", err.remedy))
        return findings + await asyncio.to_thread(checks_machine.check, 0)
    findings.append(Finding("context", "ok", f"{name}: site {context.site} via {context.via}"))
    if context.via == "controller":
        machine = asyncio.create_task(asyncio.to_thread(checks_machine.check, 0))
        findings += checks_local.files(context)
        return (
            findings + await _controller(context, failed=any(one.level == "fail" for one in findings)) + await machine
        )
    about_identity, who = checks_local.identity(context)
    findings += checks_local.files(context) + about_identity
    failed = any(finding.level == "fail" for finding in findings)
    hosts = len(listed_hosts(who.trust)) if who is not None else 0
    machine = asyncio.create_task(asyncio.to_thread(checks_machine.check, hosts))
    try:
        # a certificate that is over is no reason not to ask: the peer's own word is wanted too
        findings += _certificates(context, who.client if who is not None else None)
        if who is not None and not failed:
            findings += await _ways(settings, context, who)
    finally:
        of_machine = await machine  # it has deadlines of its own
    return findings + of_machine


async def _controller(context: "Context", *, failed: bool) -> "list[Finding]":
    from guestwire.cli import checks_controller

    return [] if failed else await checks_controller.check(context)


def _certificates(context: "Context", client: str | None) -> "list[Finding]":
    if not (context.ca or context.certificate):
        return []
    from guestwire.cli import checks_certificates
    from guestwire.link.clock import now

    return checks_certificates.check(context, client, now().wall_ms)


async def _ways(settings: Settings, context: "Context", who: "Credentials") -> "list[Finding]":
    """The brokers, or the listener, then the hosts behind them."""
    from guestwire.cli import checks_broker, checks_hosts, checks_listener
    from guestwire.cli.findings import Finding
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk.client import open_client

    findings: list[Finding] = []
    round_trip: float | None = None
    try:
        if context.via == "mqtt":
            results = await checks_broker.check(context, who)
            findings += [finding for result in results for finding in result.findings]
            reached = [result.round_trip_ms for result in results if result.round_trip_ms is not None]
            if not reached:
                return findings
            round_trip = min(reached)
        elif context.via == "tcp":
            found, round_trip = await checks_listener.check(context, who)
            findings += found
            if round_trip is None:
                return findings
        async with open_client(context) as client:
            findings += await checks_hosts.check(client, round_trip, settings.timeout or HOST_TIMEOUT_S)
    except GuestwireError as err:
        findings.append(Finding("link", "fail", f"{err.code}: {err.message}", err.remedy))
    return findings
