"""Hosts that lie, answers that are made up, clocks that are years off, keys that are revoked, hosts that are silent: the controller
believes what it may, and says what it does not know.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from anybody import anybody, signed_by
from controller_plant import Plant, plant
from elsewhen import ElsewhenAgent
from fleet import SITE, agent_settings, unix_ms
from websockets.asyncio.client import ClientConnection, connect
from wire_tap import Frame

from guestwire.model.base import Model
from guestwire.protocol import ids, topics
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import Header, body_hash, decode, encode
from guestwire.protocol.notices import CommNotice
from guestwire.protocol.packing import pack
from guestwire.protocol.presence import PresenceBody
from guestwire.protocol.statements import state
from guestwire.protocol.telemetry import TelemetryBatch, offsets, values
from guestwire.site.files import read_signing_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTS = ("h1", "h2")
LIAR = "h3"
LOG = bytes(range(16))
MINE = "guestwire_host_load"
YEARS_OFF = {"h4": datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC), "h5": datetime(2040, 1, 1, tzinfo=UTC)}
OFTEN = {
    "telemetry": {"fast_s": 0.2, "normal_s": 1.0, "live_s": 0, "metrics": ["guestwire_host_cpu_seconds_total", MINE]}
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    """Two hosts that are sound, two whose clocks are not, and one that is nobody's process."""
    base = tmp_path_factory.mktemp("f")
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(plant(base, dict.fromkeys(HOSTS, OFTEN), absent=[LIAR, *YEARS_OFF]))
        h4, h5 = await asyncio.gather(*(_elsewhen(made, host) for host in YEARS_OFF))
        stack.push_async_callback(h4.stop)
        stack.push_async_callback(h5.stop)
        # a first word alone tells nothing of a clock, and the next would come half a minute later
        await asyncio.gather(h4.again(), made.api.approve("h5"))
        await asyncio.gather(h5.again(), made.api.approve("h4"))
        yield made


async def _elsewhen(made: Plant, host: str) -> ElsewhenAgent:
    """A host whose clock is years off."""
    home = made.fleet.base / host
    few = {"telemetry": {"normal_s": 1.0, "live_s": 0, "metrics": [MINE]}}
    agent = ElsewhenAgent(host, home, agent_settings(made.fleet.layout, home, host, [made.fleet.broker.url], few))
    agent.began = YEARS_OFF[host]
    await agent.connect()
    return agent


def _batch(seq: int, at_ms: int, value: float, **changes: Any) -> TelemetryBatch:
    """A sample of the liar's."""
    t0, dt = offsets([at_ms])
    column = (f'{MINE}{{window="1m"}}', "gauge", 0, "d", values("d", [value]))
    sound = TelemetryBatch(log=LOG, seq=max(1, seq), tier="normal", t0=t0, dt=dt, columns=(column,))
    return TelemetryBatch.model_construct(**{**dict(sound), "seq": seq, **changes})


async def test_what_a_host_says_counts_for_itself_alone_and_once(made: Plant) -> None:
    """Over a broker that lets everybody say everything."""
    api, at, mine = made.api, unix_ms(), f'{MINE}{{host="{LIAR}"}}'
    key = read_signing_key(made.fleet.layout.key(f"host:{LIAR}"))
    tier = topics.make("telemetry", SITE, LIAR, "normal")

    def said(kind: str, body: Model, host: str = LIAR, n: int = 1) -> bytes:
        return state(kind, SITE, f"host:{host}", body, key, unix_ms(), n=n)

    def there(*, online: bool, why: Literal["heartbeat", "stopped"] = "heartbeat") -> PresenceBody:
        return PresenceBody(epoch=9, n=9, boot_id="x", online=online, why=why, since=at, agent_version="9")

    async with anybody(made.fleet.broker.port) as liar:
        await liar.say(topics.make("presence", SITE, LIAR), said("presence", there(online=True), n=9))
        await liar.say(tier, said("telemetry", _batch(1, at, 1.0)))
        notice = CommNotice(log=LOG, seq=1, at=at, event="log", text="nobody let me in")
        await liar.say(topics.make("notice", SITE, LIAR, "comm"), said("notice", notice))
        path = f"/hosts/{SITE}/{LIAR}"

        async def held_back() -> bool:
            return bool((await api.get(path))["held_back"] == 2)

        await api.until(held_back, "what is said by a host that nobody let in is counted")
        assert await made.total(mine) == (0, 0.0)
        assert (await api.get("/notices", host=f"{SITE}/{LIAR}"))["items"] == []
        await api.approve(LIAR)
        await liar.say(tier, said("telemetry", _batch(1, at, 1.0)))
        await liar.say(tier, said("telemetry", _batch(1, at, 2.0)))  # under the number of another
        await liar.say(tier, said("telemetry", _batch(2, at + 1, 0.0, dt=b"")))  # a value, and no time
        await liar.say(tier, said("telemetry", _batch(3, at + 2, 3.0)))

        async def two() -> bool:
            return await made.total(mine) == (2, 1.0 + 3.0)

        await api.until(two, "the first under its number counts, and the next")
        gaps = (await api.get("/metrics/gaps", site=SITE, host=LIAR))["gaps"]
        assert [(gap["why"], gap["numbers"]) for gap in gaps] == [("unreadable", 1)]
        before = await made.refused()
        own = [frame for number, frame in made.tap.frames.items() if number[::2] == ("h1", "metric")][:3]
        assert len(own) == 3
        presence = topics.make("presence", SITE, "h1")
        lies = {
            "MISADDRESSED": [(own[0].topic, said("telemetry", _batch(4, at, 4.0))), (tier, own[0].payload)],
            "BAD-SIGNATURE": [
                (own[0].topic, said("telemetry", _batch(5, at, 5.0), "h1")),
                (presence, said("presence", there(online=False, why="stopped"), "h1", n=99)),
                (own[0].topic, signed_by(None, own[0].payload, issued_at=1)),
            ],
            "MALFORMED": [
                (tier, b"nonsense"),
                (tier, said("telemetry", _batch(0, at, 6.0))),
                (tier, said("telemetry", _batch(6, at, 6.0, log=LOG[1:]))),
                (tier, said("telemetry", _batch(6, at, 6.0, tier="secret"))),
            ],
            "FRAME-TOO-LARGE": [(tier, bytes(70_000))],
        }
        for topic, payload in (*own, *(lie for some in lies.values() for lie in some)):
            await liar.say(topic, payload)
        wanted = {code: before.get(code, 0) + len(some) for code, some in lies.items()}

        async def counted() -> bool:
            return wanted.items() <= (await made.refused()).items()

        await api.until(counted, "each lie is counted")
    assert await two()
    assert (await api.get(f"/hosts/{SITE}/h1"))["state"] == "online"
    await made.everything_is_there()


async def test_an_answer_counts_for_what_it_answers_alone(made: Plant) -> None:
    """While no word of a host comes through, somebody else answers for it."""
    keys = {host: read_signing_key(made.fleet.layout.key(f"host:{host}")) for host in (*HOSTS, LIAR)}
    path = f"/hosts/{SITE}/%s/operations/guest-start"
    done = [await made.api.post(path % host, {"guest": "linux1"}, wait_s=20) for host in HOSTS]
    own, of_another = [await _final_of(made, one["job"]) for one in done]
    made.proxy.drop("up")
    job = await made.api.post(path % "h1", {"guest": "rtlinux"})
    await made.api.until(lambda: _sent(made, job), "it was sent")
    number = ids.from_text((await made.api.get(f"/jobs/{job['id']}"))["request_id"])
    async with anybody(made.fleet.broker.port) as liar:
        for payload in (
            own.payload,  # said before, of another request
            of_another.payload,
            signed_by(None, own.payload, request_id=number),
            signed_by(keys[LIAR], own.payload, request_id=number),
            signed_by(keys["h2"], of_another.payload, request_id=number),
            signed_by(keys["h2"], own.payload, request_id=number),
        ):
            await liar.say(own.topic, payload)
        refused = (await made.refused()).get("MALFORMED", 0)
        await liar.say(topics.make("reported", SITE, LIAR), b"nonsense")  # the controller reads in order
        await made.api.until(lambda: _refused_more(made, "MALFORMED", refused), "all of it was read")
    assert (await made.api.get(f"/jobs/{job['id']}"))["finished"] is False
    made.proxy.heal()
    ended = await made.api.until(lambda: _finished(made, job), "the host's own answer")
    assert (ended["state"], ended["verified"]) == ("succeeded", True)
    assert (await _guest(made, "rtlinux")) in ("running", "ready")


async def test_what_a_person_allowed_is_allowed_once(made: Plant) -> None:
    """By somebody who has the controller's own key, and has seen what it sent."""
    job = await made.api.post(f"/hosts/{SITE}/h1/operations/guest-reset", {"guest": "linux1"})
    assert job["state"] == "waiting-approval"
    await made.sign(job["approval"])
    assert (await made.api.until(lambda: _finished(made, job), "it is done"))["state"] == "succeeded"
    resets = made.fleet.agents["h1"].resets()
    sent = made.tap.requests[-1]
    envelope, key = decode(sent.payload), read_signing_key(made.fleet.layout.key("controller:main"))

    def another(guest: str, mandates: Sequence[bytes]) -> bytes:
        body, at = pack({"guest": guest}), unix_ms()
        header = envelope.header._replace(
            request_id=ids.request_id(at), issued_at=at, expires=at + 30_000, body_hash=body_hash(body),
            mandate_hash=envelope.header.mandate_hash if mandates else None,
        )  # fmt: skip
        return encode(header, body, (key,), mandates)

    answers = topics.topic_filter("response", site=SITE, client="main")
    async with anybody(made.fleet.broker.port, answers) as thief:
        for payload, status in (
            (sent.payload, "ok"),
            (another("linux1", envelope.mandates), "MANDATE-USED-UP"),
            (another("rtlinux", envelope.mandates), "MANDATE-SCOPE"),
            (another("rtlinux", ()), "OUT-OF-SCOPE"),
        ):
            number = decode(payload).header.request_id
            await thief.say(sent.topic, payload)
            answer = await thief.hear(_answers(number))
            assert decode(answer.payload).header.status == status
    assert made.fleet.agents["h1"].resets() == resets


async def _guest(made: Plant, guest: str) -> str:
    found = await made.fleet.client.host("h1").guest_show(m.GuestRef(guest=guest))
    return str(found.reply.status.state)


def _answers(number: bytes) -> Callable[[Header], bool]:
    return lambda header: header.request_id == number and header.phase in ("final", "refused")


async def _final_of(made: Plant, job: str) -> Frame:
    number = ids.from_text((await made.api.get(f"/jobs/{job}"))["request_id"])
    assert number is not None
    return next(frame for frame in made.tap.responses if _answers(number)(decode(frame.payload).header))


async def _sent(made: Plant, job: dict[str, Any]) -> bool:
    return bool((await made.api.get(f"/jobs/{job['id']}"))["sent_at"])


async def _finished(made: Plant, job: dict[str, Any]) -> Any:
    found = await made.api.get(f"/jobs/{job['id']}")
    return found if found["finished"] else None


async def _refused_more(made: Plant, code: str, before: int) -> bool:
    return (await made.refused()).get(code, 0) > before


async def test_hosts_whose_clocks_are_years_off(made: Plant) -> None:
    """They are there, and somebody is told. One that knows of it works, and what it measures is shown when it was measured; one
    whose clock is declared to be right refuses what comes from its past."""
    for host, words in (("h4", "were shifted"), ("h5", "ahead of the controller's")):
        alarm = await made.api.until(lambda host=host: _alarm(made, host), "somebody is told")  # type: ignore[misc]
        assert words in alarm["text"]
        assert (await made.api.get(f"/hosts/{SITE}/{host}"))["state"] == "online"
    done = await made.api.post(f"/hosts/{SITE}/h4/operations/guest-start", {"guest": "linux1"}, wait_s=20)
    assert done["verified"]
    assert (await made.api.get(f"/hosts/{SITE}/h4"))["clock"] == "unsynchronised"
    refused = await made.api.ask("POST", f"/hosts/{SITE}/h5/operations/guest-list", json={})
    assert refused.json()["code"] == "EXPIRED"

    async def measured() -> bool:
        return (await made.total(f'{MINE}{{host="h4",window="1m"}}'))[0] >= 3

    await made.api.until(measured, "its samples are of now")
    found = await made.api.get("/metrics/gaps", site=SITE, host="h4")
    assert found["gaps"] == []
    [clock] = found["clocks"]
    assert clock["offset_ms"] > 50 * 365 * 86_400_000


async def _alarm(made: Plant, host: str) -> Any:
    found = (await made.api.get("/alarms", host=f"{SITE}/{host}", rule="telemetry"))["items"]
    return found[0] if found else None


@pytest.mark.soak
async def test_what_nobody_knows_shows_as_unknown_within_90_s(tmp_path: Path) -> None:
    """A host that is killed, then the controller's own way to all of them: in lists, in what is measured, on the stream."""
    async with plant(tmp_path, {host: {"telemetry": {"normal_s": 1.0}} for host in HOSTS}) as made:
        for host in HOSTS:
            await made.api.post(f"/hosts/{SITE}/{host}/operations/guest-start", {"guest": "linux1"}, wait_s=20)
            await made.api.until(lambda host=host: _known(made, host), "it is all known")  # type: ignore[misc]
        headers = {"Authorization": made.api.client.headers["Authorization"]}
        url = made.controller.url.replace("http:", "ws:") + "/api/v1/stream"
        async with connect(url, additional_headers=headers, proxy=None) as stream:
            await stream.send(json.dumps({"subscribe": {"kinds": ["host"]}}))
            await made.fleet.agents["h1"].kill()
            await asyncio.gather(_unknown(made, "h1", "offline"), _streamed(stream, "h1", "offline"))
            assert await _known(made, "h2")
            made.way.drop()  # half open: nothing says that it is dead
            await asyncio.gather(_unknown(made, "h2", "unknown"), _streamed(stream, "h2", "unknown"))
        made.way.heal()
        await made.fleet.agents["h1"].start()
        for host in HOSTS:
            await made.api.until(lambda host=host: _known(made, host), "it is known again", 300)  # type: ignore[misc]


@pytest.mark.soak
@pytest.mark.parametrize("began", YEARS_OFF.values(), ids=str)
async def test_a_controller_whose_clock_is_years_off(began: datetime, tmp_path: Path) -> None:
    """No host is called absent for it, somebody is told, and nothing is in the way of who puts the clock right."""
    async with plant(tmp_path, {"h1": {"telemetry": {"normal_s": 1.0, "metrics": [MINE]}}}) as made:
        await made.controller.stop()
        made.controller.began = began
        await made.controller.start()
        alarm = await made.api.until(lambda: _alarm(made, "h1"), "somebody is told")
        assert "The clock of plant/h1" in alarm["text"]
        assert (await made.api.get(f"/hosts/{SITE}/h1"))["state"] == "online"
        await made.controller.stop()
        made.controller.began = None
        await made.controller.start()
        path = f"/hosts/{SITE}/h1/operations/guest-start"
        done = await made.api.until(lambda: made.api.post(path, {"guest": "linux1"}, wait_s=20), "it works again")
        assert done["verified"]
        assert (await made.api.get("/metrics/gaps", site=SITE))["gaps"] == []


@pytest.mark.soak
async def test_a_host_whose_key_is_revoked_is_believed_no_more(tmp_path: Path) -> None:
    """From when the controller has the newer trust document, which it finds by itself."""
    async with plant(tmp_path, {host: {"telemetry": {"normal_s": 1.0, "metrics": [MINE]}} for host in HOSTS}) as made:
        base = str(made.fleet.layout.base)
        for command in (("signer", "revoke", base, "host:h2"), ("trust", "publish", base)):
            said = await made.fleet.cli("site", *command)
            assert said.code == 0, said

        async def refused() -> bool:
            return sum((await made.refused()).values()) > 0

        await made.api.until(refused, "what it says is not believed", 120)
        before = await made.total(f'{MINE}{{host="h2"}}')
        refusals = sum((await made.refused()).values())
        asked = await made.api.ask("POST", f"/hosts/{SITE}/h2/operations/guest-list", json={})
        assert not asked.is_success, asked.text

        async def more() -> bool:
            return sum((await made.refused()).values()) > refusals + 5

        await made.api.until(more, "nor what it says then")
        assert await made.total(f'{MINE}{{host="h2"}}') == before
        assert (await made.api.get(f"/hosts/{SITE}/h1"))["state"] == "online"


WITHIN_S = 90.0


async def _known(made: Plant, host: str) -> bool:
    """Whether the host is there, its guests have states, and its series values."""
    state, guests, shown = await _shown(made, host)
    return state == "online" and "unknown" not in guests and shown


async def _shown(made: Plant, host: str) -> tuple[str, set[str], bool]:
    found = await made.api.get(f"/hosts/{SITE}/{host}")
    series = (await made.api.get("/metrics/series", selector=f'guestwire_guest_state{{host="{host}"}}'))["items"]
    text = (await made.api.client.get(f"{made.controller.url}/metrics")).text
    scraped = f'guestwire_guest_state{{site="{SITE}",host="{host}"' in text
    assert scraped == any(one["value"] is not None for one in series)
    return str(found["state"]), {guest["state"] for guest in found["guest_list"]}, scraped


async def _unknown(made: Plant, host: str, state: str) -> None:
    async def unknown() -> bool:
        return await _shown(made, host) == (state, {"unknown"}, False)

    await made.api.until(unknown, f"{host} is {state}, and nothing is known of it", WITHIN_S)


async def _streamed(stream: ClientConnection, host: str, state: str) -> None:
    async with asyncio.timeout(WITHIN_S):
        async for text in stream:
            for change in json.loads(text).get("changes", ()):
                if change["key"] == f"{SITE}/{host}" and change["document"]["state"] == state:
                    return
