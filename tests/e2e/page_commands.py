"""The commands of a page of the documentation, run as its reader would run them: in this process, against agents that are
processes of their own."""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from click.testing import CliRunner
from fleet import SITE, Fleet, Said, fleet
from tests.support.forked import start_forked

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.options import BrokerOptions
from guestwire.cli.main import cli
from guestwire.formats import project_toml
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.protocol.config_models import ConfigRef

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "deploy/docs"
UNIT = REPOSITORY / "deploy/systemd/guestwire-agent.service"

MACHINE = "64-thread-4-node"
DISK = "/simulated/images/desk.qcow2"
ISO = "/simulated/iso/installer.iso"

BEGIN = f"""schema = 1
[hosts.h1.guests.plc]
id = "GUEST0001"
kind = "rt"
cpuset = "30-31"
memory_mib = 256
[hosts.h1.guests.desk]
id = "GUEST0002"
memory_mib = 512
[[hosts.h1.guests.desk.disks]]
path = "{DISK}"
size_mib = 1024
[[hosts.h1.guests.desk.disks]]
device = "cdrom"
format = "raw"
[[hosts.h1.guests.desk.nics]]
"""
"""What the host has before each page and each row: a real-time guest, and one with a disk, a CD drive and a network card."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_EXIT = re.compile(r"exit code (\d+)")
_HEADER = re.compile(r"\| [\w -]+ \| Guestwire \|")


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
        return re.sub(r"[^\w=./-]+", "_", f"{self.section}-{self.theirs}").strip("_")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> list[Row]:
    """The rows of every table that has a column for us."""
    found = []
    section = ""
    inside = False
    for line in text.splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        if not line.startswith("|"):
            inside = False
        elif _HEADER.match(line):
            inside = True
        elif inside and not set(line) <= set("|- "):
            theirs, ours, remark = (cell.strip() for cell in line.strip("|").split("|"))
            found.append(Row(section, theirs, tuple(_CODE.findall(ours)), remark, _expected(remark)))
    return found


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in a language."""
    return [code for found, code in _FENCE.findall(text) if found == language]


def shell_lines(block: str) -> list[tuple[str, int]]:
    """The commands of a block with their remarks, each with the exit code that its remark says; continued lines are one."""
    whole = (line for line in block.replace("\\\n", " ").splitlines() if shlex.split(line, comments=True))
    return [(line, _expected(line.partition(" # ")[2])) for line in whole]


def _expected(remark: str) -> int:
    said = _EXIT.search(remark)
    return int(said[1]) if said else 0


@asynccontextmanager
async def site_of(base: Path, *hosts: str) -> AsyncIterator[Fleet]:
    """Simulated hosts, the first of which has what BEGIN says."""
    simulated = {"simulated": {"machine": MACHINE, "guests": 0, "boot_s": 0.01, "shutdown_s": 0.01}}
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(embedded(BrokerOptions()))
        yield await stack.enter_async_context(fleet(base, broker, dict.fromkeys(hosts, simulated)))


@dataclass(frozen=True)
class Reader:
    """Somebody at a command line, with drafts and files of their own in `folder`. `words`: what they fill in for the words
    in capitals and the names of files; `editor`: $EDITOR."""

    site: Fleet
    folder: Path
    words: Mapping[str, str]
    editor: str = "true"

    def knowing(self, **words: str) -> "Reader":
        """The same, with other words."""
        return replace(self, words={**self.words, **words})

    async def run(self, command: str) -> Said:
        """Run a command to its end; whoever is asked something says yes."""
        program, *arguments = shlex.split(self._filled(command), comments=True)
        if program == "guestwire":
            return await asyncio.to_thread(self._run, arguments)
        if program == "guestwire-agent":
            return await self._run_agent(arguments)
        assert program == "systemctl", command
        return _systemctl(*arguments)

    async def good(self, *commands: str) -> None:
        """Run commands that must succeed."""
        for command in commands:
            said = await self.run(command)
            assert said.code == 0, (command, said)

    async def begin(self) -> None:
        """Bring the first host to what BEGIN says, and have a fresh draft of it."""
        host = next(iter(self.site.agents))
        api = self.site.client.host(host)
        on = [view for view in (await api.guest_list()).reply.guests if view.status.state != "stopped"]
        if on:
            await self.good(f"guestwire shutdown {host} --force --within 5")
        shown = (await api.config_show(ConfigRef())).reply
        if shown.plan_id is not None:
            await self.good(f"guestwire project cancel {host} --plan {shown.plan_id}")
        await self.good(f"guestwire project pull {host} --discard")
        if not _is_begin(shown.desired):
            (self.folder / "begin.toml").write_text(BEGIN)
            import_it = f"guestwire project import {host} {self.folder}/begin.toml --discard"
            await self.good(import_it, f"guestwire project apply {host}", f"guestwire project pull {host}")

    def _filled(self, command: str) -> str:
        longest_first = sorted(self.words, key=len, reverse=True)
        pattern = rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})(?![\w-])"
        return re.sub(pattern, lambda match: self.words[match[1]], command)

    def _run(self, arguments: Sequence[str]) -> Said:
        environment = {
            "GUESTWIRE_CONFIG": str(self.site.cli.config),
            "GUESTWIRE_CONTEXT": None,
            "XDG_DATA_HOME": str(self.folder / "data"),
            "VISUAL": None,
            "EDITOR": self.editor,
        }
        yes = [] if {"--help", "--version"} & set(arguments) else ["--yes"]
        runner = CliRunner(env=environment)
        done = runner.invoke(cli, [*arguments, *yes], prog_name="guestwire", catch_exceptions=False)
        return Said(done.exit_code, done.stdout, done.stderr)

    async def _run_agent(self, arguments: Sequence[str]) -> Said:
        process = await start_forked("agent", *arguments, environment=self.site.cli.environment)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())


def reader(site: Fleet, folder: Path, **words: str) -> Reader:
    """A reader of a page about the first host."""
    host = next(iter(site.agents))
    known = {
        "HOST": host, "GUEST": "desk", "RTGUEST": "plc", "DISK": DISK, "ISO": ISO, "CONTEXT": SITE,
        "SOCKET": str(site.agents[host].socket), "SITE": str(site.layout.base), "agent.toml": str(site.agents[host].config),
    }  # fmt: skip
    return Reader(site, folder, {**known, **words})


def _is_begin(desired: Desired) -> bool:
    """Whether a host has what BEGIN says, and nothing else."""
    if desired.model_copy(update={"guests": (), "base_revision": None, "base_topology": None}) != Desired():
        return False
    wanted = project_toml.load(BEGIN).hosts["h1"].guests
    return tuple(map(_as_written, desired.guests)) == wanted


def _as_written(guest: Guest) -> Guest:
    """Without what the host gave."""
    nics = tuple(nic.model_copy(update={"mac": None}) for nic in guest.nics)
    return guest.model_copy(update={"uuid": None, "nics": nics})


def _systemctl(verb: str, unit: str) -> Said:
    """What systemd would do is the unit file's to say; there need be no systemd here."""
    text = UNIT.read_text(encoding="utf-8")
    assert UNIT.name == f"{unit}.service", unit
    needs = {"enable": "WantedBy=", "disable": "WantedBy=", "reload": "ExecReload=", "restart": "ExecStart="}
    known = verb in needs or verb in ("start", "stop", "status")
    return Said(0 if known and needs.get(verb, "ExecStart=") in text else 1, "", "")
