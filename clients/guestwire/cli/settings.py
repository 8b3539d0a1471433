"""The options that every command takes, wherever on the line they stand; and the command class that adds them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import click

Output = Literal["table", "wide", "json", "jsonl", "yaml", "name"]
OUTPUTS: tuple[Output, ...] = ("table", "wide", "json", "jsonl", "yaml", "name")


@dataclass(slots=True)
class Settings:
    """What the shared options said. `timeout` in seconds; None is the operation's own. `mandate`: a file's path."""

    output: Output = "table"
    context: str | None = None
    socket: str | None = None
    timeout: float | None = None
    mandate: str | None = None
    quiet: bool = False
    yes: bool = False

    @property
    def for_programs(self) -> bool:
        """Whether a program reads the output: then errors are documents too."""
        return self.output in ("json", "jsonl", "yaml")


pass_settings = click.make_pass_decorator(Settings, ensure=True)


def _keep(field: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        if value not in (None, False):
            setattr(ctx.ensure_object(Settings), field, value)

    return callback


def shared_options() -> list[click.Option]:
    """Fresh options; none of them reaches the command's function, all of them its Settings."""
    return [
        click.Option(
            ["-o", "--output"], type=click.Choice(OUTPUTS), help="How results are written: table (default), wide, json, jsonl (a document each line), yaml, name.",
            expose_value=False, callback=_keep("output"),
        ),
        click.Option(
            ["--context"], metavar="NAME", help="The context to use instead of the current one.",
            expose_value=False, callback=_keep("context"), shell_complete=_complete_context,
        ),
        click.Option(
            ["--socket"], metavar="PATH", type=click.Path(), help="Talk to the agent on this Unix socket; no context is needed.",
            expose_value=False, callback=_keep("socket"),
        ),
        click.Option(
            ["--timeout"], metavar="SECONDS", type=click.FloatRange(min=0, min_open=True, max=86_400),
            help="Give up after so long.", expose_value=False, callback=_keep("timeout"),
        ),
        click.Option(
            ["--mandate"], metavar="FILE", type=click.Path(), help="Act by this mandate, where the own key does not go so far.",
            expose_value=False, callback=_keep("mandate"),
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, help="No progress and no remarks, only results and errors.",
            expose_value=False, callback=_keep("quiet"),
        ),
        click.Option(
            ["-y", "--yes"], is_flag=True, help="Do not ask for confirmation.", expose_value=False, callback=_keep("yes"),
        ),
    ]  # fmt: skip


def _complete_context(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    import os

    from guestwire.model.errors import GuestwireError
    from guestwire.sdk import contexts

    try:
        known = contexts.load(contexts.default_path(os.environ)).contexts
    except GuestwireError:
        return []
    return sorted(name for name in known if name.startswith(incomplete))


class Verb(click.Command):
    """A command that takes the shared options as well as its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shared = shared_options()
        self.params.extend(self._shared)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options first, the shared ones under a heading of their own."""
        shared = [record for option in self._shared if (record := option.get_help_record(ctx))]
        # arguments stand in the usage line
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        own = [option.get_help_record(ctx) for option in options if option not in self._shared]
        for title, records in (("Options", [record for record in own if record]), ("Shared options", shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Noun(click.Group):
    """A group whose commands are verbs."""

    command_class = Verb
