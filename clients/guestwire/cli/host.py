"""`guestwire host`: which hosts a site has, what they are, whether they answer."""

from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.exit_codes import of_several
from guestwire.cli.host_enrol import enrol, expel_one
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.model.host import Host
    from guestwire.sdk.client import Client
    from guestwire.sdk.hosts import HostSeen

ALWAYS_ASK = 3
PRESENCE_STYLES = {"online": "good", "suspect": "warn", "flapping": "warn", "offline": "bad", "unknown": "warn"}


@click.group("host", cls=Noun)
def host() -> None:
    """Hypervisor hosts: list, show, ping, reboot, enrol, ..."""


host.add_command(enrol)
host.add_command(expel_one)


@host.command("list")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0.05, 60),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to listen for hosts that are not heard at once.",
)
@pass_settings
def list_hosts(settings: Settings, wait_s: float) -> None:  # fmt: skip
    """Every host of the site, and whether it is there.

    The trust document tells which hosts there are; their presence tells how they fare.
    """
    from guestwire.cli.output import write_all
    from guestwire.cli.run import with_client

    async def work(client: "Client") -> "tuple[HostSeen, ...]":
        return await client.hosts(wait_s)

    write_all(settings, _presence_view(), with_client(settings, work))


@host.command("show")
@click.argument("host_id", metavar="[HOST]", required=False)
@pass_settings
def show(settings: Settings, host_id: str | None) -> None:
    """What a host is, can do and needs. Without HOST: the only one there is."""
    from guestwire.cli.output import View, plain, write_one
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host

    async def work(client: "Client") -> "tuple[Host, bool]":
        answer = await client.host(one_host(client, host_id)).host_show(options(settings))
        return answer.reply.host, answer.verified

    shown, verified = with_client(settings, work)
    view: View[Host] = View((), name=lambda h: h.id, document=lambda h: {**plain(h), "verified": verified})
    write_one(settings, shown, view, _facts(shown, verified=verified))


@host.command("ping")
@click.argument("hosts", metavar="HOST...", nargs=-1)
@click.option("-c", "--count", type=click.IntRange(1, 1000), default=3, show_default=True, help="How many pings each.")
@click.option("--bytes", "size", type=click.IntRange(0, 32_768), default=0, help="Bytes of payload.")
@pass_settings
def ping(settings: Settings, hosts: tuple[str, ...], count: int, size: int) -> None:
    """Measure the way to hosts and back, and the difference of the clocks. Without HOST: every host of the site."""
    from guestwire.cli.output import Column, View, write_all
    from guestwire.cli.pings import Pings, measure
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import all_hosts

    async def work(client: "Client") -> "tuple[Pings, ...]":
        return await measure(client, await all_hosts(client, hosts, settings), count, size, options(settings))

    results = with_client(settings, work)
    view: View[Pings] = View(
        columns=(
            Column("HOST", lambda p: p.host),
            Column("ANSWERED", lambda p: f"{len(p.times_ms)}/{p.sent}", style=lambda p: None if p.times_ms else "bad"),
            Column("MIN", lambda p: p.milliseconds(min), right=True),
            Column("MEDIAN", lambda p: p.milliseconds(p.median), right=True),
            Column("MAX", lambda p: p.milliseconds(max), right=True),
            Column("CLOCK", lambda p: "-" if p.clock_ms is None else f"{p.clock_ms / 1000:+.1f}s"),
            Column("EPOCH", lambda p: "-" if p.epoch is None else str(p.epoch), wide=True),
            Column("VERIFIED", lambda p: "yes" if p.verified else "no", wide=True),
        ),
        name=lambda p: p.host,
        document=lambda p: p.document(),
        none="no hosts",
    )
    write_all(settings, view, results)
    for result in results:
        if result.error is not None:
            failures.report(settings, result.error, result.host)
    if failed := of_several(result.error.code for result in results if result.error is not None):
        raise click.exceptions.Exit(failed)


@host.command("log-level")
@click.argument("host_id", metavar="HOST")
@click.argument("level", type=click.Choice(["off", "debug", "info", "warning", "error"]))
@click.option(
    "--for",
    "ttl_s",
    type=click.IntRange(0, 86_400),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="For so long; then the configured level again. 0: until the agent restarts.",
)
@pass_settings
def log_level(settings: Settings, host_id: str, level: str, ttl_s: int) -> None:
    """Set how much the agent of a host says."""
    from guestwire.cli.output import View, plain, write_one
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.cli.times import clock_time
    from guestwire.protocol.operation_models import LogLevel, LogLevelSet

    request = LogLevel(level=level, ttl_s=ttl_s)  # type: ignore[arg-type]

    async def work(client: "Client") -> LogLevelSet:
        return (await client.host(one_host(client, host_id)).log_level(request, options(settings))).reply

    now_set = with_client(settings, work)
    until = "the agent restarts" if now_set.until is None else clock_time(now_set.until)
    view: View[LogLevelSet] = View((), name=lambda s: s.level, document=plain)
    write_one(settings, now_set, view, [("level", now_set.level), ("until", until)])


@host.command("log-clear")
@click.argument("host_id", metavar="HOST")
@pass_settings
def log_clear(settings: Settings, host_id: str) -> None:
    """Forget what the agent of a host has said: its messages and its log files. The audit log stays."""
    from guestwire.cli.confirm import ask
    from guestwire.cli.output import View, plain, write_one
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.operation_models import LogCleared

    ask(settings, "forget the log of", 3, (host_id,))

    async def work(client: "Client") -> LogCleared:
        return (await client.host(one_host(client, host_id)).log_clear(options(settings))).reply

    cleared = with_client(settings, work)
    view: View[LogCleared] = View((), name=lambda one: host_id, document=plain)
    write_one(settings, cleared, view, [("forgotten", f"{cleared.forgotten} messages")])


def _power(verb: str, summary: str, asked: str) -> None:
    """A verb that takes the host away."""

    @host.command(verb, help=summary)
    @click.argument("host_id", metavar="HOST")
    @click.option("--force", is_flag=True, help="Though guests run, and without waiting for them.")
    @pass_settings
    def command(settings: Settings, host_id: str, force: bool) -> None:
        from guestwire.cli.confirm import ask
        from guestwire.cli.run import options, with_client
        from guestwire.cli.targets import one_host
        from guestwire.protocol.config_models import HostPower

        ask(settings, asked, ALWAYS_ASK, [host_id])

        async def work(client: "Client") -> None:
            api = client.host(one_host(client, host_id))
            call = api.host_reboot if verb == "reboot" else api.host_poweroff
            await call(HostPower(force=force), options(settings))

        with_client(settings, work)
        failures.remark(settings, f"{host_id}: {verb} begun")


for _verb, _summary, _asked in (
    ("reboot", "Reboot a host. Refused while guests run, unless forced.", "reboot"),
    ("poweroff", "Switch a host off. Refused while guests run, unless forced.", "switch off"),
):
    _power(_verb, _summary, _asked)


def _presence_view() -> "View[HostSeen]":
    from guestwire.cli.output import Column, View, plain
    from guestwire.cli.times import clock_time, span

    def trusted(seen: "HostSeen") -> str:
        return "yes" if seen.verified else "no" if seen.said is not None else "-"

    return View(
        columns=(
            Column("HOST", lambda s: s.host),
            Column("STATE", lambda s: s.state, style=lambda s: PRESENCE_STYLES[s.state]),
            Column("HEARD", lambda s: span(s.silent_s)),
            Column("UP SINCE", lambda s: clock_time(s.said.since) if s.said and s.said.online else "-"),
            Column("AGENT", lambda s: s.said.agent_version if s.said else "-"),
            Column("VERIFIED", trusted, style=lambda s: "bad" if s.said is not None and not s.verified else None),
            Column("EPOCH", lambda s: str(s.said.epoch) if s.said else "-", wide=True),
            Column("WHY", lambda s: s.said.why if s.said else "never heard" if s.silent_s is None else "-", wide=True),
            Column("LISTED", lambda s: "yes" if s.listed else "no", wide=True),
        ),
        name=lambda s: s.host,
        document=lambda s: {
            "host": s.host,
            "state": s.state,
            "silent_s": s.silent_s,
            "listed": s.listed,
            "verified": s.verified,
            "presence": plain(s.said),
        },
        none="no hosts: the site's trust document lists none, and none was heard",
    )


def _facts(shown: "Host", *, verified: bool) -> list[tuple[str, str]]:
    from guestwire.cli.times import ago, clock_time

    facts, can = shown.facts, shown.facts.capabilities
    abilities = [
        word
        for word, has in (("KVM", can.kvm), ("TCG", can.tcg), ("IOMMU", can.iommu), ("resctrl", can.resctrl),
                          ("real-time kernel", can.rt_kernel))
        if has
    ]  # fmt: skip
    refused = ", ".join(f"{code} {count}" for code, count in sorted(shown.refused.items()))
    reboot = "; ".join(shown.reboot_required.reasons) or "yes"
    lines = [
        ("host", f"{shown.id} ({shown.label})" if shown.label not in ("", shown.id) else shown.id),
        ("site", shown.site),
        ("driver", f"{shown.driver}, {can.hypervisor or 'hypervisor unknown'}"),
        ("hypervisor", "connected" if shown.hypervisor_connected else "NOT CONNECTED"),
        ("guests", f"{shown.guests}, {shown.guests_running} running"),
        ("machine", f"{facts.hostname}, {facts.machine}, Linux {facts.kernel}"),
        ("CPUs", str(facts.cpus)),
        ("memory", f"{facts.memory_mib} MiB, {facts.memory_free_mib} MiB free"),
        ("can", ", ".join(abilities) or "-"),
        ("cgroup", can.cgroup),
        *(("note", note) for note in can.notes),
        ("reboot", reboot if shown.reboot_required.required else "not needed"),
        ("agent", f"{shown.agent_version}, up {ago(shown.started_at, shown.now)}, epoch {shown.epoch}"),
        ("clock", f"{clock_time(shown.now)}, {shown.clock}"),
        ("refused", refused or "nothing"),
    ]
    return lines if verified else [*lines, ("verified", "no: nobody signed this")]
