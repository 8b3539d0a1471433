"""Hosts through a controller: answers, jobs that are followed, signatures; over HTTP, against a controller in memory that plays its part."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from guestwire.controller.serving import serving
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import from_bytes, to_bytes
from guestwire.protocol.config_models import HostPower
from guestwire.protocol.envelope import body_hash
from guestwire.protocol.mandates import Mandate
from guestwire.protocol.operation_models import Empty, GuestList, LogCleared, Progress
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import Client
from guestwire.sdk.controller import Controller
from guestwire.sdk.controller_http import controller_http
from guestwire.sdk.controller_way import ControllerWay

JOB = "0198c2f4-5a31-7c3e-9a51-2f6d0c1b8e77"
APPROVAL = "0198c2f4-5a31-7c3e-9a51-2f6d0c1b8e78"


def job(state: str, **more: Any) -> dict[str, Any]:
    ended = ("succeeded", "failed", "canceled", "rejected")
    return {
        "id": JOB, "host": "plant/h1", "operation": "log-clear", "risk": 1, "state": state, "finished": state in ended,
        "person": "anna", "created_at": 0, "deadline_at": 1, "verified": True, "newer": "field", **more,
    }  # fmt: skip


class Played:
    """A controller that answers as a test says: the order, then the states of its job one after the other."""

    def __init__(self, first: tuple[int, Any], *then: dict[str, Any], mandate: Mandate | None = None) -> None:
        self.first = first
        self.then = list(then)
        self.mandate = mandate
        self.asked: list[tuple[str, str, dict[str, list[str]], Any]] = []
        self.approval = "open"
        self.signed = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        path, query = scope["path"].removeprefix("/api/v1"), parse_qs(scope["query_string"].decode())
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(
            (scope["method"], path, query, body if path.startswith("/hosts") else json.loads(body or b"null"))
        )
        status, said = self._answer(path, headers)
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        more = [(b"guestwire-verified", b"true"), (b"guestwire-job", JOB.encode())] if isinstance(said, bytes) else []
        if status >= 400:
            more = [(b"content-type", b"application/problem+json")]
        await send({"type": "http.response.start", "status": status, "headers": more})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        self.headers = headers
        if path.startswith("/hosts"):
            return self.first
        if path == f"/jobs/{JOB}":
            return 200, self.then.pop(0) if len(self.then) > 1 else self.then[0]
        if path == f"/jobs/{JOB}/cancel":
            return 202, job("canceled")
        if path.endswith("/signatures"):
            self.approval = "approved"
        assert self.mandate is not None, path
        text = base64.b64encode(pack(self.mandate.model_dump())).decode()
        values = {name: value for name, value in self.mandate.model_dump().items() if name not in ("id", "bodies")}
        return 200, {
            "id": APPROVAL, "state": self.approval, "operations": ["log-clear"], "risk": 1, "hosts": ["plant/h1"],
            "hosts_total": 1, "person": "anna", "created_at": 0, "expires_at": 1,
            "mandates": [{**values, "n": 0, "needed": 1, "text": text}],
        }  # fmt: skip


@asynccontextmanager
async def client(played: Played, key: SigningKey | None = None) -> AsyncIterator[Client]:
    async with serving(played, ("127.0.0.1", 0)) as url, controller_http(url, token="gwt_x") as http:
        yield Client(ControllerWay(Controller(http, "plant"), key), None)


CLEARED = to_bytes(LogCleared(forgotten=7, last_seq=9))
REPLY = {"forgotten": 7, "last_seq": 9, "later": "unknown here"}


async def test_what_only_reads_is_answered_at_once_byte_for_byte() -> None:
    played = Played((200, to_bytes(GuestList(guests=()))))
    async with client(played) as asked:
        answer = await asked.host("h1").guest_list(CallOptions(timeout_s=3))
    assert (answer.reply, answer.verified, answer.host) == (GuestList(guests=()), True, "h1")
    [(method, path, query, body)] = played.asked
    assert (method, path, query) == ("POST", "/hosts/plant/h1/operations/guest-list", {"timeout_s": ["3"]})
    assert body == to_bytes(Empty())
    assert played.headers["content-type"] == "application/msgpack"
    assert "idempotency-key" not in played.headers, "a reading leaves nothing behind"


async def test_what_ends_soon_is_answered_in_the_same_request() -> None:
    played = Played((200, CLEARED))
    async with client(played) as asked:
        answer = await asked.host("h1").log_clear(CallOptions(mandate=b"mandate"))
    assert (answer.reply.forgotten, answer.verified) == (7, True)
    assert answer.request_id.hex() == JOB.replace("-", "")
    assert base64.b64decode(played.headers["guestwire-mandate"]) == b"mandate"
    assert "idempotency-key" in played.headers


async def test_a_job_is_followed_to_its_end() -> None:
    working = job("running", reached=True, progress={"percent": 40, "step": "copying", "message": "x", "at": 1})
    played = Played((202, job("queued")), working, job("succeeded", reply=REPLY))
    heard: list[Progress] = []
    accepted: list[bytes] = []
    async with client(played) as asked:
        answer = await asked.host("h1").log_clear(CallOptions(on_progress=heard.append, on_accepted=accepted.append))
    assert (answer.reply.forgotten, answer.verified) == (7, True)
    assert [(one.percent, one.message) for one in heard] == [(None, "queued"), (40, "x")]
    assert [one.hex() for one in accepted] == [JOB.replace("-", "")]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (
            job("failed", error={"code": "NOT-FOUND", "message": "It runs.", "detail": {"guest": "web"}}),
            "NOT-FOUND",
        ),
        (job("failed", error={"code": "MOON-PHASE", "message": "Wait."}), "INTERNAL"),
        (job("canceled", code="CANCELED", message="By anna."), "CANCELED"),
        (job("failed"), "INDETERMINATE"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_an_end_that_is_none_is_the_error_of_the_host(end: dict[str, Any], code: str) -> None:
    async with client(Played((202, job("sent")), end)) as asked:
        with pytest.raises(GuestwireError) as caught:
            await asked.host("h1").log_clear()
    assert (caught.value.code, caught.value.detail["job"]) == (code, JOB)


async def test_what_no_host_has_in_time_is_taken_back() -> None:
    played = Played((202, job("queued", message="offline")), job("queued", message="offline"))
    async with client(played) as asked:
        with pytest.raises(GuestwireError, match="HOST-UNREACHABLE: plant/h1 was not reached in time"):
            await asked.host("h1").log_clear(CallOptions(timeout_s=0.05))
    assert played.asked[-1][1] == f"/jobs/{JOB}/cancel"


async def test_what_a_host_may_have_goes_on() -> None:
    played = Played((202, job("running")), job("running"))
    async with client(played) as asked:
        with pytest.raises(GuestwireError, match=f"NO-ANSWER: .*job wait {JOB}"):
            await asked.host("h1").log_clear(CallOptions(timeout_s=0.05))
    assert not [path for _, path, _, _ in played.asked if path.endswith("cancel")]


def mandate(body: bytes, **changes: Any) -> Mandate:
    values: dict[str, Any] = {
        "id": bytes(16), "site": "plant", "holder": "controller:main", "operations": ("log-clear",), "hosts": ("h1",),
        "risk": 1, "not_before": 0, "not_after": 1000, "bodies": (body_hash(body),),
    }  # fmt: skip
    return Mandate.model_validate(values | changes)


async def test_what_waits_for_a_signature_is_signed_with_the_own_key() -> None:
    key, body = SigningKey.generate(), to_bytes(Empty())
    played = Played(
        (202, job("waiting-approval", approval=APPROVAL)),
        job("queued"),
        job("succeeded", reply=REPLY),
        mandate=mandate(body),
    )
    async with client(played, key) as asked:
        assert (await asked.host("h1").log_clear()).reply.forgotten == 7
    [said] = [body for _, path, _, body in played.asked if path.endswith("/signatures")]
    text = pack(mandate(body).model_dump())
    assert said["key_id"] == key.id.hex()
    assert key.public.verifies(Domain.MANDATE, text, bytes.fromhex(said["signatures"][0]))


async def test_a_job_that_goes_on_a_moment_after_it_was_signed_is_waited_for() -> None:
    waiting = job("waiting-approval", approval=APPROVAL)
    played = Played(
        (202, waiting), waiting, waiting, job("sent"), job("succeeded", reply=REPLY), mandate=mandate(to_bytes(Empty()))
    )
    async with client(played, SigningKey.generate()) as asked:
        assert (await asked.host("h1").log_clear()).reply.forgotten == 7


async def test_something_else_than_was_asked_for_is_not_signed() -> None:
    waiting = job("waiting-approval", approval=APPROVAL)
    played = Played((202, waiting), waiting, mandate=mandate(b"another body"))
    async with client(played, SigningKey.generate()) as asked:
        with pytest.raises(GuestwireError, match="APPROVAL-FALSE"):
            await asked.host("h1").log_clear()
    assert not [path for _, path, _, _ in played.asked if path.endswith("/signatures")]


async def test_without_a_key_it_says_what_to_do() -> None:
    played = Played((202, job("waiting-approval", approval=APPROVAL)))
    async with client(played) as asked:
        with pytest.raises(GuestwireError, match=f"APPROVAL-NEEDED: .*guestwire job approve {JOB}") as caught:
            await asked.host("h1").host_reboot(HostPower(force=False))
    assert caught.value.detail["approval"] == APPROVAL
    assert played.asked[0][2]["deadline_s"] == ["3600"], "somebody needs time to sign"


async def test_who_names_a_request_can_take_it_back() -> None:
    played = Played((202, job("running")), job("running"))
    async with client(played) as asked:
        doing = asyncio.create_task(asked.host("h1").log_clear(CallOptions(request_id=bytes(16), timeout_s=60)))
        async with asyncio.timeout(10):
            while len(played.asked) < 2:
                await asyncio.sleep(0.005)
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
    assert played.asked[-1][1] == f"/jobs/{JOB}/cancel"


async def test_hosts_themselves_are_not_listened_to() -> None:
    async with client(Played((200, b""))) as asked:
        assert (asked.site, asked.only_host, asked.vouched, asked.trust) == ("plant", None, False, None)
        with pytest.raises(GuestwireError, match="CONTROLLER-BETWEEN"):
            asked.watch()


@pytest.mark.parametrize(
    ("state", "online"),
    [
        ("online", True),
        ("suspect", True),
        ("flapping", True),
        ("offline", False),
        ("unknown", None),
        ("newer word", None),
    ],
)
async def test_hosts_are_as_the_controller_knows_them(state: str, online: bool | None) -> None:
    """Of which it knows nothing, nothing is said."""
    one = {
        "site": "plant",
        "host": "h1",
        "approval": "approved",
        "state": state,
        "heard_at": 1000,
        "epoch": 3,
        "revision": 1,
    }
    async with client(Played((200, {"items": [one], "next": None}))) as asked:
        [seen] = await asked.hosts()
    assert seen.state == (state if online is not None else "unknown")
    assert (None if seen.said is None else seen.said.online) is online
    assert seen.silent_s is not None


def test_bodies_are_the_models_own() -> None:
    assert from_bytes(LogCleared, CLEARED) == LogCleared(forgotten=7, last_seq=9)
