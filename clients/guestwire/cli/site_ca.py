"""`guestwire site ca`: new CAs for the certificates of a site, with nobody refused in between."""

from pathlib import Path

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.site_options import directory, now_ms, tell_draft


@click.group("ca", cls=Noun)
def ca() -> None:
    """The CAs of the site: renew certificates, rotate, switch, drop, issuing."""


@ca.command("renew")
@directory
@click.option(
    "--broker-name",
    "broker_names",
    metavar="NAME|ADDRESS",
    multiple=True,
    help="What the broker's certificate is for from now on; as before where left out. Repeatable.",
)
@pass_settings
def renew(settings: Settings, directory: Path, broker_names: tuple[str, ...]) -> None:
    """New certificates for everybody whose certificate is in DIRECTORY/tls, by the CA that issues now: they last two years.

    Keys for TLS are new too, but for the broker's. Hosts that enrolled renew theirs by themselves.
    """
    from guestwire.site.authorities import renew as issue_anew
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        names = issue_anew(layout, now_ms(), broker_names)
    _tell_issued(settings, layout.certificate("NAME").parent, names)


@ca.command("rotate")
@directory
@pass_settings
def rotate(settings: Settings, directory: Path) -> None:
    """Make another root CA, and draft that peers trust it beside the old one.

    Publish, give the new tls/ca.crt to the broker and the clients, then `guestwire site ca switch`.
    """
    from guestwire.site.authorities import begin
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        draft = begin(layout, now_ms())
    failures.remark(settings, f"Both root CAs are in {layout.ca_certificate}.")
    tell_draft(settings, directory, draft)


@ca.command("switch")
@directory
@pass_settings
def switch(settings: Settings, directory: Path) -> None:
    """Have the new root CA issue, with new certificates for everybody whose certificate is in DIRECTORY/tls.

    Hosts that enrolled renew theirs by themselves. When everybody has the new ones: `guestwire site ca drop`.
    """
    from guestwire.site.authorities import switch as issue_by_new
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        names = issue_by_new(layout, now_ms())
    _tell_issued(settings, layout.certificate("NAME").parent, names)


@ca.command("drop")
@directory
@pass_settings
def drop(settings: Settings, directory: Path) -> None:
    """Draft that only the root CA which issues now is trusted. Who still has a certificate of the old one is refused then."""
    from guestwire.site.authorities import drop as trust_one
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        draft = trust_one(layout, now_ms())
    tell_draft(settings, directory, draft)


@ca.command("issuing")
@directory
@click.option(
    "--request",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the request (PKCS #10) that a root CA which is elsewhere is to sign to this file.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The certificate that came back for the request.",
)
@pass_settings
def issuing(settings: Settings, directory: Path, request: Path | None, certificate: Path | None) -> None:
    """Another issuing CA below the root CA, and new certificates by it. Certificates of the one before go on to count.

    Where the root CA's key is elsewhere: --request first, --certificate with what comes back.
    """
    from guestwire.site import authorities
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    if request is not None and certificate is not None:
        raise click.UsageError("--request goes first, --certificate when it was signed.")
    layout = Layout(directory)
    with site_open(layout):
        if request is not None:
            request.write_bytes(authorities.request_issuing(layout))
            failures.remark(
                settings, f"When {request} is signed: guestwire site ca issuing {directory} --certificate FILE"
            )
            return
        if certificate is not None:
            names = authorities.take_issuing(layout, certificate.read_bytes(), now_ms())
        else:
            names = authorities.rotate_issuing(layout, now_ms())
    _tell_issued(settings, layout.certificate("NAME").parent, names)


def _tell_issued(settings: Settings, folder: Path, names: tuple[str, ...]) -> None:
    failures.remark(settings, f"New certificates in {folder}: {', '.join(names) or 'none'}. Give each to whose it is.")
