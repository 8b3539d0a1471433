"""The configuration at the command line, against a real agent on a simulated host: as its user goes through a day."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from fleet import Cli, Fleet, fleet
from quick_cli import QuickCli

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.options import BrokerOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(embedded(BrokerOptions()))
        base = tmp_path_factory.mktemp("site")
        yield await stack.enter_async_context(fleet(base, broker, {"h1": {}, "h2": {}}, cli=QuickCli))


@pytest.fixture
def cli(site: Fleet, tmp_path: Path) -> Cli:
    """The command with drafts of its own."""
    site.cli.environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    return site.cli


async def _set(cli: Cli, host: str, *edits: str) -> None:
    said = await cli("project", "set", host, *edits)
    assert said.code == 0, said


async def test_pull_edit_plan_apply_and_roll_back(cli: Cli) -> None:
    assert (await cli("project", "pull", "h1")).code == 0
    assert (await cli("project", "diff", "h1")).code == 0
    await _set(cli, "h1", "guest.rtlinux.comments=first")
    assert (await cli.good("project", "apply", "h1", "--yes"))["state"] == "in_sync"
    await _set(cli, "h1", "guest.rtlinux.memory_mib=320", "guest.linux1.comments=second")
    differs = await cli("project", "diff", "h1", "-o", "json")
    assert differs.code == 8
    planned = await cli.good("project", "plan", "h1")
    changed = {(item["object"], item["field"]) for item in planned["items"]}
    assert changed == {("guests.rtlinux", "memory_mib"), ("guests.linux1", "comments")}
    refused = await cli("project", "apply", "h1")
    assert refused.code == 2, refused
    applied = await cli.good("project", "apply", "h1", "--yes", "--comment", "more")
    assert (await cli.good("guest", "show", "h1/rtlinux"))["guest"]["memory_mib"] == 320
    (status,) = await cli.good("project", "status", "h1")
    assert (status["state"], status["draft"]) == ("in_sync", "clean")
    back = await cli.good("project", "rollback", "h1", "--yes")
    assert back["revision"]["number"] == applied["revision"]["number"] + 1
    assert (await cli.good("guest", "show", "h1/rtlinux"))["guest"]["memory_mib"] != 320
    newest, before, *_ = await cli.good("project", "history", "h1")
    assert (newest["origin"], before["comment"]) == ("rollback", "more")
    assert (await cli.good("project", "status", "h1"))[0]["draft"] == "behind"


async def test_an_apply_that_is_confirmed_and_one_that_is_not(cli: Cli) -> None:
    await cli("project", "pull", "h1")
    await _set(cli, "h1", "guest.linux1.comments=confirmed")
    confirmed = await cli.good("project", "apply", "h1", "--yes", "--confirm-within", "60")
    assert confirmed["state"] == "in_sync"
    await _set(cli, "h1", "guest.linux1.comments=left")
    waiting = await cli.good("project", "apply", "h1", "--yes", "--confirm-within", "60", "--no-confirm")
    assert waiting["state"] == "confirm_wait"
    busy = await cli("guest", "set", "h1/rtlinux", "comments=meanwhile", "--yes", "-o", "json")
    assert (busy.code, busy.error["code"]) == (1, "HOST-BUSY")
    await cli.good("project", "cancel", "h1")
    assert (await cli.good("guest", "show", "h1/linux1"))["guest"]["comments"] == "confirmed"


async def test_what_breaks_rules_is_refused_with_every_issue(cli: Cli) -> None:
    await cli("project", "pull", "h1")
    await _set(cli, "h1", "guest.rtlinux.cpuset=90", "guest.linux1.cpuset=n9")
    checked = await cli("project", "validate", "h1", "-o", "json")
    assert checked.code == 9
    found = {(issue["code"], issue["path"]) for issue in checked.document}
    assert {("CPUSET-UNKNOWN", "guests.rtlinux.cpuset"), ("CPUSET-UNKNOWN", "guests.linux1.cpuset")} <= found
    refused = await cli("project", "apply", "h1", "--yes", "-o", "json")
    assert (refused.code, refused.error["code"]) == (9, "VALIDATION-FAILED")


async def test_a_guest_with_a_disk_comes_and_goes(cli: Cli) -> None:
    await cli("project", "pull", "h2")
    added = await cli("project", "add", "h2", "guest", "extra", "memory_mib=64", "disks=[{size_mib = 64}]")
    assert added.code == 0, added
    await cli.good("project", "apply", "h2", "--yes")
    path = (await cli.good("guest", "show", "h2/extra"))["guest"]["disks"][0]["path"]
    shown = await cli.good("guest", "snapshot", "create", "h2/extra", "empty")
    assert [one["name"] for one in shown] == ["empty"]
    started = await cli.good("boot", "h2", "extra")
    assert [(one["name"], one["result"]) for one in started] == [("extra", "started")]
    stopped = await cli.good("shutdown", "h2", "extra")
    assert [one["result"] for one in stopped] == ["stopped"]
    assert (await cli("project", "remove", "h2", "guest", "extra")).code == 0
    planned = await cli.good("project", "plan", "h2", "--destroy", path)
    assert planned["destructive"] == [path]
    await cli.good("project", "apply", "h2", "--yes", "--destroy", path)
    assert "extra" not in (await cli("guest", "list", "h2", "-o", "name")).out


async def test_the_machine_to_plan_on_elsewhere(cli: Cli, tmp_path: Path) -> None:
    await cli("project", "pull", "h2")
    machine = await cli("hardware", "show", "h2", "-o", "json")
    (tmp_path / "machine.json").write_text(machine.out)
    await _set(cli, "h2", "guest.linux1.memory_mib=128")
    offline = await cli.good("project", "plan", "h2", "--topology", str(tmp_path / "machine.json"))
    assert [item["field"] for item in offline["items"]] == ["memory_mib"]
    mapped = await cli("hardware", "pull", "h2")
    assert mapped.code == 0
    assert "the machine that the draft was made for" in mapped.err
