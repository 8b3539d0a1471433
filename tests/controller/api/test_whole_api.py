"""The whole controller, over a database, asked at random by what its document says: nothing fails, and every answer is as described."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from api_world import PASSWORD, SaidLog
from fake_host import FakeHost
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.options import BrokerOptions
from guestwire.controller.composing.base import Base
from guestwire.controller.composing.controller import RunningController, controller
from guestwire.controller.config import Connection, ControllerSection, ServeSection, Settings, UsersSection
from guestwire.controller.feed import Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_tables import HostRow, PeoplesWords
from guestwire.controller.users.person import Asked, Binding
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

ADMIN = "ada"
HOST = HostRef("plant", "h1")
NOT_ASKED = ("positive_data_acceptance", "ignored_auth", "not_a_server_error")
"""What fits the schema may still be refused, as a password that is weak or a cursor of another list. Who comes in without a token is
the gate's matter (test_gate.py), and would cost two requests more each time. What a server's error is, `broke` says."""
AWAY = frozenset({"HOST-UNREACHABLE"})
"""What a request may be answered with 5xx for: but for one host nobody is there."""
GUEST = "web"
OPERATIONS: dict[str, dict[str, Any]] = {
    "host-ping": {}, "host-show": {}, "host-topology": {}, "guest-list": {}, "guest-show": {"guest": GUEST},
    "guest-start": {"guest": GUEST}, "guest-reset": {"guest": GUEST}, "guest-define": {"guest": {"name": "more"}},
    "config-show": {}, "config-history": {}, "job-list": {}, "message-list": {}, "log-query": {}, "audit-list": {},
    "comm-status": {}, "area-list": {}, "snapshot-list": {"guest": GUEST}, "log-level": {"level": "info"},
}  # fmt: skip
"""What the host that is there is asked for besides, each once."""
SEED = "GUESTWIRE_TEST_SEED"
"""The variable with the seed of the long variant; a new one each time where there is none. A run that failed names its own."""
NAMES = {
    "groups": "line", "windows": "night", "alarm-rules": "hot", "projects": "line7", "users": "bert",
    "site": HOST.site, "host": HOST.host, "operation": "guest-start", "example": "rt-linux", "revision": 1,
}  # fmt: skip
"""What parameters of paths are asked for half of the time, by their names, or, if that is `name`, by the collection."""


class WillingHost(FakeHost):
    """One that refuses what it does not do."""

    def _handlers(self) -> dict[str, Callable[[Call], Model | Awaitable[Model]]]:
        known = super()._handlers()
        return {name: known.get(name, self._refused) for name in BY_NAME}

    def _effect(self, call: Call) -> Model:
        try:
            return super()._effect(call)
        except (AttributeError, KeyError):
            return self._refused(call)

    def _refused(self, call: Call) -> Model:
        raise GuestwireError("UNSUPPORTED", f"It does no {call.operation.name}.")


@asynccontextmanager
async def linked_host(home: Path) -> AsyncIterator[Connection]:
    """A host at a broker of its site, and the way to it."""
    async with embedded(BrokerOptions()) as broker, AsyncExitStack() as stack:
        layout: Layout = create(home / "site", SitePlan(HOST.site, hosts=(HOST.host,)), now().wall_ms)
        host = WillingHost(layout, HOST.host)
        host.add(GUEST)
        await host.serve(stack, broker.port, None)
        yield Connection(
            name=HOST.site, site=HOST.site, brokers=(broker.url,), trust=str(layout.trust),
            root=str(layout.root_public), key=str(layout.key("controller:main")),
        )  # fmt: skip


@asynccontextmanager
async def whole(
    database: Database, home: Path, log: SaidLog, connection: Connection
) -> AsyncIterator[tuple[RunningController, dict[str, str]]]:
    """A whole controller that has let a host in, with the headers of its administrator."""
    chosen = Settings(
        controller=ControllerSection(state_dir=home),
        serve=ServeSection(listen="127.0.0.1:0"),
        users=UsersSection(request_rate=1e6, request_burst=1e6),
        connections=(connection,),
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
        async with asyncio.timeout(20):
            while running.side.core.registry.state(HOST) != "online":
                await asyncio.sleep(0.01)
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


@st.composite
def of_the_host(draw: st.DrawFn, operation: Any, name: str, body: dict[str, Any]) -> Any:
    """A request of the host that is there, which fits."""
    case = draw(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    case.path_parameters.update(site=HOST.site, host=HOST.host, operation=name)
    case.query = {"wait_s": 0 if BY_NAME[name].risk >= 2 else 5}  # what takes a signature waits for nobody
    case.body, case.media_type = body, "application/json"
    case.headers.pop("Idempotency-Key", None)  # one that was used before is for something else
    return case


def broke(_context: Any, response: Any, _case: Any) -> None:
    """A check: a server's error is one that it has no name for."""
    if response.status_code >= 500:
        code = response.json().get("code")
        assert code in AWAY, f"{response.status_code} {code}: {response.text}"


def did(_context: Any, response: Any, _case: Any) -> None:
    """A check: it was done, or waits to be."""
    assert response.status_code < 300, f"{response.status_code}: {response.text}"


def ask(
    strategy: Any, headers: dict[str, str], examples: int, by: int | None, check: Callable[..., None] = broke
) -> list[str]:
    """What was not as the document says. Whatever it is, the rest is asked all the same. `by`: the seed; None: the same each time."""
    excluded = [CHECKS.get_one(name) for name in NOT_ASKED]
    wrong: list[str] = []

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=by is None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(case=strategy)
    def one(case: Any) -> None:
        try:
            case.call_and_validate(headers=headers, excluded_checks=excluded, additional_checks=[check])
        except (AssertionError, BaseExceptionGroup) as err:
            wrong.append(str(err))

    (one if by is None else seed(by)(one))()
    return wrong


def hold(
    running: RunningController, headers: dict[str, str], known: dict[str, Any], examples: int, by: int | None
) -> list[str]:
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
            found = ask(cases(operation, mode, known), headers, examples, by)
            wrong += [f"{operation.label} ({mode.value}): {text}" for text in found]
        if operation.path.endswith("/operations/{operation}"):
            # somebody may have turned it away meanwhile
            httpx.post(f"{running.url}/api/v1/hosts/{HOST}/approve", headers=headers).raise_for_status()
            for name, body in OPERATIONS.items():
                found = ask(of_the_host(operation, name, body), headers, 1, by, did)
                wrong += [f"{name}: {text}" for text in found]
    return wrong


async def held(database: Database, home: Path, examples: int, by: int | None = None) -> None:
    log = SaidLog()
    async with linked_host(home) as connection, whole(database, home, log, connection) as (running, headers):
        known = await seeded(running.url, headers)
        wrong = await asyncio.to_thread(hold, running, headers, known, examples, by)
    assert not wrong, "\n\n".join([*wrong, f"{SEED}={by}"])
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
    by = int(os.environ.get(SEED) or random.SystemRandom().randrange(1 << 32))
    sys.stdout.write(f"{SEED}={by}\n")
    await held(database, tmp_path, examples=60, by=by)
