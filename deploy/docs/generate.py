"""Write what the pages of this folder take from the code: `make docs`. Only what stands between two marks is replaced.

    <!-- generated: NAME -->
    ...
    <!-- end of generated -->

tests/architecture/test_docs.py says when a page is stale.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from guestwire.agent.config import Settings as AgentSettings
from guestwire.cli.exit_codes import EXIT_CODES
from guestwire.cli.main import COMMANDS, cli
from guestwire.cli.settings import shared_options
from guestwire.controller.alarms.shipped_rules import SHIPPED
from guestwire.controller.config import Settings as ControllerSettings
from guestwire.controller.fleet.selection import FIELDS
from guestwire.controller.users.actions import ACTIONS
from guestwire.protocol.metrics import METRICS
from guestwire.settings.loading import MergedSettings
from guestwire.settings.table import settings_table

DOCS = Path(__file__).parent
_BLOCK = re.compile(r"(<!-- generated: (\S+) -->\n)(.*?)(<!-- end of generated -->)", re.DOTALL)


def table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [header, tuple("---" for _ in header), *rows]
    escaped = ((cell.replace("|", "\\|") for cell in line) for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def _metavar(option: click.Option) -> str:
    if option.metavar is None and isinstance(option.type, click.IntRange | click.FloatRange):
        low, high = option.type.min, option.type.max
        return f"{low}..{high}" if low is not None and high is not None else "NUMBER"
    return option.make_metavar(click.Context(cli)).strip("[]")


def _option_row(option: click.Option) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else f" `{_metavar(option)}`"
    notes = []
    if option.required:
        notes.append("Required.")
    default = option.default
    if option.show_default and default not in (None, ()):
        shown = ", ".join(map(str, default)) if isinstance(default, tuple | list) else str(default)
        notes.append(f"Default: {shown}.")
    return names + value, " ".join([option.help or "", *notes]).strip()


def _paragraphs(command: click.Command) -> str:
    """The help of a command; a part that click is told not to wrap becomes a block of code."""
    parts = [part for part in (command.help or "").split("\f")[0].split("\n\n") if part.strip()]
    return "\n\n".join(
        f"```text\n{part.strip(chr(8) + chr(10))}\n```" if "\b" in part else " ".join(part.split()) for part in parts
    )


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def command_reference() -> str:
    """A section per command, in the order of the help."""
    shared = {tuple(option.opts) for option in shared_options()}
    parts: list[str] = []
    for path, command in commands(cli):
        context = click.Context(command, info_name=" ".join(("guestwire", *path)))
        parts.append(f"{'#' * (2 + len(path))} guestwire {' '.join(path)}\n\n{_paragraphs(command)}\n")
        if isinstance(command, click.Group):
            continue
        usage = command.collect_usage_pieces(context)
        options = [
            parameter
            for parameter in command.params
            if isinstance(parameter, click.Option) and tuple(parameter.opts) not in shared and not parameter.hidden
        ]
        if not options and usage[:1] == ["[OPTIONS]"]:
            usage = usage[1:]
        parts.append(f"```text\n{' '.join(('guestwire', *path, *usage))}\n```\n")
        if options:
            parts.append(table(("option", "meaning"), map(_option_row, options)))
    return "\n".join(parts)


def settings_of(model: type[MergedSettings]) -> str:
    """A table per section of a daemon's configuration file."""
    parts: list[str] = []
    rows = settings_table(model)
    for section in dict.fromkeys(row.section for row in rows):
        own = [row for row in rows if row.section == section]
        cells = (
            (
                f"`{row.key}`",
                row.type,
                "required" if row.default == "(required)" else f"`{row.default}`" if row.default else "",
                row.text,
            )
            for row in own
        )
        parts.append(f"### [{section}]\n\n{table(('key', 'value', 'default', 'meaning'), cells)}")
    return "\n".join(parts)


def command_list() -> str:
    return table(("command", ""), ((f"`guestwire {name}`", COMMANDS[name].summary) for name in sorted(COMMANDS)))


def shared_option_table() -> str:
    return table(("option", "meaning"), map(_option_row, shared_options()))


def exit_code_table() -> str:
    return table(("exit code", "meaning"), ((str(row.number), row.meaning) for row in EXIT_CODES))


def action_table() -> str:
    rows = ((f"`{one.name}`", one.role, one.summary) for one in ACTIONS.values())
    return table(("action", "least role", "what it is"), rows)


def selection_table() -> str:
    rows = ((f"`{one.name}`", one.kind, " ".join((one.meaning, ", ".join(one.values))).strip()) for one in FIELDS)
    return table(("field", "kind", "meaning"), rows)


def metric_table() -> str:
    rows = ((f"`{one.name}`", one.kind, one.unit, ", ".join(one.labels), one.tier, one.summary) for one in METRICS)
    return table(("metric", "kind", "unit", "labels", "tier", "meaning"), rows)


def rule_table() -> str:
    rows = (
        (f"`{name}`", rule.severity, rule.trigger.on, f"{rule.for_s} s", rule.summary) for name, rule in SHIPPED.items()
    )
    return table(("rule", "severity", "looks at", "after", "says"), rows)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "actions": action_table,
    "agent-settings": lambda: settings_of(AgentSettings),
    "alarm-rules": rule_table,
    "controller-settings": lambda: settings_of(ControllerSettings),
    "metrics": metric_table,
    "selection-fields": selection_table,
    "command-list": command_list,
    "command-reference": command_reference,
    "exit-codes": exit_code_table,
    "shared-options": shared_option_table,
}


def filled(text: str) -> str:
    """The page with its blocks as the code has them now. Raises KeyError for a mark with an unknown name."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]().strip()}\n\n{found[4]}", text)


def main() -> None:
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"written: {page.relative_to(DOCS)}")


if __name__ == "__main__":
    main()
