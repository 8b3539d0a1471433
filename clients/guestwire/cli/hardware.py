"""`guestwire hardware`: the machine a host runs on, and what a change of it means for a draft."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.project_options import FILE, HOST, MAYBE_HOST
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.model.topology import Topology
    from guestwire.sdk.client import Client


@click.group("hardware", cls=Noun)
def hardware() -> None:
    """The machine of a host: CPUs, caches, memory, devices; and drafts for a machine that has changed."""


@hardware.command("show")
@MAYBE_HOST
@click.option(
    "--io",
    "devices",
    is_flag=True,
    help="List the devices as well: PCI with the links and addresses of network adapters, USB.",
)
@pass_settings
def show(settings: Settings, host: str | None, devices: bool) -> None:
    """Packages, dies, NUMA nodes, caches, cores and CPUs, as a tree; -o json gives what --topology takes."""
    from guestwire.cli.hardware_views import machine_lines
    from guestwire.cli.output import plain, write_document
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host

    async def work(client: "Client") -> "Topology":
        return (await client.host(one_host(client, host)).host_topology(options(settings))).reply.topology

    machine = with_client(settings, work)
    if settings.for_programs:
        write_document(settings, plain(machine))
    elif settings.output == "name":
        click.echo(machine.fingerprint)
    else:
        click.echo("\n".join(machine_lines(machine, devices=devices or settings.output == "wide")))


@hardware.command("tuning")
@MAYBE_HOST
@pass_settings
def tuning(settings: Settings, host: str | None) -> None:
    """What the host is tuned to while real-time guests run: CPUs shielded, interrupts moved, siblings offline.

    A value that the kernel refuses, or that somebody changed since, is shown as that; -o wide says why each is wanted.
    """
    from guestwire.cli.hardware_views import tuning_view
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.config_models import HostTuning

    async def work(client: "Client") -> HostTuning:
        return (await client.host(one_host(client, host)).host_tuning(options(settings))).reply

    found = with_client(settings, work)
    write_all(settings, tuning_view(), found.values)
    for text in found.left_out:
        click.echo(text, err=True)


@hardware.command("memory")
@MAYBE_HOST
@pass_settings
def memory(settings: Settings, host: str | None) -> None:
    """How the host's memory is shared out: by address on a simulated host, else what is set aside for whom.

    Linux places guests where it likes: there is no address map of a real host.
    """
    from guestwire.cli import memory_views
    from guestwire.cli.output import write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.model.desired import Desired
    from guestwire.model.host import Host
    from guestwire.protocol.config_models import ConfigRef

    async def work(client: "Client") -> "tuple[Host, Topology, Desired]":
        api, said = client.host(one_host(client, host)), options(settings)
        shown = (await api.host_show(said)).reply.host
        topology = (await api.host_topology(said)).reply.topology
        return shown, topology, (await api.config_show(ConfigRef(), said)).reply.desired

    shown, topology, desired = with_client(settings, work)
    size = shown.facts.memory_mib
    if shown.driver == "simulated":
        write_all(settings, memory_views.map_view(), memory_views.map_rows(desired, size))
    else:
        write_all(settings, memory_views.reserved_view(), memory_views.reserved(desired, size, topology))


@hardware.command("pull")
@HOST
@FILE
@click.option("--save", is_flag=True, help="Keep the mapped draft. Nothing is applied.")
@pass_settings
def pull(settings: Settings, host: str, file: Path | None, save: bool) -> None:
    """Map the draft's CPUs to the machine that HOST is now, and say what that comes to.

    Real-time guests keep their order from the top, the others their relative order below. Only --save changes the draft.
    """
    from guestwire.cli import drafts, pulling
    from guestwire.cli.config_views import counted, write_issues
    from guestwire.model.errors import GuestwireError
    from guestwire.model.facts import Facts
    from guestwire.model.remap import remap
    from guestwire.sdk.draft_rules import verdict
    from guestwire.sdk.project_store import Base

    draft = drafts.chosen(settings, host, file)
    desired = draft.desired()
    store = drafts.store(settings)
    shown, machine = pulling.fetch(settings, host)
    if machine is None:
        raise GuestwireError("UNSUPPORTED", f"{host} does not tell what machine it is.")
    base = store.base(host)
    old = base.topology if base is not None else None
    mapped, moved = remap(desired, old, machine)
    facts = Facts(topology=machine, active=shown.desired, remapped=moved)
    found = verdict(mapped, facts, host)
    write_issues(settings, found.issues, found.more)
    if desired.base_topology == machine.fingerprint and not moved:
        failures.remark(settings, f"{host} is the machine that the draft was made for")
    if save:
        draft.amend(lambda now: remap(now, old, machine)[0])
        before = base or Base(revision=shown.revision.number, desired=shown.desired)
        store.keep(host, before.model_copy(update={"topology": machine}))
        failures.remark(settings, f"{draft.where}: {counted(found.issues, found.more)}")
    elif mapped != desired:
        failures.remark(settings, "not kept: --save writes it into the draft")
