"""The TCP listener against somebody who came in: a stolen certificate and no key, or another one's. TLS keeps the way whole, so
that it is the client who forges, alters, replays and redirects: no effect, all of it counted."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from fleet import PATIENCE_S, SITE, Agent, Sections, agent_settings, unix_ms
from hostile_cast import RESET, STRANGER, Company, Letter, make_cast
from hostile_mandates import MANDATED, Mandated
from hostile_requests import MADE_UP, ON_THE_WAY, MadeUp, OnTheWay
from hostile_stage import audited, older_journal
from packets import Publish as Packet
from wire import PLENTY, RTLINUX, Housed

from guestwire.link import frames
from guestwire.link.frames import Close, Frame, FrameReader, Hello, Publish, Watch
from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.protocol.envelope import decode
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

pytestmark = pytest.mark.asyncio(loop_scope="module")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(kw_only=True)
class Listening(Company):
    """A host that is reached directly. `mallory` may look, by her key; `admin` may do everything."""

    layout: Layout
    port: int
    house: Housed
    client: Client
    booked: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def resets(self) -> int:
        assert self.house.now is not None
        return self.house.now.machine.counters(RTLINUX).resets

    @property
    def refused(self) -> Counter[str]:
        assert self.house.now is not None
        return self.house.now.agent.executor.refused

    @asynccontextmanager
    async def refusing(self, code: str, client: str, count: int = 1) -> AsyncIterator[None]:
        """The block sends that many messages that the host refuses with that code, and nothing comes of them."""
        before, counted = self.resets(), Counter(self.refused)
        yield
        assert (await self.client.host("h1").guest_reset(RESET)).verified
        assert self.resets() == before + 1, "an attack had an effect"
        assert self.refused - counted == {code: count}
        self.booked["h1", code, client] += count

    @asynccontextmanager
    async def intruder(self, name: str) -> AsyncIterator["Intruder"]:
        """Somebody with that certificate."""
        tls = ssl.create_default_context(cafile=self.layout.ca_certificate)
        tls.load_cert_chain(self.layout.certificate(name), self.layout.certificate_key(name))
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls, server_hostname="h1")
        intruder = Intruder(self, name, reader, writer)
        try:
            await intruder.greeted()
            yield intruder
        finally:
            writer.close()


class Intruder:
    """A connection that says whatever it likes."""

    def __init__(self, stage: Listening, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._stage = stage
        self._name = name
        self._reader, self._writer = reader, writer
        self._frames = FrameReader()
        self.heard: list[Frame] = []

    def say(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        self.say_bytes(frames.encode(Publish(topic, payload, retained)))

    def say_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, letter: Letter) -> None:
        for frame in letter.frames:
            self.say(letter.topic, frame)

    async def greeted(self) -> None:
        await self._until(lambda frame: isinstance(frame, Hello))

    async def settled(self) -> None:
        """What was said before was heard: a question that everybody may ask is answered after it."""
        ping = replace(self._stage.writer(self._name, operation="host-ping"), keys=()).letter(m.Ping())
        self.send(ping)
        await self._until(lambda frame: isinstance(frame, Publish) and _answers(frame, ping))

    async def closed(self) -> str:
        """Why the host ends the connection."""
        frame = await self._until(lambda frame: isinstance(frame, Close))
        assert isinstance(frame, Close)
        return frame.code

    async def _until(self, wanted: Callable[[Frame], bool]) -> Frame:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                data = await self._reader.read(65536)
                assert data, f"the host closed; it had said {self.heard}"
                for frame in self._frames.feed(data):
                    self.heard.append(frame)
                    if wanted(frame):
                        return frame


def _answers(frame: Publish, ping: Letter) -> bool:
    return decode(frame.payload).header.request_id == ping.header.request_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Listening]:
    base = tmp_path_factory.mktemp("listener")
    plan = SitePlan(SITE, hosts=("h1", "h2"), operators=("admin", "mallory"), roles={"mallory": "observer"}, tls=True)
    layout = create(base / "site", plan, unix_ms())
    cast, port = make_cast(layout), free_port()
    listener = {
        "address": f"127.0.0.1:{port}", "cert": str(layout.certificate("h1")), "key": str(layout.certificate_key("h1")),
        "ca": str(layout.ca_certificate),
    }  # fmt: skip
    sections: Sections = {"listener": listener, "limits": PLENTY, "log": {"level": "error"}}
    agent = Agent("h1", base / "h1", agent_settings(layout, base / "h1", "h1", [], sections))
    agent.state_dir.mkdir(parents=True)
    await older_journal("h1", agent.state_dir)
    house = Housed(agent.config, lambda parts: parts)
    await house.begin()
    context = Context(
        site=SITE, via="tcp", address=listener["address"], host="h1", trust=str(layout.trust), root=str(layout.root_public),
        key=str(layout.key("operator:admin")), ca=str(layout.ca_certificate), certificate=str(layout.certificate("admin")),
        certificate_key=str(layout.certificate_key("admin")),
    )  # fmt: skip
    try:
        async with open_client(context) as client:
            await client.host("h1").guest_start(m.GuestStart(guest="rtlinux"))
            yield Listening(cast=cast, layout=layout, port=port, house=house, client=client)
    finally:
        await house.end()


def _request(host: str, site: str = SITE) -> str:
    return topics.make("request", site, host, "admin", "guest-reset")


@dataclass(frozen=True)
class Frames:
    """What is no frame, or no client's."""

    name: str
    data: bytes


RUBBISH: tuple[Frames, ...] = (
    Frames("rubbish", b"\xc1" * 64),
    Frames("no-end", b"\xff\xff\xff\xff"),
    Frames("too-long", (frames.MAX_FRAME + 1).to_bytes(4, "big")),
    Frames("empty", bytes(4)),
    Frames("a-hosts-hello", frames.encode(Hello(SITE, "h1"))),
    Frames("a-hosts-farewell", frames.encode(Close("LINK-LOST"))),
    Frames("another-host", frames.encode(Publish(_request("h2"), b"x"))),
    Frames("another-site", frames.encode(Publish(_request("h1", "other"), b"x"))),
    Frames("an-answer", frames.encode(Publish(topics.make("response", SITE, "admin", "h1"), b"x"))),
    Frames("a-presence", frames.encode(Publish(topics.make("presence", SITE, "h1"), b"x", True))),
    Frames("a-controllers-presence", frames.encode(Publish(topics.make("controller-presence", SITE, "main"), b"x"))),
    Frames("another-major", frames.encode(Publish(_request("h1").replace("gw/1/", "gw/2/"), b"x"))),
    Frames("no-topic", frames.encode(Publish("", b"x"))),
    Frames("too-many-filters", frames.encode(Watch(1, ("gw/#",) * 65))),
)


def names(attack: Mandated | MadeUp | OnTheWay | Frames) -> str:
    return attack.name


OF_THE_CONNECTION = {"deliver-as-other-client": "CLIENT-MISMATCH", "swap-reply-and-client": "CLIENT-MISMATCH"}
"""What ends the connection before any message is looked at."""


@pytest.mark.parametrize("attack", ON_THE_WAY, ids=names)
async def test_what_is_altered_has_no_effect(attack: OnTheWay, stage: Listening) -> None:
    """By one who has the certificate of the operator, and what that one has said."""
    letter = stage.writer("admin").letter()
    topic = letter.topic.replace("/admin/", f"/{attack.name}/")
    changed = attack.change(Packet(0, topic, b"", b"", letter.frame))
    assert isinstance(changed, Packet)
    topic = changed.topic.replace(f"/{attack.name}/", "/admin/")
    async with stage.intruder("admin") as intruder:
        if (code := OF_THE_CONNECTION.get(attack.name)) is not None:
            before = stage.resets()
            intruder.say(topic, changed.payload)
            assert await intruder.closed() == code
            assert stage.resets() == before
            stage.booked["h1", code, "admin"] += 1
            return
        async with stage.refusing(attack.code, "admin"):
            intruder.say(topic, changed.payload, retained=bool(changed.flags & 1))
            await intruder.settled()


@pytest.mark.parametrize("attack", MADE_UP, ids=names)
async def test_what_is_made_up_has_no_effect(attack: MadeUp, stage: Listening) -> None:
    written = attack.write(stage, "admin")
    letters = [written] if isinstance(written, Letter) else written
    async with stage.intruder("admin") as intruder, stage.refusing(attack.code, "admin", len(letters)):
        for letter in letters:
            intruder.send(letter)
        await intruder.settled()


@pytest.mark.parametrize("attack", MANDATED, ids=names)
async def test_a_mandate_goes_no_farther_than_it_was_signed(attack: Mandated, stage: Listening) -> None:
    letter = replace(attack, name="admin").letter(stage)
    async with stage.intruder("admin") as intruder, stage.refusing(attack.code, "admin"):
        intruder.send(letter)
        await intruder.settled()


async def test_what_one_client_said_is_nothing_in_anothers_mouth(stage: Listening) -> None:
    """Captured from the operator: under its own name, and under hers."""
    letter = stage.writer("admin").letter()
    before = stage.resets()
    async with stage.intruder("mallory") as intruder:
        intruder.send(letter)
        assert await intruder.closed() == "CLIENT-MISMATCH"
    assert stage.resets() == before
    stage.booked["h1", "CLIENT-MISMATCH", "mallory"] += 1
    async with stage.intruder("mallory") as intruder, stage.refusing("MISADDRESSED", "mallory"):
        intruder.send(replace(letter, topic=letter.topic.replace("/admin/", "/mallory/")))
        await intruder.settled()


async def test_who_may_look_may_do_no_more(stage: Listening) -> None:
    """By her own key, by a stranger's, and in the operator's name."""
    async with stage.intruder("mallory") as intruder:
        async with stage.refusing("UNSIGNED", "mallory"):
            intruder.send(replace(stage.writer("mallory"), keys=()).letter())
            await intruder.settled()
        async with stage.refusing("KEY-UNKNOWN", "mallory"):
            intruder.send(replace(stage.writer("mallory"), keys=[STRANGER]).letter())
            await intruder.settled()
        async with stage.refusing("OUT-OF-SCOPE", "mallory"):
            intruder.send(stage.writer("mallory", "observer:olga").letter())
            await intruder.settled()


async def test_what_was_said_is_done_once(stage: Listening) -> None:
    """Five times at once, and again by a new connection."""
    letter, before = stage.writer("admin").letter(), stage.resets()
    for _ in range(2):
        async with stage.intruder("admin") as intruder:
            for _ in range(5):
                intruder.send(letter)
            await intruder.settled()
    assert (await stage.client.host("h1").guest_reset(RESET)).verified
    assert stage.resets() == before + 2


async def test_it_is_done_once_after_a_restart_too(stage: Listening) -> None:
    letter, before = stage.writer("admin").letter(), stage.resets()
    async with stage.intruder("admin") as intruder:
        intruder.send(letter)
        await intruder.settled()
    await stage.house.end()
    await stage.house.begin()
    async with stage.intruder("admin") as intruder:
        intruder.send(letter)
        await intruder.settled()
    assert (await stage.client.host("h1").guest_reset(RESET)).verified
    assert stage.resets() == before + 2


async def test_at_no_place_another_byte_is_let_through(stage: Listening) -> None:
    letter, before, counted = stage.writer("admin").letter(), stage.resets(), Counter(stage.refused)
    async with stage.intruder("admin") as intruder:
        for at in range(len(letter.frame)):
            data = bytearray(letter.frame)
            data[at] ^= 1 + at % 255
            intruder.say(letter.topic, bytes(data))
        await intruder.settled()
    assert (await stage.client.host("h1").guest_reset(RESET)).verified
    assert stage.resets() == before + 1
    refused = stage.refused - counted
    assert refused.total() == len(letter.frame)
    for code, count in refused.items():
        stage.booked["h1", code, "admin"] += count


@pytest.mark.parametrize("attack", RUBBISH, ids=names)
async def test_what_is_no_frame_ends_the_connection(attack: Frames, stage: Listening) -> None:
    before = stage.resets()
    async with stage.intruder("admin") as intruder:
        intruder.say_bytes(attack.data)
        assert await intruder.closed() == "MALFORMED"
    stage.booked["h1", "MALFORMED", "admin"] += 1
    assert (await stage.client.host("h1").guest_reset(RESET)).verified
    assert stage.resets() == before + 1


async def test_all_of_it_is_in_the_audit_log(stage: Listening) -> None:
    await stage.house.end()  # what is counted by the minute is written when the agent ends
    await stage.house.begin()
    found = await audited(stage.client, "h1")
    assert {key: found[key] for key in stage.booked} == stage.booked
