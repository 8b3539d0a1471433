"""The whole controller, over a database, asked at random by what its document says: nothing fails, and every answer is as described."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from api_world import PASSWORD, SaidLog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from guestwire.controller.composing.base import Base
from guestwire.controller.composing.controller import RunningController, controller
from guestwire.controller.config import ControllerSection, ServeSection, Settings, UsersSection
from guestwire.controller.feed import Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_tables import HostRow, PeoplesWords
from guestwire.controller.users.person import Asked, Binding
from guestwire.link.clock import now
from guestwire.link.vital import Vital

ADMIN = "ada"
HOST = HostRef("plant", "h1")
NOT_ASKED = ("positive_data_acceptance", "ignored_auth", "not_a_server_error")
"""What fits the schema may still be refused, as a password that is weak or a cursor of another list. Who comes in without a token is
the gate's matter (test_gate.py), and would cost two requests more each time. What a server's error is, `broke` says."""
AWAY = frozenset({"HOST-UNREACHABLE"})
"""What a request may be answered with 5xx for, while no host is connected."""
NAMES = {
    "groups": "line", "windows": "night", "alarm-rules": "hot", "projects": "line7", "users": "bert",
    "site": HOST.site, "host": HOST.host, "operation": "guest-start", "example": "rt-linux", "revision": 1,
}  # fmt: skip
"""What parameters of paths are asked for half of the time, by their names, or, if that is `name`, by the collection."""


@asynccontextmanager
async def whole(
    database: Database, home: Path, log: SaidLog
) -> AsyncIterator[tuple[RunningController, dict[str, str]]]:
    """A whole controller that knows a host, with the headers of its administrator."""
    chosen = Settings(
        controller=ControllerSection(state_dir=home),
        serve=ServeSection(listen="127.0.0.1:0"),
        users=UsersSection(request_rate=1e6, request_burst=1e6),
    )
    async with database.write() as tx:
        await hosts.add(tx, [HostRow(HOST, now().wall_ms, True, PeoplesWords(approval="approved", approved_by=ADMIN))])
    ended: list[str] = []
    vital = Vital(lambda name, err: ended.append(f"{name}: {err!r}"))
    async with controller(Base(chosen, database, Feed(), log, now, vital, boot_id="")) as running:
        who = running.who
        await who.accounts.make(None, ADMIN, PASSWORD, must_change=False, roles=(Binding("admin", "*"),))
        person = (await who.signing_in.log_in(ADMIN, PASSWORD, Asked("127.0.0.1"))).person
        made = await who.tokens.make(person, "all", None, None)
        yield running, {"Authorization": f"Bearer {made.text}"}
        assert ended == []


async def seeded(url: str, headers: dict[str, str]) -> dict[str, Any]:
    """One thing of each kind, made over the API; NAMES with the ids of those that have ids."""
    span = {"days": ["mon"], "start": "01:00", "end": "05:00"}
    wanted: list[tuple[str, str, dict[str, Any], dict[str, str], str]] = [
        ("POST", "users", {"name": NAMES["users"], "password": PASSWORD}, {}, ""),
        ("POST", "groups", {"name": NAMES["groups"], "selection": "site=plant"}, {}, ""),
        ("POST", "windows", {"name": NAMES["windows"], "weekly": [span]}, {}, ""),
        (
            "POST",
            "alarm-rules",
            {"name": NAMES["alarm-rules"], "trigger": {"on": "presence", "states": ["offline"]}},
            {},
            "",
        ),
        ("POST", "webhooks", {"name": "here", "url": "http://127.0.0.1:9/"}, {}, "webhook_id"),
        ("POST", "projects/examples/rt-linux/open", {"host": str(HOST)}, {}, ""),
        (
            "PUT",
            f"projects/{NAMES['projects']}",
            {"site": HOST.site, "drafts": [HOST.host]},
            {"If-None-Match": "*"},
            "",
        ),
        ("POST", "jobs", {"operation": "guest-start", "hosts": [str(HOST)], "body": {"guest": "a"}}, {}, "job_id"),
    ]
    known: dict[str, Any] = dict(NAMES)
    async with httpx.AsyncClient(base_url=f"{url}/api/v1/", headers=headers) as client:
        for method, path, body, more, called in wanted:
            answer = await client.request(method, path, json=body, headers=more)
            assert answer.is_success, f"{path}: {answer.text}"
            if called:
                said = answer.json()
                known[called] = said["id"] if "id" in said else said["items"][0]["id"]
    return known


@st.composite
def cases(draw: st.DrawFn, operation: Any, mode: GenerationMode, known: dict[str, Any]) -> Any:
    """A request of that operation, half of the time for something that is there, in its first revision."""
    case = draw(operation.as_strategy(generation_mode=mode))
    if mode is GenerationMode.NEGATIVE or not draw(st.booleans()):
        return case
    collection = operation.path.removeprefix("/api/v1/").partition("/")[0]
    for name in dict(case.path_parameters or {}):
        value = known.get(collection if name == "name" else name)
        if value is not None:
            case.path_parameters[name] = value
    if case.headers is not None and "If-Match" in case.headers:
        case.headers["If-Match"] = '"1"'
    return case


def broke(_context: Any, response: Any, _case: Any) -> None:
    """A check: a server's error is one that it has no name for."""
    if response.status_code >= 500:
        code = response.json().get("code")
        assert code in AWAY, f"{response.status_code} {code}: {response.text}"


def ask(strategy: Any, headers: dict[str, str], examples: int) -> list[str]:
    """What was not as the document says. Whatever it is, the rest is asked all the same."""
    excluded = [CHECKS.get_one(name) for name in NOT_ASKED]
    wrong: list[str] = []

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(case=strategy)
    def one(case: Any) -> None:
        try:
            case.call_and_validate(headers=headers, excluded_checks=excluded, additional_checks=[broke])
        except (AssertionError, BaseExceptionGroup) as err:
            wrong.append(str(err))

    one()
    return wrong


def hold(running: RunningController, headers: dict[str, str], known: dict[str, Any], examples: int) -> list[str]:
    """Ask everything that the document has, with what fits it and what does not; what was not as it says."""
    schema = schemathesis.openapi.from_dict(running.application.openapi())
    schema.config.update(base_url=running.url)
    refused = schema.config.checks.negative_data_rejection
    refused.expected_statuses = [*refused.expected_statuses, 412]  # an If-Match that is no ETag of ours matches nothing
    schema.config.generation.update(with_security_parameters=False)
    wrong: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
                continue
            found = ask(cases(operation, mode, known), headers, examples)
            wrong += [f"{operation.label} ({mode.value}): {text}" for text in found]
    return wrong


async def held(database: Database, home: Path, examples: int) -> None:
    log = SaidLog()
    async with whole(database, home, log) as (running, headers):
        known = await seeded(running.url, headers)
        wrong = await asyncio.to_thread(hold, running, headers, known, examples)
    assert not wrong, "\n\n".join(wrong)
    assert [line for line in log.lines if line[0] == "error"] == []


@pytest.mark.parametrize(
    "database_dsn", ["postgresql"], indirect=True
)  # it refuses more than SQLite: NUL, large numbers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Do not use the `random` module")
async def test_nothing_fails_and_answers_are_as_described(database: Database, tmp_path: Path) -> None:
    await held(database, tmp_path, examples=2)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Do not use the `random` module")
async def test_nothing_fails_for_long(database: Database, tmp_path: Path) -> None:
    await held(database, tmp_path, examples=60)
