"""`guestwire host enrol`: the one-time code that lets a host into a site. Where the site's directory is."""

import time
from pathlib import Path

import click

from guestwire.cli import failures
from guestwire.cli.confirm import ask
from guestwire.cli.settings import Settings, Verb, pass_settings


@click.command("enrol", cls=Verb)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("host_id", metavar="HOST")
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="Where the host reaches `guestwire site serve`; where it was last, if left out.",
)
@click.option(
    "--broker",
    "brokers",
    metavar="URL",
    multiple=True,
    help="A broker that the host is told, mqtts://HOST:PORT. Repeatable.",
)
@click.option(
    "--valid-min",
    type=click.IntRange(1, 7 * 24 * 60),
    default=60,
    show_default=True,
    metavar="MINUTES",
    help="How long the code can be used.",
)
@click.option("--replace", is_flag=True, help="A host that is known comes with a new key; the one before is revoked.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the code into this new file, closed to others.",
)
@pass_settings
def enrol(
    settings: Settings, directory: Path, host_id: str, address: str | None, brokers: tuple[str, ...], valid_min: int,
    replace: bool, out: Path | None,
) -> None:  # fmt: skip
    """Make a one-time code that lets HOST into the site in DIRECTORY.

    Give it to `guestwire-agent enrol -` on the host, by standard input. It is a secret until it is used: who has it first is
    that host.
    """
    from guestwire.link.broker_url import broker_address
    from guestwire.site.files import PRIVATE, write_new
    from guestwire.site.invitations import invite
    from guestwire.site.layout import Layout

    if settings.for_programs and out is None:
        raise click.UsageError("The code is a secret, and is in no document: name a file for it with --out.")
    for url in brokers:
        try:
            broker_address(url)
        except ValueError as err:
            raise click.BadParameter(str(err), param_hint="--broker") from err
    code = invite(
        Layout(directory), host_id, address=address, brokers=brokers, valid_ms=valid_min * 60_000, replace=replace,
        now_ms=time.time_ns() // 1_000_000,
    )  # fmt: skip
    if out is not None:
        write_new(out, code.text.encode() + b"\n", PRIVATE)
    if settings.for_programs:
        from guestwire.cli.output import write_document

        document = {
            "site": code.site,
            "host": code.host,
            "address": code.address,
            "valid_min": valid_min,
            "file": str(out),
        }
        write_document(settings, document)
        return
    click.echo(code.text if out is None else str(out))
    failures.remark(
        settings,
        f"On {code.host}, within {valid_min} minutes: `guestwire-agent enrol -` reads it from standard input.\n"
        f"It asks the service at {code.address}.",
    )
    if not brokers:
        failures.remark(settings, "It names no broker (--broker): set broker.urls on the host.")


@click.command("expel", cls=Verb)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("host_id", metavar="HOST")
@pass_settings
def expel_one(settings: Settings, directory: Path, host_id: str) -> None:
    """Revoke the key of HOST, which enrolled, in the site in DIRECTORY. The root's key is not needed.

    `guestwire site trust publish` tells the others; a running `guestwire site serve --context NAME` does by itself.
    """
    from guestwire.cli.output import write_document
    from guestwire.protocol.trust_file import in_words
    from guestwire.site.expulsion import expel
    from guestwire.site.layout import Layout

    ask(settings, "revoke the key of", 3, [host_id])
    trust = expel(Layout(directory), host_id, time.time_ns() // 1_000_000)
    if settings.for_programs:
        write_document(settings, {"host": host_id, "trust_rev": list(trust.revision)})
    else:
        click.echo(
            host_id if settings.output == "name" else f"{host_id} expelled: trust document {in_words(trust.revision)}"
        )
    failures.remark(settings, f"Tell the hosts: `guestwire site trust publish {directory}`")
