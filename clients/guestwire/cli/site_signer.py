"""`guestwire site signer`: the keys of the trust document. Changes are drafted; `guestwire site trust publish` signs them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.site_options import ROLE_NAMES, directory, now_ms, tell_draft

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.protocol.trust import RoleName
    from guestwire.site.signers import Row

_STYLES = {"in force": "good", "revoked": "faint"}
_key_file = click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A public key that was made elsewhere (`guestwire key make`, or PEM). Without it a key pair is made here.",
)


@click.group("signer", cls=Noun)
def signer() -> None:
    """The keys of the trust document: add, rotate, revoke, list."""


@signer.command("add")
@directory
@click.argument("principal")
@click.option("--role", type=click.Choice(ROLE_NAMES), help="What it may do; that of its kind where left out.")
@click.option("--host", "hosts", metavar="ID", multiple=True, help="Only on this host. Repeatable; all where left out.")
@click.option("--valid-days", type=click.IntRange(1, 36_500), metavar="N", help="For so long from now; without end.")
@_key_file
@pass_settings
def add(
    settings: Settings, directory: Path, principal: str, role: "RoleName | None", hosts: tuple[str, ...],
    valid_days: int | None, key_file: Path | None,
) -> None:  # fmt: skip
    """Draft a key for PRINCIPAL: operator:NAME, observer:NAME, controller:NAME or host:ID.

    With --key-file the private key never leaves the machine that it was made on.
    """
    from guestwire.site import drafts, signers
    from guestwire.site.enrolment import add_signer
    from guestwire.site.layout import Layout
    from guestwire.site.public_keys import given_public_key
    from guestwire.site.publishing import site_open

    layout, now = Layout(directory), now_ms()
    given = given_public_key(key_file) if key_file is not None else None
    with site_open(layout):
        signers.check_new(drafts.current(layout), [principal], drafts.in_force(layout))
        key = given or signers.made_key(layout, principal).public
        row = signers.as_signer(principal, key, now, role=role, hosts=hosts or ("*",), valid_days=valid_days)
        add_signer(layout, row, now)
        draft = drafts.draft(layout)
    if given is None:
        failures.remark(settings, f"{principal}: {layout.key(principal)}")
    tell_draft(settings, directory, draft)


@signer.command("rotate")
@directory
@click.argument("principal")
@_key_file
@pass_settings
def rotate(settings: Settings, directory: Path, principal: str, key_file: Path | None) -> None:
    """Draft a new key for PRINCIPAL beside the old one, with the same role and scope.

    Publish, give PRINCIPAL the new key, then revoke the old one by its id and publish again: nobody is without a key in
    between.
    """
    from guestwire.site import drafts, signers
    from guestwire.site.enrolment import add_signer
    from guestwire.site.layout import Layout
    from guestwire.site.public_keys import given_public_key
    from guestwire.site.publishing import site_open

    layout, now = Layout(directory), now_ms()
    given = given_public_key(key_file) if key_file is not None else None
    with site_open(layout):
        before = signers.newest(drafts.current(layout), principal)
        key = given or signers.made_key(layout, principal, following=True).public
        add_signer(layout, before.model_copy(update={"public_key": key.raw.hex()}), now)
        draft = drafts.draft(layout)
    if given is None:
        failures.remark(settings, f"{principal}: {signers.next_key(layout, principal)}")
    failures.remark(settings, f"Its old key: {signers.identifier(before)}")
    tell_draft(settings, directory, draft)


@signer.command("revoke")
@directory
@click.argument("which", metavar="PRINCIPAL|KEYID")
@pass_settings
def revoke(settings: Settings, directory: Path, which: str) -> None:
    """Draft that a key, or every key of a principal, counts no more. Hosts that enrolled as well."""
    from guestwire.site import drafts, signers
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        trust = drafts.in_force(layout)
        draft = drafts.change(layout, lambda document: signers.without(document, which, trust), now_ms())
    tell_draft(settings, directory, draft)


@signer.command("list")
@directory
@pass_settings
def list_signers(settings: Settings, directory: Path) -> None:
    """Every key, how far it goes, and whether it is in force, drafted or revoked."""
    from guestwire.cli.output import write_all
    from guestwire.site import drafts, signers
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        rows = signers.rows(drafts.in_force(layout), drafts.current(layout))
    write_all(settings, _view(), rows)


def _view() -> "View[Row]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time
    from guestwire.protocol.trust import FOREVER

    return View(
        columns=(
            Column("PRINCIPAL", lambda r: r.signer.principal),
            Column("KEY", lambda r: r.key),
            Column("ROLE", lambda r: r.signer.role or "-"),
            Column("RISK", lambda r: f"R{r.signer.scope.risk}"),
            Column("HOSTS", lambda r: ",".join(r.signer.scope.hosts) or "-"),
            Column("UNTIL", lambda r: "-" if r.signer.not_after >= FOREVER else clock_time(r.signer.not_after)),
            Column("STATE", lambda r: r.state, style=lambda r: _STYLES.get(r.state, "warn")),
            Column("ENROLLED", lambda r: "yes" if r.enrolled else "no", wide=True),
        ),
        name=lambda r: r.signer.principal,
        document=lambda r: {
            **r.signer.model_dump(mode="json"), "key_id": r.key, "state": r.state, "enrolled": r.enrolled,
        },
        none="no keys",
    )  # fmt: skip
