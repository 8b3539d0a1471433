"""The `guestwire` command: its groups by name, each imported when it is used, and what an error looks like."""

import importlib
import os
from typing import Any, NamedTuple

import click

from guestwire.cli.settings import Settings, shared_options


class Entry(NamedTuple):
    """A row of the command table: where the command is, and its line in `guestwire --help`."""

    module: str
    attribute: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "area": Entry("guestwire.cli.area", "area", "Memory areas that guests share: list, dump, watch, create, ..."),
    "audit": Entry(
        "guestwire.cli.audit", "audit", "What a host was asked, by whom, and what came of it: list, verify, export."
    ),
    "boot": Entry("guestwire.cli.boot", "boot", "Start the guests of a host, in their order."),
    "broker": Entry("guestwire.cli.broker", "broker", "Run a test broker on this machine."),
    "comm": Entry("guestwire.cli.comm", "comm", "The communication services of a host: status, start, stop."),
    "completion": Entry("guestwire.cli.completion", "completion", "Print the completion script of a shell."),
    "context": Entry("guestwire.cli.context", "context", "The ways to sites that this user has."),
    "demo": Entry("guestwire.cli.demo", "demo", "A whole fleet on this machine, to try things on."),
    "connection": Entry(
        "guestwire.cli.connection",
        "connection",
        "The ways that a controller has to sites and hosts: list, add, test, ...",
    ),
    "desktop": Entry("guestwire.cli.desktop", "desktop", "The screens of guests, on the host's own screen."),
    "doctor": Entry("guestwire.cli.doctor", "doctor", "Check this machine, the context and the way to its hosts."),
    "event": Entry("guestwire.cli.event", "event", "Named events: list, signal, wait, watch, create, ..."),
    "example": Entry("guestwire.cli.example", "example", "Example configurations to begin with."),
    "guest": Entry("guestwire.cli.guest", "guest", "Virtual machines: list, define, start, shut down, ..."),
    "hardware": Entry("guestwire.cli.hardware", "hardware", "The machine of a host, and what a change of it means."),
    "host": Entry("guestwire.cli.host", "host", "Hypervisor hosts: list, show, ping, reboot, enrol, ..."),
    "job": Entry("guestwire.cli.job", "job", "Requests that hosts have accepted; the jobs of a controller."),
    "key": Entry("guestwire.cli.key", "key", "Key pairs, made where they are used; enrol at a controller."),
    "lock": Entry("guestwire.cli.lock", "lock", "Locks in memory areas: list, show, break, create, delete."),
    "log": Entry("guestwire.cli.log", "log", "The log of a host's agent."),
    "mandate": Entry("guestwire.cli.mandate", "mandate", "Allow somebody else's key something: issue, sign, show."),
    "messages": Entry("guestwire.cli.messages", "messages", "What a host's agent said, by level and number."),
    "net": Entry("guestwire.cli.net", "net", "Virtual networks: list, create, isolate, airgap, ..."),
    "notices": Entry("guestwire.cli.notices", "notices", "What happens on the hosts, as it happens."),
    "project": Entry(
        "guestwire.cli.project", "project", "Configurations of hosts: pull, edit, plan, apply, roll back."
    ),
    "queue": Entry("guestwire.cli.queue", "queue", "Message queues in memory areas: list, show, create, delete."),
    "session": Entry("guestwire.cli.session", "session", "Where you are logged in at a controller: list, end."),
    "shutdown": Entry("guestwire.cli.boot", "shutdown", "Shut the guests of a host down."),
    "site": Entry("guestwire.cli.site", "site", "Make a site: its root, keys, trust document and certificates."),
    "template": Entry("guestwire.cli.template", "template", "Images and templates that guests are made from."),
    "trust": Entry("guestwire.cli.trust", "trust", "Whose answers are believed: show, update, push."),
    "window": Entry("guestwire.cli.window", "window", "Maintenance windows of a controller: list, put, delete."),
    "webhook": Entry("guestwire.cli.webhook", "webhook", "Where a controller tells of alarms."),
    "user": Entry("guestwire.cli.user", "user", "The users of a controller: list, add, disable, ..."),
    "token": Entry("guestwire.cli.token", "token", "Tokens for programs, at a controller: list, make, revoke."),
    "rollout": Entry(
        "guestwire.cli.rollout", "rollout", "One thing on many hosts, in waves: preview, start, status, ..."
    ),
    "role": Entry("guestwire.cli.role", "role", "What users of a controller may do: list, give, take."),
    "metrics": Entry(
        "guestwire.cli.metrics", "metrics", "The telemetry that a controller keeps: list, query, top, gaps."
    ),
    "logout": Entry("guestwire.cli.login", "logout", "Log out of a controller."),
    "login": Entry("guestwire.cli.login", "login", "Log in at a controller."),
    "fleet": Entry("guestwire.cli.fleet", "fleet", "The hosts that a controller knows: list, label, approve, ..."),
    "approval": Entry(
        "guestwire.cli.approval", "approval", "What waits at a controller for a signature: list, sign, ..."
    ),
    "alarm": Entry(
        "guestwire.cli.alarm", "alarm", "What is wrong with hosts, by a controller: list, ack, history, rule ..."
    ),
}

INTERRUPTED = 130


class Root(click.Group):
    """Loads a command's module when the command is used, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in sorted(COMMANDS)])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from guestwire.cli.exit_codes import EXIT_CODES

        with formatter.section("Exit codes"):
            formatter.write_dl([(str(row.number), row.meaning) for row in EXIT_CODES])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        from guestwire.model.errors import GuestwireError

        ctx.ensure_object(
            Settings
        )  # before any command has its own: an option given after it, as -o, holds for errors too
        try:
            return super().invoke(ctx)
        except GuestwireError as err:
            from guestwire.cli import failures

            ctx.exit(failures.report(ctx.ensure_object(Settings), err))
        except BrokenPipeError:
            raise  # click ends quietly: the reader of our output left
        except OSError as err:
            from guestwire.cli import failures

            ctx.exit(failures.report_os(ctx.ensure_object(Settings), err))
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(INTERRUPTED)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"guestwire {version('guestwire')}")
    ctx.exit()


cli = Root(
    "guestwire",
    help=(
        "Manage Linux/KVM real-time hypervisor hosts and their guests, over MQTT, a host's Unix socket, or a controller.\n\n"
        "Guests are named HOST/GUEST, by name or GUESTnnnn. The first steps: `guestwire demo`."
    ),
    params=[
        *shared_options(),
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version,
                     help="Print the version and exit."),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)  # fmt: skip


def main() -> None:
    """The entry point."""
    # pydantic looks through every installed distribution for plugins: 12 ms of each command, for none that we use
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    cli(prog_name="guestwire")


if __name__ == "__main__":
    main()
