"""`guestwire site trust`: sign what is drafted, by the root's key or by a signature that was made elsewhere, and give it to
the hosts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.cli.site_options import directory, now_ms, read_signature
from guestwire.model.errors import GuestwireError

if TYPE_CHECKING:
    from guestwire.protocol.trust import Trust
    from guestwire.sdk.contexts import Context
    from guestwire.site.layout import Layout

SIGN_WITH = "openssl pkeyutl -sign -rawin -inkey ROOT.pem -in {file} -out {file}.sig"


@click.group("trust", cls=Noun)
def trust() -> None:
    """The trust document: show, publish, export, sign, discard."""


@trust.command("show")
@directory
@pass_settings
def show(settings: Settings, directory: Path) -> None:
    """What is in force, and what is drafted."""
    from guestwire.cli.output import View, write_one
    from guestwire.protocol.signing import key_id
    from guestwire.protocol.trust_file import in_words
    from guestwire.site import drafts
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import root_key, site_open

    layout = Layout(directory)
    with site_open(layout):
        in_force, draft, root = drafts.in_force(layout), drafts.draft(layout), root_key(layout)
        document = drafts.current(layout)
    root_id = key_id(in_force.roots[-1]).hex() if in_force else draft.root.id.hex() if draft else "-"
    facts = [
        ("site", document.site),
        ("revision", in_words(in_force.revision) if in_force else "none is signed"),
        ("draft", f"revision {draft.document.rev}, to be signed by {draft.root.id.hex()}" if draft else "none"),
        ("root", f"{root_id}, its key is {'here' if root else 'elsewhere'}"),
        ("keys", str(len(document.signers))),
        ("enrolled", str(len(in_force.members.hosts)) if in_force and in_force.members else "0"),
        ("revoked", str(len(document.revoked))),
        ("needed", ", ".join(f"R{c}={n}" for c, n in sorted(document.signers_needed.items())) or "one signer each"),
    ]
    values = {
        "site": document.site, "revision": list(in_force.revision) if in_force else None, "root": root_id,
        "root_key_here": root is not None, "draft": draft.document.rev if draft else None,
        "document": document.model_dump(mode="json"),
    }  # fmt: skip
    view: View[str] = View((), name=lambda site: site, document=lambda _: values)
    write_one(settings, document.site, view, facts)


@trust.command("publish")
@directory
@click.option(
    "--signature",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The root's raw signature (64 bytes) over what `export` wrote, made elsewhere.",
)
@pass_settings
def publish(settings: Settings, directory: Path, signature: Path | None) -> None:
    """Sign what is drafted, and give the trust document to every host of the site through the context.

    Where nothing is drafted, what is in force is given to the hosts again: those that were away have it then. Ends with 0
    when every host has it. Without a context for this site nothing is distributed.
    """
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import site_open

    layout, made = Layout(directory), read_signature(signature) if signature else None
    with site_open(layout):
        signed, new = _signed(layout, made)
    failures.remark(settings, f"revision {signed.rev} {'signed' if new else 'is in force'}: {layout.trust}")
    context = _context(settings, signed.site)
    if context is None:
        failures.remark(settings, "Not given to any host: no context for this site is chosen.")
        return
    from guestwire.cli.trust_giving import give_to_hosts

    give_to_hosts(settings, signed.data)


@trust.command("export")
@directory
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_settings
def export(settings: Settings, directory: Path, file: Path) -> None:
    """Write the exact bytes that the root is to sign to FILE: for an HSM, or a machine without a network.

    Ed25519 over these bytes, without a prehash: `guestwire site trust sign` there, or `openssl pkeyutl -sign -rawin`. The
    signature comes back with `guestwire site trust publish --signature`.
    """
    from guestwire.site.layout import Layout
    from guestwire.site.publishing import export as to_be_signed
    from guestwire.site.publishing import site_open

    layout = Layout(directory)
    with site_open(layout):
        data = to_be_signed(layout)
    file.write_bytes(data)
    failures.remark(settings, f"To sign with OpenSSL: {SIGN_WITH.format(file=file)}")
    failures.remark(settings, f"Then: guestwire site trust publish {directory} --signature {file}.sig")


@trust.command("sign")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--root-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The root's private key.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where the signature goes.")
@pass_settings
def sign(settings: Settings, file: Path, root_key: Path, out: Path) -> None:
    """Sign what `export` or `guestwire site root rotate` wrote to FILE, on the machine where the root's key is.

    It says what is signed before it signs, and asks.
    """
    from guestwire.cli.confirm import ask
    from guestwire.site.elsewhere import read_to_sign, sign_it
    from guestwire.site.files import read_signing_key

    key = read_signing_key(root_key)
    asked = read_to_sign(file)
    for line in asked.lines:
        failures.remark(settings, line)
    ask(settings, f"sign as root {key.id.hex()}", 3, [asked.what])
    out.write_bytes(sign_it(asked, key))


@trust.command("discard")
@directory
@pass_settings
def discard(settings: Settings, directory: Path) -> None:
    """Forget what is drafted, and a root that has still to follow. Keys that were made stay."""
    from guestwire.site.layout import Layout
    from guestwire.site.locking import site_locked
    from guestwire.site.succession import discard as forget

    layout = Layout(directory)
    with site_locked(layout):
        if not layout.trust.exists():
            raise GuestwireError(
                "TRUST-INVALID", "The draft is all that the site has: its root has signed nothing yet."
            )
        forget(layout)


def _signed(layout: "Layout", signature: bytes | None) -> "tuple[Trust, bool]":
    """What is in force now, and whether it was signed just now."""
    from guestwire.site import drafts, publishing

    if signature is not None:
        return publishing.sign_with(layout, signature, now_ms()), True
    signed = publishing.sign(layout, now_ms())
    if signed is not None:
        return signed, True
    if drafts.draft(layout) is not None:
        text = "The root's key is not here: `guestwire site trust export`, sign it there, and publish with --signature."
        raise GuestwireError("KEY-FILE-INVALID", text)
    trust = drafts.in_force(layout)
    assert trust is not None  # without a draft the site would be none
    return trust, False


def _context(settings: Settings, site: str) -> "Context | None":
    """The context to distribute by. One that was asked for by name has to be of this site."""
    import asyncio

    from guestwire.cli.run import chosen_context

    named = settings.context is not None or settings.socket is not None
    try:
        name, context = asyncio.run(chosen_context(settings))
    except GuestwireError:
        if named:
            raise
        return None
    if context.site == site:
        return context
    if named:
        raise GuestwireError("CONFIG-INVALID", f"The context {name} is for site {context.site}, not {site}.")
    return None
