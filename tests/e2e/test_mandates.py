"""A mandate from the command line to the host: issued, used by a controller's key, used up, over the agent's death too."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from fleet import Cli, Fleet, fleet
from quick_cli import QuickCli

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.sdk import context_file

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        made = await stack.enter_async_context(fleet(tmp_path_factory.mktemp("site"), broker, {"h1": {}}, cli=QuickCli))
        await made.cli.good("guest", "start", "h1/rtlinux", "h1/linux1")
        key = str(made.layout.key("controller:main"))
        context_file.put(made.cli.config, "main", made.context.model_copy(update={"key": key}))
        yield made


@pytest.fixture
def controller(site: Fleet) -> Cli:
    """The command line with the controller's key, which goes up to R1."""
    return site.cli.by("--context", "main")


async def issued(site: Fleet, file: Path, *more: str) -> None:
    said = await site.cli(
        "mandate",
        "issue",
        str(file),
        "--holder",
        "controller:main",
        "--operation",
        "guest-reset",
        "--host",
        "h1",
        *more,
    )
    assert said.code == 0, said


async def test_what_takes_a_mandate_is_done_under_it_as_often_as_it_allows_and_a_crash_gives_no_use_back(
    site: Fleet, controller: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "two.mandate"
    reset = ("guest", "reset", "h1/rtlinux", "-y", "-o", "json")
    before = site.agents["h1"].resets()["rtlinux"]
    assert (await controller(*reset)).error["code"] == "OUT-OF-SCOPE"
    await issued(site, file, "--uses", "2")
    assert (await controller(*reset, "--mandate", str(file))).code == 0
    await site.agents["h1"].kill()
    await site.agents["h1"].start()
    await site.online("h1")
    await site.cli.good("guest", "start", "h1/rtlinux")
    assert (await controller(*reset, "--mandate", str(file))).code == 0
    assert (await controller(*reset, "--mandate", str(file))).error["code"] == "MANDATE-USED-UP"
    assert site.agents["h1"].resets()["rtlinux"] - before == 2


async def test_it_is_for_what_it_names(site: Fleet, controller: Cli, tmp_path: Path) -> None:
    file = tmp_path / "one.mandate"
    await issued(site, file, "--request", '{"guest":"linux1"}')
    for command in (("reset", "h1/rtlinux"), ("destroy", "h1/linux1")):
        said = await controller("guest", *command, "-y", "-o", "json", "--mandate", str(file))
        assert said.error["code"] == "MANDATE-SCOPE", said
    assert (await site.cli("guest", "reset", "h1/linux1", "-y", "-o", "json", "--mandate", str(file))).error[
        "code"
    ] == ("MANDATE-SCOPE"), "it is for its holder, and for nobody who may do it anyway"
    assert (await controller("guest", "reset", "h1/linux1", "-y", "--mandate", str(file))).code == 0


async def test_a_person_can_read_it_and_the_log_of_the_host_names_it(
    site: Fleet, controller: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "read.mandate"
    await issued(site, file, "--note", "shift change")
    shown = await site.cli.good("mandate", "show", str(file))
    assert (shown["holder"], shown["signers"], shown["note"]) == ("controller:main", ["operator:admin"], "shift change")
    assert (await controller("guest", "reset", "h1/linux1", "-y", "--mandate", str(file))).code == 0
    rows = await site.cli.good("audit", "list", "h1", "--operation", "guest-reset")
    assert [row["principal"] for row in rows if row.get("mandate") == shown["id"]] == ["controller:main"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--operation", "guest-list"), "CONFIG-INVALID"),
        (("--operation", "config-apply"), "CONFIG-INVALID"),
        (("--operation", "config-apply", "--risk", "2"), "MANDATE-INVALID"),
        (("--request", "{}"), "INVALID-BODY"),
    ],
)
async def test_one_that_no_host_would_take_is_not_issued(
    site: Fleet, tmp_path: Path, more: tuple[str, ...], code: str
) -> None:
    file = tmp_path / "never.mandate"
    said = await site.cli(
        "mandate", "issue", str(file), "--holder", "controller:main", "--host", "h1", "-o", "json",
        *(("--operation", "guest-reset") if "--operation" not in more else ()), *more,
    )  # fmt: skip
    assert said.error["code"] == code, said
    assert not file.exists()


async def test_nobody_allows_what_he_may_not_do_himself(controller: Cli, tmp_path: Path) -> None:
    file = tmp_path / "own.mandate"
    said = await controller(
        "mandate", "issue", str(file), "--holder", "controller:main", "--operation", "guest-reset", "--host", "h1",
        "-o", "json",
    )  # fmt: skip
    assert said.error["code"] == "OUT-OF-SCOPE"
    assert not file.exists()
