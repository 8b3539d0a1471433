"""`guestwire site`: make a site and add to it. Works on files only; the root key can stay on a machine without a network."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.site.layout import Layout


@click.group("site", cls=Noun)
def site() -> None:
    """Make a site: its root, keys, trust document and certificates."""


@site.command("init")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--site", "name", metavar="ID", help="The site's id; the directory's name where left out.")
@click.option("--host", "hosts", metavar="ID", multiple=True, help="Make a key for this host. Repeatable.")
@click.option(
    "--operator",
    "operators",
    metavar="NAME",
    multiple=True,
    default=("admin",),
    show_default=True,
    help="Make a key for this operator. Repeatable.",
)
@click.option(
    "--controller",
    "controllers",
    metavar="NAME",
    multiple=True,
    default=("main",),
    show_default=True,
    help="Make a key for this controller. Repeatable.",
)
@click.option(
    "--local-uid",
    "uids",
    type=click.IntRange(min=0),
    multiple=True,
    help="A user of the hosts who may do everything over the Unix socket, besides root and you. Repeatable.",
)
@click.option("--tls", is_flag=True, help="Make a CA too, with certificates for the broker and every client.")
@click.option(
    "--broker-name",
    "broker_names",
    metavar="NAME|ADDRESS",
    multiple=True,
    default=("localhost", "127.0.0.1", "::1"),
    show_default=True,
    help="A name or address in the broker's certificate. Repeatable.",
)
@click.option(
    "--broker",
    "brokers",
    metavar="URL",
    multiple=True,
    help="mqtt://HOST:PORT or mqtts://...: make a context for the first operator by this broker too. Repeatable.",
)
@pass_settings
def init(
    settings: Settings, directory: Path, name: str | None, hosts: tuple[str, ...], operators: tuple[str, ...],
    controllers: tuple[str, ...], uids: tuple[int, ...], tls: bool, broker_names: tuple[str, ...],
    brokers: tuple[str, ...],
) -> None:  # fmt: skip
    """Make a site in DIRECTORY, which must not exist or be empty. Nothing is ever overwritten."""
    import os

    from guestwire.site.enrolment import SitePlan, create

    plan = SitePlan(
        site=name or directory.absolute().name.lower(), hosts=hosts, operators=operators, controllers=controllers,
        local_uids=(0, os.getuid(), *uids), tls=tls, broker_names=broker_names,
    )  # fmt: skip
    layout = create(directory, plan, time.time_ns() // 1_000_000)
    if brokers:
        _make_context(settings, layout, plan.site, operators[0], brokers, tls=tls)
    _tell(settings, layout, "made", [f"host:{h}" for h in hosts] + [f"operator:{o}" for o in operators])


@site.command("add-host")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("hosts", metavar="ID...", nargs=-1, required=True)
@pass_settings
def add_host(settings: Settings, directory: Path, hosts: tuple[str, ...]) -> None:
    """Make keys for more hosts, and the next revision of the trust document."""
    _add(settings, directory, [f"host:{host}" for host in hosts])


@site.command("add-operator")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("operators", metavar="NAME...", nargs=-1, required=True)
@pass_settings
def add_operator(settings: Settings, directory: Path, operators: tuple[str, ...]) -> None:
    """Make keys for more operators, and the next revision of the trust document."""
    _add(settings, directory, [f"operator:{operator}" for operator in operators])


@site.command("show")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@pass_settings
def show(settings: Settings, directory: Path) -> None:
    """Who is in the trust document, and how far each key goes."""
    from guestwire.cli.output import Column, View, write_all
    from guestwire.protocol.signing import key_id
    from guestwire.protocol.trust import Signer
    from guestwire.sdk.credentials import read_trust
    from guestwire.site.layout import Layout

    layout = Layout(directory)
    document = read_trust(layout.trust, layout.root_public).document

    def identifier(signer: Signer) -> str:
        return key_id(bytes.fromhex(signer.public_key)).hex()

    view: View[Signer] = View(
        columns=(
            Column("PRINCIPAL", lambda s: s.principal),
            Column("KEY", identifier),
            Column("RISK", lambda s: f"R{s.scope.risk}"),
            Column("OPERATIONS", lambda s: ",".join(s.scope.operations) or "-"),
            Column("HOSTS", lambda s: ",".join(s.scope.hosts) or "-"),
            Column("REVOKED", lambda s: "yes" if identifier(s) in document.revoked else "no", wide=True),
        ),
        name=lambda s: s.principal,
        document=lambda s: {**s.model_dump(mode="json"), "key_id": identifier(s)},
    )
    failures.remark(settings, f"site {document.site}, trust document revision {document.rev}")
    write_all(settings, view, document.signers)


def _add(settings: Settings, directory: Path, principals: list[str]) -> None:
    from guestwire.site.enrolment import add
    from guestwire.site.layout import Layout

    document = add(directory, principals, time.time_ns() // 1_000_000)
    _tell(settings, Layout(directory), "added", principals)
    failures.remark(settings, f"Give every host and client the new trust document (revision {document.rev}).")


def _make_context(
    settings: Settings, layout: "Layout", name: str, operator: str, brokers: tuple[str, ...], *, tls: bool
) -> None:
    import os

    from pydantic import ValidationError

    from guestwire.sdk import context_file, contexts

    base = layout.base.absolute()
    files: dict[str, str] = {"trust": "trust", "root": "root.pub", "key": f"keys/operator-{operator}.key"}
    if tls:
        files |= {"ca": "tls/ca.crt", "certificate": f"tls/{operator}.crt", "certificate_key": f"tls/{operator}.key"}
    try:
        context = contexts.Context(site=name, brokers=brokers, **{k: str(base / v) for k, v in files.items()})  # type: ignore[arg-type]
    except ValidationError as err:
        raise click.BadParameter(str(err.errors()[0]["msg"]), param_hint="--broker") from err
    path = contexts.default_path(os.environ)
    first = contexts.load(path).current is None
    context_file.put(path, name, context, make_current=first)
    failures.remark(settings, f"context {name} made in {path}" + (" and chosen" if first else ""))


def _tell(settings: Settings, layout: "Layout", word: str, principals: list[str]) -> None:
    from guestwire.cli.output import write_document

    keys = {principal: str(layout.key(principal)) for principal in principals}
    files = {"directory": str(layout.base), "trust": str(layout.trust), "root": str(layout.root_public), "keys": keys}
    if settings.for_programs:
        write_document(settings, files)
    elif settings.output == "name":
        click.echo(str(layout.base))
    else:
        click.echo(f"{word} in {layout.base}:")
        for principal, path in keys.items():
            click.echo(f"  {principal:<24} {path}")
        failures.remark(
            settings,
            f"Every host needs its own key, {layout.trust.name} and {layout.root_public.name}.\n"
            f"Keep {layout.root_key.parent} offline: who has it decides whom the site believes.",
        )
