"""The page about projects: its commands are run section by section, its documents are loaded and validated, its tables have
every field of the models."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
import pytest_asyncio
from fleet import Fleet
from page_commands import MACHINE, REPOSITORY, Reader, blocks, page, reader, shell_lines, site_of
from test_coming_from import FILES

from guestwire.agent.services.guest_folder import GENERATED, HOOK, HOOK_LOGS
from guestwire.agent.services.user_overrides import read_overrides
from guestwire.formats import project_toml
from guestwire.model.desired import Autostart, Desired
from guestwire.model.facts import Facts
from guestwire.model.guest import Disk, Guest, Nic, ReadyWhen
from guestwire.model.machines import MACHINES
from guestwire.model.networks import Adapter
from guestwire.model.plan import SyncState
from guestwire.model.policy import Policy
from guestwire.model.rules.table import validate
from guestwire.model.settings import HostSettings, HugePool
from guestwire.model.settling import settle

TEXT = page("projects.md")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SECTIONS = [
    (part.partition("\n")[0], part) for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:] if blocks(part, "sh")
]
DOCUMENTS = [block for block in blocks(TEXT, "toml") if not block.startswith("# overrides.toml")]
OVERRIDES = [block for block in blocks(TEXT, "toml") if block.startswith("# overrides.toml")]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with site_of(tmp_path_factory.mktemp("site"), "h1") as made:
        yield made


@pytest.fixture
def at_the_desk(site: Fleet, tmp_path: Path) -> Reader:
    texts = {**FILES, "line7.toml": DOCUMENTS[0]}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return reader(site, tmp_path, **{name: str(tmp_path / name) for name in (*texts, "h1.toml", "domains")})


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section[0])
async def test_the_commands_of_a_section_in_their_order(at_the_desk: Reader, section: tuple[str, str]) -> None:
    await at_the_desk.begin()
    for block in blocks(section[1], "sh"):
        for command, code in shell_lines(block):
            said = await at_the_desk.run(command)
            assert said.code == code, (command, said)


async def test_what_the_remarks_say_is_shown(at_the_desk: Reader) -> None:
    await at_the_desk.begin()
    await at_the_desk.good(
        "guestwire boot h1 --all --wait ready", "guestwire project set h1 guest.desk.memory_mib=1024"
    )
    assert "take effect when their guest is next started" in (await at_the_desk.run("guestwire project plan h1")).out
    assert re.search(r"\b30s\b", (await at_the_desk.run("guestwire project plan h1 --restart")).out)
    await at_the_desk.good("guestwire project remove h1 guest desk")
    refused = await at_the_desk.run("guestwire project plan h1")
    assert (refused.code, "GUESTS-RUNNING" in refused.out) == (9, True)
    await at_the_desk.good("guestwire project plan h1 --restart")


async def test_the_project_in_the_first_five_minutes(at_the_desk: Reader) -> None:
    await at_the_desk.begin()
    lines = [line for block in blocks(README, "sh") for line in shell_lines(block) if " project " in line[0]]
    assert len(lines) > 3
    for command, code in lines:
        said = await at_the_desk.knowing(linux1="desk").run(command)
        assert said.code == code, (command, said)


@pytest.mark.parametrize("text", DOCUMENTS)
async def test_documents_are_sound(text: str) -> None:
    machine = MACHINES[MACHINE]
    for host, desired in project_toml.load(text).hosts.items():
        settled = settle(desired, Desired(), host=host, disk_root="/var/lib/libvirt/images")
        facts = Facts(topology=machine.topology, capabilities=machine.capabilities, memory_mib=machine.memory_mib)
        assert not [issue for issue in validate(settled, facts).issues if issue.severity == "E"]


async def test_overrides_are_sound(tmp_path: Path) -> None:
    (tmp_path / "overrides.toml").write_text(OVERRIDES[0])
    assert len(read_overrides(tmp_path / "overrides.toml")) == 2


async def test_the_page_names_every_field() -> None:
    models = (Guest, Disk, Nic, ReadyWhen, HostSettings, Adapter, HugePool, Policy, Autostart, Desired)
    names = {name for model in models for name in model.model_fields}
    named = set(
        re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", TEXT, flags=re.M | re.S))))
    )
    assert not names - named


async def test_the_page_names_every_state_and_file() -> None:
    states = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    assert set(get_args(SyncState)) <= states
    assert not [name for name in (*GENERATED, HOOK, HOOK_LOGS[0]) if f"`{name}`" not in TEXT]
