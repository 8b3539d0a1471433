"""What a site's trust document says besides its keys: mandates that were revoked, how many signers a class of risk takes."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli.settings import Settings, Verb, pass_settings
from guestwire.cli.site_options import directory, now_ms, tell_draft

if TYPE_CHECKING:
    from guestwire.protocol.trust import TrustDocument
    from guestwire.site.drafts import Change

_NEEDED = re.compile(r"R?([0-3])=([0-9]{1,2})", re.ASCII | re.IGNORECASE)


@click.command("mandate-revoke", cls=Verb)
@directory
@click.argument("which", metavar="ID")
@pass_settings
def mandate_revoke(settings: Settings, directory: Path, which: str) -> None:
    """Draft that a mandate counts no more, by its id of 32 hexadecimal digits (`guestwire mandate show`)."""
    identifier = which.lower()
    if not re.fullmatch(r"[0-9a-f]{32}", identifier):
        raise click.BadParameter(f"{which!r} is no mandate id: those have 32 hexadecimal digits.", param_hint="ID")

    def revoked(document: "TrustDocument") -> "TrustDocument":
        every = tuple(dict.fromkeys((*document.revoked_mandates, identifier)))
        return document.model_copy(update={"revoked_mandates": every})

    _change(settings, directory, revoked)


@click.command("signers-needed", cls=Verb)
@directory
@click.argument("needed", metavar="R3=2...", nargs=-1, required=True)
@pass_settings
def signers_needed(settings: Settings, directory: Path, needed: tuple[str, ...]) -> None:
    """Draft how many different principals must sign a request of a class of risk: R3=2. R3=1 is one, as for all others."""
    counts: dict[str, int] = {}
    for text in needed:
        match = _NEEDED.fullmatch(text)
        if match is None or int(match[2]) < 1:
            raise click.BadParameter(f"{text!r} is not like R3=2.", param_hint="R3=2")
        counts[match[1]] = int(match[2])

    def changed(document: "TrustDocument") -> "TrustDocument":
        every: dict[str, int] = dict(document.signers_needed) | counts
        return document.model_copy(update={"signers_needed": {risk: n for risk, n in every.items() if n > 1}})

    _change(settings, directory, changed)


def _change(settings: Settings, directory: Path, edit: "Change") -> None:
    from guestwire.site import drafts
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        draft = drafts.change(layout, edit, now_ms())
    tell_draft(settings, directory, draft)
