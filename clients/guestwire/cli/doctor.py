"""`guestwire doctor`: what works, what does not, and what to do about it."""

from typing import TYPE_CHECKING

import click

from guestwire.cli.exit_codes import FAILED
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.findings import Finding
    from guestwire.sdk.contexts import Context

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
            Column("", lambda f: f"{f.text}. -> {f.remedy}" if f.remedy and f.level in ("warn", "fail") else f.text),
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

    findings = checks_local.python()
    try:
        name, context = await chosen_context(settings)
    except GuestwireError as err:
        findings.append(Finding("context", "fail", f"{err.code}: {err.message}", err.remedy))
    else:
        findings.append(Finding("context", "ok", f"{name}: site {context.site} via {context.via}"))
        findings += checks_local.files(context)
        findings += checks_local.trust(context)
        if not any(finding.level == "fail" for finding in findings):
            findings += await _ways(settings, context)
    return findings + await asyncio.to_thread(checks_machine.check)


async def _ways(settings: Settings, context: "Context") -> "list[Finding]":
    """The brokers, then the hosts behind them."""
    from guestwire.cli import checks_broker, checks_hosts
    from guestwire.cli.findings import Finding
    from guestwire.link.clock import now
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk import credentials
    from guestwire.sdk.client import open_client

    findings: list[Finding] = []
    round_trip: float | None = None
    try:
        if context.via == "mqtt":
            results = await checks_broker.check(context, credentials.read(context, now().wall_ms))
            findings += [finding for result in results for finding in result.findings]
            reached = [result.round_trip_ms for result in results if result.round_trip_ms is not None]
            if not reached:
                return findings
            round_trip = min(reached)
        async with open_client(context) as client:
            findings += await checks_hosts.check(client, round_trip, settings.timeout or HOST_TIMEOUT_S)
    except GuestwireError as err:
        findings.append(Finding("link", "fail", f"{err.code}: {err.message}", err.remedy))
    return findings
