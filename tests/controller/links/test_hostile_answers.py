"""What a controller is told that asks: by somebody on the way, who makes up plans, and by a host that was taken over, which has
trust documents of before, or of its own.

That no broker can forge what hosts say by themselves is tests/controller/links/test_reception.py's.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from fake_host import FakeHost
from fleet_controller import by_mqtt, controller
from fleet_words import SITE

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Database
from guestwire.link.clock import now
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.config_models import ConfigPlan
from guestwire.protocol.envelope import body_hash, decode, encode
from guestwire.protocol.key_files import parse_public
from guestwire.protocol.packing import pack, unpack, unpack_flat
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Send
from guestwire.protocol.trust_file import seal, unseal
from guestwire.site import enrolment
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

H1 = HostRef(SITE, "h1")
STRANGER = SigningKey(bytes([9] * 32))
Change = Callable[[bytes], Sequence[bytes]]


class Between(FakeHost):
    """A host, and somebody who does `change` to each frame of its answers."""

    def __init__(self, layout: Layout, host: str) -> None:
        super().__init__(layout, host)
        self.change: Change = lambda frame: [frame]

    def answer(self, send: Send) -> None:
        super().answer(send._replace(frames=[made for frame in send.frames for made in self.change(frame)]))


@pytest.fixture
async def host(layout: Layout, mosquitto_broker: Mosquitto) -> AsyncIterator[Between]:
    async with AsyncExitStack() as stack:
        made = Between(layout, "h1")
        await made.serve(stack, mosquitto_broker.port, None)
        yield made


def _other(frame: bytes) -> bytes:
    """The body of another plan than the one in a frame."""
    return pack({**unpack(decode(frame).body), "risk": 3})


def forged(layout: Layout, frame: bytes) -> Sequence[bytes]:
    """Other plans than the one in a frame: by nobody, by others, under its own signature."""
    envelope, body = decode(frame), _other(frame)
    header = envelope.header._replace(body_hash=body_hash(body))
    others = [read_signing_key(layout.key(name)) for name in ("host:h2", "controller:main", "operator:admin")]
    packed_header, _, signatures, mandates = unpack_flat(frame)
    return [
        *(encode(header, body, keys) for keys in ((), *((key,) for key in (*others, STRANGER)))),
        pack((packed_header, body, signatures, mandates)),
        pack((pack(header), body, signatures, mandates)),
    ]


async def test_a_plan_is_what_its_host_signed(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, host: Between
) -> None:
    request = ConfigPlan(desired=Desired(), hash=content_hash(Desired()))
    async with controller(one_database, [by_mqtt(layout, mosquitto_broker.port)]) as made:
        await made.state(H1, "online")
        await made.approve(H1)
        host.change = lambda frame: [*forged(layout, frame), frame]
        answer = await made.call(H1, "config-plan", request)
        assert (answer.verified, answer.reply.risk) == (True, 0)
        host.change = lambda frame: forged(layout, frame)
        with pytest.raises(GuestwireError, match="UNSIGNED-RESPONSE"):
            await made.call(H1, "config-plan", request, timeout_s=1.0)


async def test_no_trust_document_of_before_and_of_nobody_is_taken_up(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, host: Between, tmp_path: Path
) -> None:
    """From a host that was taken over, or a broker in its name; nor from the controller's own file, when somebody puts an old one
    there."""
    old = layout.trust.read_bytes()
    enrolment.add(layout.base, ["host:h9"], now().wall_ms)
    trust = tmp_path / "trust"
    trust.write_bytes(layout.trust.read_bytes())
    newest = unseal(layout.trust.read_bytes(), parse_public(layout.root_public.read_text()))
    own = seal(newest.document.model_copy(update={"rev": newest.document.rev + 1}), STRANGER)
    connection = by_mqtt(layout, mosquitto_broker.port, trust=str(trust))

    def shows(file: bytes) -> Change:
        def change(frame: bytes) -> Sequence[bytes]:
            header = decode(frame).header
            if header.operation != "trust-show":
                return [frame]
            shown.append(file)
            body = to_bytes(m.TrustShown(revision=(99, 0), file=file))
            return [
                encode(header._replace(body_hash=body_hash(body)), body)
            ]  # which is asked unsigned: it proves itself

        return change

    shown: list[bytes] = []
    async with controller(one_database, [connection]) as made:
        await made.state(H1, "online")
        looking = made.connection().looking
        assert looking is not None
        for file in (old, own):
            host.change = shows(file)
            while file not in shown:  # it asks some of the hosts, others each time
                await looking.look()
        assert made.links.trust(SITE) is not None
        assert made.links.trust(SITE).revision == newest.revision  # type: ignore[union-attr]
    trust.write_bytes(old)
    async with controller(one_database, [connection]) as made:
        await made.state(H1, "online")
        assert made.links.trust(SITE).revision == newest.revision  # type: ignore[union-attr]
