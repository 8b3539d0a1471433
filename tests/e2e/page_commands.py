"""The commands of a page of the documentation, run as its reader would run them: in this process, against agents that are
processes of their own."""

import asyncio
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner
from fleet import Fleet, Said

from guestwire.cli.main import cli

DOCS = Path(__file__).parents[2] / "deploy/docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_EXIT = re.compile(r"exit code (\d+)")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Row:
    """A row of a table: theirs, the commands that are ours, what the page says of them, and the exit code of the last."""

    section: str
    theirs: str
    commands: tuple[str, ...]
    remark: str
    code: int

    @property
    def name(self) -> str:
        return re.sub(r"[^\w=./-]+", "_", f"{self.section}-{self.theirs}")[:80]


def rows(text: str, header: str) -> list[Row]:
    """The rows of every table whose header begins with these cells."""
    found = []
    section = ""
    inside = False
    for line in text.splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        if not line.startswith("|"):
            inside = False
        elif line.startswith(header):
            inside = True
        elif inside and not set(line) <= set("|- "):
            theirs, ours, *more = (cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|")))
            remark = " ".join(more)
            exit_code = _EXIT.search(remark)
            found.append(
                Row(section, theirs, tuple(_CODE.findall(ours)), remark, int(exit_code[1]) if exit_code else 0)
            )
    return found


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in a language."""
    return [code for found, code in _FENCE.findall(text) if found == language]


def shell_lines(block: str) -> list[tuple[str, int]]:
    """The commands of a block, with the exit code that a remark says; continued lines are one."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        command, _, remark = line.partition("  #")
        if command.strip() and not command.startswith("#"):
            said = _EXIT.search(remark)
            found.append((command.strip(), int(said[1]) if said else 0))
    return found


@dataclass
class Reader:
    """Runs commands with drafts and a folder of its own. `words` fills in what a page leaves to its reader."""

    site: Fleet
    folder: Path
    words: Mapping[str, str] = field(default_factory=dict)

    def filled(self, command: str, words: Mapping[str, str] | None = None) -> list[str]:
        """The arguments, after the program's name."""
        known = {**self.words, **(words or {})}
        if known:
            command = re.sub(rf"\b({'|'.join(map(re.escape, known))})\b", lambda match: known[match[1]], command)
        program, *arguments = shlex.split(command)
        assert program == "guestwire", command
        return arguments

    async def run(self, command: str, words: Mapping[str, str] | None = None) -> Said:
        """Run a command; whoever is asked something says yes."""
        return await asyncio.to_thread(self._run, [*self.filled(command, words), "--yes"])

    async def good(self, *commands: str) -> None:
        """Run commands that must succeed."""
        for command in commands:
            said = await self.run(command)
            assert said.code == 0, (command, said)

    def _run(self, arguments: Sequence[str]) -> Said:
        environment = {
            "GUESTWIRE_CONFIG": str(self.site.cli.config),
            "GUESTWIRE_CONTEXT": None,
            "XDG_DATA_HOME": str(self.folder / "data"),
        }
        with_folder = CliRunner(env=environment)
        done = with_folder.invoke(cli, list(arguments), prog_name="guestwire", catch_exceptions=False)
        return Said(done.exit_code, done.stdout, done.stderr)
