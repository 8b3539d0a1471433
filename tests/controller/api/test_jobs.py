"""Jobs, operations, approvals and windows over HTTP."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from api_world import Caller, api_world, code
from api_world import World as Api
from called_hosts import CalledHosts
from job_world import NoTrust, World, job_world
from trusted_people import People, signature

from guestwire.controller.api import approvals, jobs, operations, windows
from guestwire.controller.api.operations import JOB, MANDATE, PACKED, VERIFIED
from guestwire.controller.approvals.service import Approvals
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.asking import Asking
from guestwire.controller.store import user_keys, users
from guestwire.controller.store.database import Database
from guestwire.controller.store.user_keys import UserKey
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import GuestView
from guestwire.protocol import mandates
from guestwire.protocol.bodies import from_bytes, to_bytes
from guestwire.protocol.operation_models import GuestRef, GuestStart, Ping, Pong
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import SigningKey

START = {"operation": "guest-start", "hosts": ["plant/h1"], "body": {"guest": "web"}}
RESET = "/hosts/plant/h1/operations/guest-reset"


class Desk:
    """A controller's API with jobs behind it."""

    def __init__(self, api: Api, world: World, people: People) -> None:
        self.api = api
        self.world = world
        self.people = people
        self.hosts = world.hosts

    async def enrolled(self, name: str, principal: str) -> SigningKey:
        """A key of a user, which the site knows as that principal."""
        key = self.people.add(principal)
        self.world.trust.trusts["plant"] = self.people.trust()
        async with self.api.database.write() as tx:
            user = await users.by_name(tx, name)
            assert user is not None
            await user_keys.insert(tx, UserKey(key.id.hex(), user.id, key.public.raw.hex(), "laptop", 0))
        return key

    async def targets(self, person: Person, selection: str, operation: str) -> list[HostRef]:
        return [HostRef("plant", name) for name in ("h1", "h2")] if selection == "site=plant" else []


@pytest.fixture
async def desk(any_database: Database) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        people = People()
        trust = NoTrust({"plant": people.trust()})
        made: list[Desk] = []

        def routers(_: Api) -> tuple[Any, ...]:
            [one] = made
            service = Approvals(
                any_database, one.world.access, one.world.approvals, trust, one.world.log, one.world.clock
            )
            asking = Asking(one.world.access, one.world.hosts)
            doors = one.api.doors
            return (
                jobs.router(one.world.jobs, one.targets, doors),
                operations.router(asking, one.world.jobs, doors),
                approvals.router(service, doors),
                windows.router(one.world.windows, doors),
            )

        world = await stack.enter_async_context(job_world(any_database, CalledHosts("h1", "h2"), trust=trust))
        api = await stack.enter_async_context(api_world(any_database, routers=routers))
        made.append(Desk(api, world, people))
        yield made[0]


@pytest.fixture
async def ann(desk: Desk) -> Caller:
    return await desk.api.user("ann", ("admin", "*"))


async def test_a_job_from_the_asking_to_its_reply(desk: Desk, ann: Caller) -> None:
    made = await ann.post("/jobs", START | {"note": "again"})
    assert made.status_code == 202, made.text
    [job] = made.json()["items"]
    assert made.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["host"], job["operation"], job["risk"], job["person"], job["note"]) == (
        "plant/h1",
        "guest-start",
        1,
        "ann",
        "again",
    )
    shown = await ann.get(f"/jobs/{job['id']}?wait_s=10")
    said = shown.json()
    assert (said["state"], said["finished"], said["verified"]) == ("succeeded", True, True)
    assert said["reply"]["status"]["state"] == "running"
    assert shown.headers["etag"] == f'"{said["revision"]}"'
    listed = (await ann.get("/jobs?state=succeeded&operation=guest-start&host=plant/h1&by=ann")).json()
    assert [one["id"] for one in listed["items"]] == [job["id"]]
    assert (await ann.get("/jobs?state=failed")).json() == {"items": [], "next": None}


async def test_jobs_in_pages(desk: Desk, ann: Caller) -> None:
    for _ in range(4):
        await ann.post("/jobs", START | {"selection": "site=plant", "hosts": None})
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await ann.get(f"/jobs?limit=3{cursor}")).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 8
    assert code(await ann.get("/jobs?cursor=WzFd")) == "CURSOR-INVALID"


NO_JOBS: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"operation": "guest-dance"}, 404, "NOT-FOUND", "operation"),
    ({"operation": "guest-list"}, 422, "INVALID-BODY", "operation"),
    ({"body": {"gast": "web"}}, 422, "INVALID-BODY", "gast"),
    ({"body": {}}, 422, "INVALID-BODY", "guest"),
    ({"hosts": ["plant"]}, 422, "INVALID-BODY", "hosts.0"),
    ({"hosts": []}, 422, "INVALID-BODY", "hosts"),
    ({"hosts": None}, 422, "INVALID-BODY", None),
    ({"selection": "site=plant"}, 422, "INVALID-BODY", None),
    ({"hosts": None, "selection": "site=nowhere"}, 404, "NOT-FOUND", "selection"),
    ({"hosts": ["plant/h9"]}, 409, "HOST-NOT-APPROVED", "host"),
    ({"deadline_s": 0}, 422, "INVALID-BODY", "deadline_s"),
    ({"window": "night"}, 404, "NOT-FOUND", "window"),
    ({"mandate": "!"}, 422, "INVALID-BODY", "mandate"),
    ({"approval": "0" * 36, "operation": "guest-reset"}, 404, "NOT-FOUND", "approval"),
    ({"colour": "blue"}, 422, "INVALID-BODY", "colour"),
]


async def test_what_is_no_job(desk: Desk, ann: Caller) -> None:
    for changes, status, problem, field in NO_JOBS:
        answer = await ann.post("/jobs", START | changes)
        assert (answer.status_code, code(answer)) == (status, problem), answer.text
        assert field is None or answer.json()["field"] == field, answer.text
    assert (await ann.get("/jobs")).json()["items"] == []


async def test_a_job_is_cancelled_and_tried_again(desk: Desk, ann: Caller) -> None:
    desk.hosts["h1"].there = False
    job = (await ann.post("/jobs", START)).json()["items"][0]["id"]
    assert code(await ann.post(f"/jobs/{job}/retry")) == "JOB-UNFINISHED"
    cancelled = await ann.post(f"/jobs/{job}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"], cancelled.json()["cancel_by"]) == (202, "canceled", "ann")
    desk.hosts["h1"].there = True
    again = await ann.post(f"/jobs/{job}/retry", {"deadline_s": 60})
    assert (again.status_code, again.json()["retry_of"]) == (202, job)
    assert again.headers["location"].endswith(again.json()["id"])
    assert (await ann.get(f"/jobs/{again.json()['id']}?wait_s=10")).json()["state"] == "succeeded"
    assert code(await ann.post(f"/jobs/{job}/retry")) == "JOB-RETRIED"
    assert code(await ann.post("/jobs/nobody/cancel")) == "NOT-FOUND"


async def test_an_overdue_job_is_given_up(desk: Desk, ann: Caller) -> None:
    desk.hosts["h1"].held = True
    job = (await ann.post("/jobs", START | {"deadline_s": 60})).json()["items"][0]["id"]
    running = await desk.world.stored(job)
    await desk.world.until(running, lambda one: one.state == "running")
    early = await ann.post(f"/jobs/{job}/give-up")
    assert (early.status_code, code(early)) == (409, "JOB-UNFINISHED")
    desk.world.forward(60_000)
    await desk.world.until(running, lambda one: one.state == "overdue")
    given_up = await ann.post(f"/jobs/{job}/give-up")
    assert (given_up.status_code, given_up.json()["state"], given_up.json()["code"]) == (
        202,
        "indeterminate",
        "INDETERMINATE",
    )
    assert (await ann.post(f"/jobs/{job}/give-up")).json()["state"] == "indeterminate"
    desk.hosts["h1"].finish()


async def test_who_may_not(desk: Desk, ann: Caller) -> None:
    eve = await desk.api.user("eve", ("observer", "*"))
    dan = await desk.api.user("dan", ("operator", "host:plant/h2"))
    assert code(await eve.post("/jobs", START)) == "DENIED"
    job = (await ann.post("/jobs", START)).json()["items"][0]["id"]
    assert (await eve.get(f"/jobs/{job}")).status_code == 200
    assert code(await dan.get(f"/jobs/{job}")) == "NOT-FOUND"
    assert code(await dan.post(f"/jobs/{job}/cancel")) == "NOT-FOUND"
    assert (await dan.get("/jobs")).json()["items"] == []
    assert code(await dan.post("/hosts/plant/h1/operations/host-ping", {})) == "DENIED"
    assert code(await eve.post(RESET, {"guest": "web"})) == "DENIED"
    assert code(await desk.api.stranger.get("/jobs")) == "UNAUTHENTICATED"


async def test_a_reading_is_answered_at_once(desk: Desk, ann: Caller) -> None:
    answer = await ann.post("/hosts/plant/h1/operations/host-ping", {"payload": "00ff"})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["reply"]["payload"], said["verified"], said["job"]) == ("", True, None)
    empty = await ann.post("/hosts/plant/h1/operations/host-ping")
    assert empty.status_code == 200
    packed = await ann.post(
        "/hosts/plant/h1/operations/host-ping",
        content=to_bytes(Ping(payload=b"\x00")),
        headers={"Content-Type": PACKED},
    )
    assert (packed.headers["content-type"], packed.headers[VERIFIED]) == (PACKED, "true")
    assert from_bytes(Pong, packed.content).epoch == 1
    assert (await ann.get("/jobs")).json()["items"] == [], "it leaves nothing behind"
    desk.hosts["h1"].there = False
    gone = await ann.post("/hosts/plant/h1/operations/host-ping", {})
    assert (gone.status_code, code(gone)) == (504, "HOST-UNREACHABLE")


async def test_what_changes_has_its_audit_row_and_what_reads_has_none(desk: Desk, ann: Caller) -> None:
    eve = await desk.api.user("eve", ("observer", "host:plant/h2"))
    before = len(await desk.api.rows())
    await ann.post("/hosts/plant/h1/operations/host-ping", {"payload": "00"})
    await ann.post("/hosts/plant/h1/operations/host-ping", {"colour": "blue"})
    desk.hosts["h1"].there = False
    await ann.post("/hosts/plant/h1/operations/host-ping")
    assert (await desk.api.rows())[before:] == ()
    assert code(await eve.post("/hosts/plant/h1/operations/host-ping")) == "DENIED"
    for key in ("one", "one", "two"):
        answer = await ann.post(
            "/hosts/plant/h1/operations/guest-start", {"guest": "web"}, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 202
    await ann.post("/hosts/plant/h1/operations/guest-start", {"gast": "web"})
    assert [(row.person, row.action, row.outcome) for row in (await desk.api.rows())[before:]] == [
        ("eve", "runOperation", "DENIED"), ("ann", "guest-start", "ok"), ("ann", "guest-start", "ok"),
        ("ann", "runOperation", "INVALID-BODY"),
    ]  # fmt: skip


async def test_what_has_an_effect_becomes_a_job(desk: Desk, ann: Caller) -> None:
    where = "/hosts/plant/h1/operations/guest-start"
    left = await ann.post(where, {"guest": "web"})
    assert left.status_code == 202
    assert left.headers["location"] == f"/api/v1/jobs/{left.json()['id']}"
    assert left.headers[JOB] == left.json()["id"]
    waited = await ann.post(f"{where}?wait_s=10", {"guest": "web"})
    assert waited.status_code == 200, waited.text
    said = waited.json()
    assert (said["reply"]["status"]["state"], said["verified"]) == ("running", True)
    body = to_bytes(GuestStart(guest="web", wait="ready"))
    packed = await ann.post(f"{where}?wait_s=10", content=body, headers={"Content-Type": PACKED})
    assert (packed.status_code, packed.headers["content-type"]) == (200, PACKED)
    assert from_bytes(GuestView, packed.content).status.state == "running"
    assert desk.hosts["h1"].bodies[-1] == body, "the host got the very bytes"
    assert (await ann.get(f"/jobs/{packed.headers[JOB]}")).json()["operation"] == "guest-start"


async def test_a_failure_is_told_as_the_host_told_it(desk: Desk, ann: Caller) -> None:
    desk.hosts["h1"].fails = GuestwireError("WRONG-STATE", "The guest is paused.", detail={"state": "paused"})
    answer = await ann.post("/hosts/plant/h1/operations/guest-start?wait_s=10", {"guest": "web"})
    assert (answer.status_code, code(answer), answer.json()["detail"]) == (409, "WRONG-STATE", "The guest is paused.")
    about = answer.json()["about"]
    assert about["state"] == "failed"
    assert (await ann.get(f"/jobs/{about['job']}")).json()["error"]["detail"] == {"state": "paused"}
    desk.hosts["h1"].fails, desk.hosts["h1"].refuses = None, GuestwireError("KEY-UNKNOWN")
    refused = await ann.post("/hosts/plant/h1/operations/guest-start?wait_s=10", {"guest": "web"})
    assert (refused.status_code, code(refused)) == (403, "KEY-UNKNOWN")


NO_BODIES: list[tuple[bytes, str, int, str]] = [
    (b"\xc1", PACKED, 422, "INVALID-BODY"),
    (pack({"guest": 7}), PACKED, 422, "INVALID-BODY"),
    (b"", PACKED, 422, "INVALID-BODY"),
    (b"{", "application/json", 400, "MALFORMED"),
    (b"[]", "application/json", 422, "INVALID-BODY"),
    (b'{"guest":"web"}', "text/plain", 415, "MEDIA-TYPE"),
]


async def test_bodies_that_do_not_fit(desk: Desk, ann: Caller) -> None:
    for body, kind, status, problem in NO_BODIES:
        answer = await ann.post("/hosts/plant/h1/operations/guest-start", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, code(answer)) == (status, problem), answer.text
    elsewhere = await ann.post("/jobs", content=b"\x80", headers={"Content-Type": PACKED})
    assert code(elsewhere) == "MEDIA-TYPE"


async def test_the_operations_that_there_are(desk: Desk, ann: Caller) -> None:
    items = (await ann.get("/operations")).json()["items"]
    start = next(one for one in items if one["name"] == "guest-start")
    assert (start["effect"], start["risk"], start["served_by"]) == ("idempotent", 1, "agent")
    assert code(await ann.post("/hosts/plant/h1/operations/guest-dance", {})) in ("DENIED", "NOT-FOUND")


async def test_an_approval_is_signed_with_a_key_of_ones_own(desk: Desk, ann: Caller) -> None:
    key = await desk.enrolled("ann", "operator:ann")
    waits = await ann.post(RESET, {"guest": "web"})
    assert (waits.status_code, waits.json()["state"]) == (202, "waiting-approval")
    [listed] = (await ann.get("/approvals?mine=true&state=open")).json()["items"]
    assert (listed["id"], listed["yours"], listed["operations"]) == (waits.json()["approval"], True, ["guest-reset"])
    shown = await ann.get(f"/approvals/{listed['id']}")
    [text] = shown.json()["mandates"]
    assert (text["holder"], text["hosts"], text["risk"], text["needed"]) == ("controller:main", ["h1"], 2, 1)
    wrong = {"key_id": key.id.hex(), "signature": "00" * 64}
    assert code(await ann.post(f"/approvals/{listed['id']}/signatures", wrong)) == "MANDATE-INVALID"
    made = signature(key, base64.b64decode(text["text"])).hex()
    signed = await ann.post(f"/approvals/{listed['id']}/signatures", {"key_id": key.id.hex(), "signature": made})
    assert (signed.status_code, signed.json()["state"]) == (200, "approved"), signed.text
    assert signed.headers["etag"] == '"2"'
    assert (await ann.get(f"/jobs/{waits.json()['id']}?wait_s=10")).json()["state"] == "succeeded"
    again = await ann.post(f"/approvals/{listed['id']}/signatures", {"key_id": key.id.hex(), "signatures": [made]})
    assert (again.status_code, code(again)) == (409, "APPROVAL-CLOSED")
    assert (await ann.get("/approvals?state=open")).json()["items"] == []


async def test_an_approval_by_the_file_of_a_mandate(desk: Desk, ann: Caller) -> None:
    key = await desk.enrolled("ann", "operator:ann")
    waits = (await ann.post(RESET, {"guest": "web"})).json()
    [text] = (await ann.get(f"/approvals/{waits['approval']}")).json()["mandates"]
    raw = base64.b64decode(text["text"])
    file = mandates.to_text(pack((raw, ((key.id, signature(key, raw)),))))
    signed = await ann.post(f"/approvals/{waits['approval']}/signatures", {"mandates": [file]})
    assert signed.json()["state"] == "approved", signed.text


async def test_an_approval_is_rejected(desk: Desk, ann: Caller) -> None:
    waits = (await ann.post(RESET, {"guest": "web"})).json()
    answer = await ann.post(f"/approvals/{waits['approval']}/reject", {"reason": "not now"})
    assert (answer.json()["state"], answer.json()["reason"]) == ("rejected", "not now")
    ended = (await ann.get(f"/jobs/{waits['id']}?wait_s=10")).json()
    assert (ended["state"], ended["code"]) == ("rejected", "APPROVAL-REJECTED")
    assert code(await ann.get("/approvals/" + "0" * 36)) == "NOT-FOUND"


NO_SIGNATURES: list[dict[str, Any]] = [
    {}, {"signature": "00" * 64}, {"key_id": "0" * 16}, {"key_id": "0" * 16, "mandates": ["x"]},
    {"key_id": "0" * 16, "signature": "00"}, {"key_id": "0" * 16, "signatures": []}, {"mandates": ["!"]},
]  # fmt: skip


async def test_what_is_no_signature(desk: Desk, ann: Caller) -> None:
    waits = (await ann.post(RESET, {"guest": "web"})).json()
    for body in NO_SIGNATURES:
        answer = await ann.post(f"/approvals/{waits['approval']}/signatures", body)
        assert (answer.status_code, code(answer)) == (422, "INVALID-BODY"), body


async def test_a_mandate_that_is_brought_along(desk: Desk, ann: Caller) -> None:
    key = await desk.enrolled("ann", "operator:ann")
    now_ms = desk.world.clock().wall_ms
    mandate = mandates.Mandate(
        id=b"m" * 16, site="plant", holder="controller:main", operations=("guest-reset",), hosts=("h1",), risk=2,
        not_before=now_ms - 1000, not_after=now_ms + 3_600_000, uses=9,
    )  # fmt: skip
    text = base64.b64encode(mandates.issue(mandate, [key])).decode()
    packed = await ann.post(
        f"{RESET}?wait_s=10", content=to_bytes(GuestRef(guest="web")), headers={"Content-Type": PACKED, MANDATE: text}
    )
    assert packed.status_code == 200, packed.text
    made = await ann.post("/jobs", START | {"operation": "guest-reset", "mandate": text})
    assert made.status_code == 202, made.text
    assert code(await ann.post(RESET, {"guest": "web"}, headers={MANDATE: "!"})) == "INVALID-BODY"
    beyond = await ann.post("/jobs", START | {"operation": "guest-reset", "mandate": text, "hosts": ["plant/h2"]})
    assert (beyond.status_code, code(beyond)) == (403, "MANDATE-SCOPE")


async def test_windows(desk: Desk, ann: Caller) -> None:
    night = {"time_zone": "Europe/Berlin", "weekly": [{"days": ["sat", "sun"], "start": "01:00", "end": "05:00"}]}
    made = await ann.post("/windows", night | {"name": "night"})
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, "/api/v1/windows/night", '"1"')
    assert made.json()["window"]["weekly"][0]["days"] == ["sat", "sun"]
    assert (made.json()["open_until"] is None) != (made.json()["opens_at"] is None)
    assert code(await ann.post("/windows", night | {"name": "night"})) == "EXISTS"
    assert code(await ann.put("/windows/night", night)) == "PRECONDITION-REQUIRED"
    changed = await ann.put("/windows/night", night | {"last_s": 600}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["window"]["last_s"]) == (200, '"2"', 600)
    assert (await ann.get("/windows/night")).json() == changed.json()
    assert [one["name"] for one in (await ann.get("/windows")).json()["items"]] == ["night"]
    wrong = await ann.put("/windows/night", night | {"time_zone": "Mars"}, headers={"If-Match": '"2"'})
    assert (wrong.status_code, code(wrong)) == (422, "INVALID-BODY")
    assert (await ann.delete("/windows/night", headers={"If-Match": '"1"'})).status_code == 412
    assert (await ann.delete("/windows/night", headers={"If-Match": '"2"'})).status_code == 204
    assert code(await ann.get("/windows/night")) == "NOT-FOUND"


async def test_the_same_key_makes_one_job(desk: Desk, ann: Caller) -> None:
    first = await ann.post("/jobs", START, headers={"Idempotency-Key": "k1"})
    again = await ann.post("/jobs", START, headers={"Idempotency-Key": "k1"})
    assert first.json() == again.json()
    assert len((await ann.get("/jobs")).json()["items"]) == 1
