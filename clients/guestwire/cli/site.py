"""`guestwire site`: make a site and add to it. Works on files only; the root key can stay on a machine without a network."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.site_broker import broker_config
from guestwire.cli.site_ca import ca
from guestwire.cli.site_root import enroller, root
from guestwire.cli.site_rules import mandate_revoke, signers_needed
from guestwire.cli.site_serve import serve
from guestwire.cli.site_signer import signer
from guestwire.cli.site_trust import trust

if TYPE_CHECKING:
    from guestwire.protocol.trust import RoleName
    from guestwire.site.layout import Layout

OPERATOR_ROLES = ("observer", "operator", "engineer", "admin")


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
    metavar="NAME[=ROLE]",
    multiple=True,
    default=("admin",),
    show_default=True,
    help="Make a key for this operator, of the role observer, operator, engineer or (where left out) admin. Repeatable.",
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
@click.option(
    "--root-public",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The public key of a root that is elsewhere, in an HSM say (PEM, or a file of ours).",
)
@click.option("--tls", is_flag=True, help="Make a CA too, with certificates for the broker and every client.")
@click.option(
    "--broker-name",
    "broker_names",
    metavar="NAME|ADDRESS",
    multiple=True,
    default=("localhost", "127.0.0.1", "::1"),
    show_default=True,
    help="A name or address in the broker's certificate, besides those of --broker. Repeatable.",
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
    controllers: tuple[str, ...], uids: tuple[int, ...], root_public: Path | None, tls: bool,
    broker_names: tuple[str, ...], brokers: tuple[str, ...],
) -> None:  # fmt: skip
    """Make a site in DIRECTORY, which must not exist or be empty. Nothing is ever overwritten.

    With --root-public the trust document is drafted, and counts when that root has signed it (`guestwire site trust export`).
    """
    import os

    from guestwire.site.enrolment import SitePlan, create
    from guestwire.site.public_keys import given_public_key

    operators, roles = _with_roles(operators)
    broker_names = tuple(dict.fromkeys((*broker_names, *_hosts_of(brokers))))
    plan = SitePlan(
        site=name or directory.absolute().name.lower(), hosts=hosts, operators=operators, controllers=controllers,
        local_uids=(0, os.getuid(), *uids), tls=tls, broker_names=broker_names, roles=roles,
        root=given_public_key(root_public) if root_public is not None else None,
    )  # fmt: skip
    layout = create(directory, plan, time.time_ns() // 1_000_000)
    if brokers:
        _make_context(settings, layout, plan.site, operators[0], brokers, tls=tls)
    _tell(settings, layout, "made", [f"host:{h}" for h in hosts] + [f"operator:{o}" for o in operators])
    if root_public is not None:
        failures.remark(settings, f"The root has to sign it: guestwire site trust export {directory} FILE")


@site.command("add-host")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("hosts", metavar="ID...", nargs=-1, required=True)
@pass_settings
def add_host(settings: Settings, directory: Path, hosts: tuple[str, ...]) -> None:
    """Make keys for more hosts, and the next revision of the trust document.

    Where the root's key is in DIRECTORY it is signed at once; `guestwire site trust publish` gives it to the hosts.
    """
    _add(settings, directory, [f"host:{host}" for host in hosts])


@site.command("add-operator")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("operators", metavar="NAME...", nargs=-1, required=True)
@click.option("--role", type=click.Choice(OPERATOR_ROLES), default="admin", show_default=True, help="What they may do.")
@pass_settings
def add_operator(settings: Settings, directory: Path, operators: tuple[str, ...], role: "RoleName") -> None:
    """Make keys for more operators, and the next revision of the trust document."""
    _add(settings, directory, [f"operator:{operator}" for operator in operators], role)


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


def _hosts_of(brokers: tuple[str, ...]) -> tuple[str, ...]:
    """Their names and addresses: clients look for these in the broker's certificate. Raises BadParameter."""
    from guestwire.link.broker_url import broker_address

    try:
        return tuple(broker_address(url).host for url in brokers)
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--broker") from err


def _with_roles(operators: tuple[str, ...]) -> "tuple[tuple[str, ...], dict[str, RoleName]]":
    """The names in NAME=ROLE, and the roles by them."""
    roles: dict[str, RoleName] = {}
    for text in operators:
        name, equals, role = text.partition("=")
        if equals and role not in OPERATOR_ROLES:
            raise click.BadParameter(f"{role!r} is none of {', '.join(OPERATOR_ROLES)}.", param_hint="--operator")
        if equals:
            roles[name] = role  # type: ignore[assignment]
    return tuple(text.partition("=")[0] for text in operators), roles


def _add(settings: Settings, directory: Path, principals: list[str], role: "RoleName | None" = None) -> None:
    from guestwire.site.enrolment import add
    from guestwire.site.layout import Layout

    layout = Layout(directory)
    document = add(directory, principals, time.time_ns() // 1_000_000, role)
    _tell(settings, layout, "added", principals)
    if layout.draft.exists():
        failures.remark(settings, f"Drafted as revision {document.rev}: guestwire site trust export {directory} FILE")
    else:
        text = f"Revision {document.rev} is signed. Give it to every host: guestwire site trust publish {directory}"
        failures.remark(settings, text)


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


for _command in (broker_config, ca, enroller, mandate_revoke, root, serve, signer, signers_needed, trust):
    site.add_command(_command)
