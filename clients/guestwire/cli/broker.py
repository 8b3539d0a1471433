"""`guestwire broker`: the test broker as a child process."""

import click

from guestwire.cli.settings import Settings, Verb, pass_settings

READS_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)


@click.command("broker", cls=Verb)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The plain port; a free one where left out.")
@click.option("--embedded", is_flag=True, help="Use the embedded broker even where mosquitto is found.")
@click.option("--tls-cert", type=READS_FILE, help="The broker's certificate; adds a TLS listener.")
@click.option("--tls-key", type=READS_FILE, help="The key of --tls-cert.")
@click.option("--tls-ca", type=READS_FILE, help="Require client certificates of this CA.")
@click.option("--tls-port", type=click.IntRange(0, 65535), default=0, help="The TLS port; a free one where left out.")
@click.option("--tls-only", is_flag=True, help="No plain port.")
@click.option("--acl", type=READS_FILE, help="An access list in mosquitto's format.")
@click.option("--password-file", type=READS_FILE, help="Users and passwords, as mosquitto_passwd makes it.")
@click.option(
    "--persistence",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    help="Keep sessions and retained messages here (mosquitto).",
)
@click.option("--verbose", is_flag=True, help="The broker's log on stderr.")
@pass_settings
def broker(settings: Settings, /, **given: str | int | bool | None) -> None:  # fmt: skip
    """Run a test broker on 127.0.0.1 until Ctrl-C: mosquitto where it is installed, else the embedded one.

    One line on stdout says where it listens. Never for production: install and secure a broker for that.
    """
    import os
    import sys

    arguments = [sys.executable, "-m", "guestwire.broker_test"]
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(flag)
        elif value not in (None, False, 0):
            arguments += [flag, str(value)]
    if settings.for_programs:
        arguments.append("--json")
    os.execv(sys.executable, arguments)  # noqa: S606 - Ctrl-C and the exit code are the broker's own
