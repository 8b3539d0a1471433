"""A change with a key is carried out once, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from api_world import PASSWORD, Caller, World, api_world, code
from fastapi import APIRouter, Depends, Response

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.idempotency import AT_WORK_MS, KEPT_MS, prune
from guestwire.controller.api.limits import Limits
from guestwire.controller.store import audit_rows, idempotency
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.controller.store.idempotency import Kept
from guestwire.controller.users.person import Person
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError


class Wish(Document):
    what: str


class Work:
    """What is done, and how it goes."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()
        self.fails: Exception | None = None
        self.after_it = False


def working(work: Work, world: World) -> APIRouter:
    routes = APIRouter(tags=["work"])

    @routes.delete("/work", status_code=201, operation_id="unwork")
    @routes.patch("/work", status_code=201, operation_id="rework")
    @routes.put("/work", status_code=201, operation_id="putWork")
    @routes.post("/work", status_code=201, operation_id="work")
    async def do_work(
        body: Annotated[Wish, FROM_JSON], response: Response, person: Annotated[Person, Depends(world.doors.person)]
    ) -> dict[str, Any]:
        work.begun.set()
        await work.go.wait()
        if work.fails is not None and not work.after_it:
            raise work.fails
        async with world.database.write() as tx:
            work.done.append(body.what)
            await audit_rows.add(tx, AuditEntry(world.clock().wall_ms, person, "work-do", body.what))
        if work.fails is not None:
            raise work.fails
        response.headers["ETag"] = '"7"'
        response.headers["X-Other"] = "x"
        return {"n": len(work.done)}

    return routes


class Worked:
    def __init__(self, world: World, work: Work, anna: Caller) -> None:
        self.world = world
        self.work = work
        self.anna = anna

    async def send(self, what: str = "a", key: str = "k1", who: Caller | None = None) -> Any:
        return await (who or self.anna).post("/work", {"what": what}, headers={"Idempotency-Key": key})


@pytest.fixture
async def worked(database: Database) -> AsyncIterator[Worked]:
    work = Work()
    async with api_world(database, routers=lambda world: (working(work, world),)) as world:
        yield Worked(world, work, await world.user("anna", ("admin", "*")))


async def test_the_same_request_has_the_same_answer(worked: Worked) -> None:
    first, second = await worked.send(), await worked.send()
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert worked.work.done == ["a"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["etag"] == '"7"'
    assert second.headers["content-type"] == "application/json"
    assert "x-other" not in second.headers
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_every_change_is_carried_out_once(worked: Worked, method: str) -> None:
    headers = {"Idempotency-Key": "k1", "If-Match": '"1"'}
    sent = [await worked.anna.ask(method, "/work", json={"what": "a"}, headers=headers) for _ in range(2)]
    assert [(one.status_code, one.headers.get("idempotent-replayed")) for one in sent] == [(201, None), (201, "true")]
    assert sent[0].content == sent[1].content
    of_another = await worked.anna.ask(method, "/work", json={"what": "a"}, headers={**headers, "If-Match": '"2"'})
    assert code(of_another) == "IDEMPOTENCY-MISMATCH"
    assert code(await worked.send()) == "IDEMPOTENCY-MISMATCH", "another method"
    assert worked.work.done == ["a"]


async def test_of_a_password_nothing_is_kept_that_it_could_be_tried_on(worked: Worked) -> None:
    bob = {"name": "bob", "password": PASSWORD}
    for n, who in enumerate((worked.anna, await worked.world.user("cleo", ("admin", "*")))):
        await who.post("/users", bob, headers={"Idempotency-Key": f"p{n}"})
    async with worked.world.database.read() as tx:
        kept = [row.body_hash for row in await tx.execute(idempotency.table.select())]
    assert len(set(kept)) == 2, "it is no digest of the request alone"


async def test_without_a_key_every_request_is_carried_out(worked: Worked) -> None:
    for _ in range(2):
        await worked.anna.post("/work", {"what": "a"})
    assert worked.work.done == ["a", "a"]


async def test_a_key_is_for_one_request(worked: Worked) -> None:
    await worked.send("a")
    other = await worked.send("b")
    assert (other.status_code, code(other)) == (422, "IDEMPOTENCY-MISMATCH")
    elsewhere = await worked.anna.post(
        "/users", {"name": "bob", "password": PASSWORD}, headers={"Idempotency-Key": "k1"}
    )
    assert code(elsewhere) == "IDEMPOTENCY-MISMATCH"
    query = await worked.anna.post("/work?x=1", {"what": "a"}, headers={"Idempotency-Key": "k1"})
    assert code(query) == "IDEMPOTENCY-MISMATCH"
    assert worked.work.done == ["a"]


async def test_a_key_is_one_persons(worked: Worked) -> None:
    await worked.send("a")
    assert (await worked.send("b", who=await worked.world.user("bob"))).status_code == 201
    assert worked.work.done == ["a", "b"]


async def test_a_key_is_no_way_around_what_a_token_is_for(worked: Worked) -> None:
    await worked.send("a")
    answer = await worked.anna.post("/tokens", {"name": "n", "bindings": [{"role": "observer", "scope": "site:lab"}]})
    narrow = worked.world.caller({"Authorization": f"Bearer {answer.json()['token']}"}, "192.0.2.1")
    assert code(await worked.send("a", who=narrow)) == "IDEMPOTENCY-MISMATCH"


async def test_what_was_denied_may_be_allowed_since(worked: Worked) -> None:
    worked.work.fails = GuestwireError("DENIED")
    assert (await worked.send()).status_code == 403
    worked.work.fails = None
    assert (await worked.send()).status_code == 201


async def test_two_at_once(worked: Worked) -> None:
    worked.work.go.clear()
    first = asyncio.create_task(worked.send())
    async with asyncio.timeout(20):
        await worked.work.begun.wait()
    second = await worked.send()
    assert (second.status_code, code(second)) == (409, "IN-PROGRESS")
    assert second.headers["retry-after"] == "1"
    worked.work.go.set()
    assert (await first).status_code == 201
    assert (await worked.send()).headers["idempotent-replayed"] == "true"
    assert worked.work.done == ["a"]


async def test_many_at_once_do_it_once(worked: Worked) -> None:
    answers = await asyncio.gather(*(worked.send() for _ in range(8)))
    assert worked.work.done == ["a"]
    assert {answer.status_code for answer in answers} <= {201, 409}


async def test_a_refusal_is_an_answer_too(worked: Worked) -> None:
    worked.work.fails = GuestwireError("WRONG-STATE")
    first = await worked.send()
    worked.work.fails = None
    second = await worked.send()
    assert code(first) == "WRONG-STATE"
    assert second.content == first.content
    assert second.headers["content-type"] == "application/problem+json"
    assert worked.work.done == []


async def test_what_did_nothing_and_may_do_better_is_done_again(worked: Worked) -> None:
    passing = (ZeroDivisionError(), GuestwireError("DATABASE-UNAVAILABLE", after_ms=1), GuestwireError("THROTTLED"))
    for n, error in enumerate(passing):
        worked.work.fails = error
        assert (await worked.send(key=f"k{n}")).status_code >= 429
        worked.work.fails = None
        assert (await worked.send(key=f"k{n}")).status_code == 201
    assert worked.work.done == ["a"] * 3


async def test_what_was_done_before_it_failed_is_not_done_again(worked: Worked) -> None:
    """The audit row is there, so the work is."""
    worked.work.fails, worked.work.after_it = ZeroDivisionError(), True
    assert (await worked.send()).status_code == 500
    worked.work.fails = None
    second = await worked.send()
    assert (second.status_code, code(second)) == (409, "ANSWER-LOST")
    assert second.json()["about"]["action"] == "work-do"
    assert second.json()["about"]["target"] == "a"
    assert worked.work.done == ["a"]


async def begun(worked: Worked) -> Kept:
    """The row of a request whose controller died in the middle."""
    await worked.send()
    [row] = await worked.world.rows(action="work-do")
    async with worked.world.database.write() as tx:
        kept = await idempotency.of_key(tx, row.person_id, "k1")
        assert kept is not None
        await tx.execute(idempotency.table.update().values(state="running", status=None, body=None))
    return kept


async def test_a_controller_that_died_after_the_work(worked: Worked) -> None:
    await begun(worked)
    assert code(await worked.send()) == "IN-PROGRESS"
    worked.world.clock.move(AT_WORK_MS / 1000)
    for _ in range(2):
        assert code(await worked.send()) == "ANSWER-LOST"
    assert worked.work.done == ["a"]


async def test_a_controller_that_died_before_the_work(worked: Worked) -> None:
    await begun(worked)
    async with worked.world.database.write() as tx:
        await tx.execute(idempotency.table.update().values(request_id="of-nothing"))
    worked.world.clock.move(AT_WORK_MS / 1000)
    assert (await worked.send()).status_code == 201
    assert worked.work.done == ["a", "a"]
    assert (await worked.send()).headers["idempotent-replayed"] == "true"


async def test_keys_are_kept_for_a_day(worked: Worked) -> None:
    await worked.send()
    assert await prune(worked.world.database, worked.world.clock().wall_ms) == 0
    worked.world.clock.move(KEPT_MS / 1000 + 1)
    assert await prune(worked.world.database, worked.world.clock().wall_ms) == 1
    await worked.send("b")
    assert worked.work.done == ["a", "b"]


async def test_no_key(worked: Worked) -> None:
    for key in ("", " ", "a b", "x" * 65, "ä", "a\tb"):
        answer = await worked.anna.post("/work", {"what": "a"}, headers={"Idempotency-Key": key.encode("latin-1")})  # type: ignore[dict-item]
        assert (answer.status_code, code(answer)) == (422, "INVALID-BODY"), key
    assert worked.work.done == []


async def test_a_secret_is_not_kept(worked: Worked) -> None:
    """A token is made once, and its text is nowhere afterwards."""
    headers = {"Idempotency-Key": "t1"}
    made = await worked.anna.post("/tokens", {"name": "t"}, headers=headers)
    again = await worked.anna.post("/tokens", {"name": "t"}, headers=headers)
    assert made.status_code == 201
    assert (again.status_code, code(again)) == (409, "ANSWER-LOST")
    async with worked.world.database.read() as tx:
        kept = [row._asdict() for row in await tx.execute(idempotency.table.select())]
    assert made.json()["token"] not in repr(kept)
    assert "gwt_" not in repr(kept)


async def test_a_request_that_took_too_long_and_did_nothing(any_database: Database) -> None:
    work = Work()
    work.go.clear()
    async with api_world(
        any_database, routers=lambda world: (working(work, world),), limits=Limits(request_s=0.5)
    ) as world:
        worked = Worked(world, work, await world.user("anna"))
        assert code(await worked.send()) == "REQUEST-TIMEOUT"
        work.go.set()
        assert (await worked.send()).status_code == 201
        assert work.done == ["a"]
