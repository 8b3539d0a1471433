"""A hostile broker can drop, delay and reorder. It cannot forge, alter, replay or redirect: no effect, all of it counted.

The attacks are tables in the modules `hostile_*`; each is played over both MQTT transports, against what is on the wire.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio
from hostile_answers import TO_THE_CLIENT, ToTheClient
from hostile_cast import RESET, Letter
from hostile_mandates import MANDATED, Mandated, by_admin, swapped, without
from hostile_readings import PACKETS, READINGS
from hostile_replays import REPLAYS, Scenario
from hostile_requests import MADE_UP, ON_THE_WAY, MadeUp, OnTheWay
from hostile_stage import HOSTS, Stage, code_of, finals_to, requests_of, staged
from hostile_statements import STATEMENTS, seen
from hostile_trust import TRUST

from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import decode
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["mqtt5", "aiomqtt"])
async def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """`aiomqtt` at a broker that speaks 3.1.1: other flags, no properties."""
    base = tmp_path_factory.mktemp("hostile")
    async with staged(base, request.param, "refuse" if request.param == "aiomqtt" else None) as made:
        yield made


@pytest.fixture(autouse=True)
def honest_afterwards(stage: Stage) -> Iterator[None]:
    yield
    stage.honest_again()


def names(attack: Mandated | MadeUp | OnTheWay | Scenario | ToTheClient) -> str:
    return attack.name


@pytest.mark.parametrize("attack", ON_THE_WAY, ids=names)
async def test_what_is_changed_on_the_way_has_no_effect(attack: OnTheWay, stage: Stage) -> None:
    """Every copy of a command that somebody gives is changed before it comes to the host."""
    between = requests_of(stage, attack.name, attack.change)
    async with (
        stage.client(attack.name) as client,
        stage.refusing(attack.code, attack.audited or attack.name) as refusing,
    ):
        stage.wire.far["h1"].rewrite = between
        call = asyncio.ensure_future(code_of(client.host("h1").guest_reset(RESET, CallOptions(timeout_s=1.5))))
        await between.met()
        await client.host("h1").host_ping(m.Ping())  # answered after what came before it
        if attack.shown is not None:
            assert await call == attack.shown
        assert call.done() is (attack.shown is not None)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await client.host("h1").host_ping(m.Ping())
        refusing.count = len(between.seen)


@pytest.mark.parametrize("attack", MADE_UP, ids=names)
async def test_what_is_made_up_has_no_effect(attack: MadeUp, stage: Stage) -> None:
    written = attack.write(stage, attack.name)
    letters = [written] if isinstance(written, Letter) else written
    async with stage.refusing(attack.code, attack.name, len(letters)):
        for letter in letters:
            await stage.deliver(letter)


@pytest.mark.parametrize("attack", MANDATED, ids=names)
async def test_a_mandate_goes_no_farther_than_it_was_signed(attack: Mandated, stage: Stage) -> None:
    async with stage.refusing(attack.code, attack.name):
        await stage.deliver(attack.letter(stage))


async def test_a_mandate_is_bound_to_its_request(stage: Stage) -> None:
    """Taken away, or exchanged for one that is as good."""
    letter = Mandated("mandate-exchanged", by_admin(), "BODY-MISMATCH").letter(stage)
    async with stage.refusing("BODY-MISMATCH", "mandate-exchanged", 2):
        await stage.deliver(without(letter))
        await stage.deliver(swapped(letter, by_admin()(stage)))


async def test_a_mandate_is_good_for_what_it_says_as_often_as_it_says(stage: Stage) -> None:
    """The refusals above would be worth nothing otherwise."""
    before, options = stage.wire.resets(), CallOptions(mandate=by_admin()(stage))
    async with stage.client("mandate-used-up", "controller:main") as client:
        answer = await client.host("h1").guest_reset(RESET, options)
        assert answer.verified
        again = replace(options, request_id=answer.request_id)  # the same job, which is no second use
        assert (await client.host("h1").guest_reset(RESET, again)).verified
        for _ in range(2):
            assert await code_of(client.host("h1").guest_reset(RESET, options)) == "MANDATE-USED-UP"
            await stage.wire.restart("h1")
    assert stage.wire.resets() == before + 1
    stage.book("MANDATE-USED-UP", "mandate-used-up", 2)


@pytest.mark.parametrize("attack", REPLAYS, ids=names)
async def test_what_was_said_once_is_done_once(attack: Scenario, stage: Stage) -> None:
    await attack.play(stage, attack.name)


@pytest.mark.parametrize("attack", TO_THE_CLIENT, ids=names)
async def test_only_what_the_host_signed_about_it_is_the_answer(attack: ToTheClient, stage: Stage) -> None:
    """The command is genuine and happens. The client is told the truth, or nothing that it believes."""
    async with stage.client(attack.name) as client:
        api = client.host("h1")
        await keep_answers(stage, attack.name, client)
        before = stage.wire.resets()
        between = finals_to(stage, attack.name, attack.change(stage))
        stage.wire.near.rewrite = between
        call = asyncio.ensure_future(
            code_of(api.guest_reset(RESET, CallOptions(timeout_s=1.0 if attack.shown else 10)))
        )
        await between.met()
        await api.host_ping(m.Ping())  # answered after what came before it
        if attack.true:
            assert await call is None
        elif attack.shown is not None:
            assert await call == attack.shown
        else:
            assert not call.done()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    stage.honest_again()
    await stage.honest()
    assert stage.wire.resets() == before + 2


async def keep_answers(stage: Stage, name: str, client: Client) -> None:
    """What the host said to this client before: of a command that was done, and of one that was refused."""
    between = finals_to(stage, name, lambda found: found)
    stage.wire.near.rewrite = between
    await client.host("h1").guest_reset(RESET)
    assert await code_of(client.host("h1").guest_reset(m.GuestRef(guest="nobody"))) == "NOT-FOUND"
    stage.kept = {decode(found.payload).header.status or "": found.payload for found in between.seen}
    assert stage.kept.keys() == {"ok", "NOT-FOUND"}


@pytest.mark.parametrize("attack", STATEMENTS, ids=names)
async def test_nothing_false_is_shown_of_a_host(attack: Scenario, stage: Stage) -> None:
    await attack.play(stage, attack.name)


@pytest.mark.parametrize("attack", TRUST, ids=names)
async def test_nobody_is_believed_whom_the_root_did_not_name(attack: Scenario, stage: Stage) -> None:
    await attack.play(stage, attack.name)


@pytest.mark.parametrize("attack", READINGS, ids=names)
async def test_nobody_decides_by_what_the_host_did_not_say(attack: Scenario, stage: Stage) -> None:
    await attack.play(stage, attack.name)


@pytest.mark.parametrize("attack", PACKETS, ids=names)
async def test_what_a_packet_says_decides_nothing(attack: Scenario, stage: Stage) -> None:
    """All meaning is in the envelope."""
    await attack.play(stage, attack.name)


async def test_at_no_place_another_byte_is_let_through(stage: Stage) -> None:
    """A command that never came to the host, with another byte at each of its places in turn, and shortened to each length."""
    letter, executor = stage.writer("every-byte").letter(), stage.wire.hosts["h1"].agent.executor
    other = random.Random(5)
    copies = [altered(letter.frame, at, other.randrange(1, 256)) for at in range(len(letter.frame))]
    copies += [letter.frame[:size] for size in range(len(letter.frame))]
    before, counted = stage.wire.resets(), Counter(executor.refused)
    for copy in copies:
        await stage.wire.deliver(stage.wire.far["h1"], letter.topic, copy)
    await stage.honest()
    assert stage.wire.resets() == before + 1
    refused = executor.refused - counted
    assert refused.total() == len(copies), refused
    for code, count in refused.items():
        stage.book(code, "every-byte", count)


def altered(frame: bytes, at: int, by: int) -> bytes:
    return frame[:at] + bytes([frame[at] ^ by]) + frame[at + 1 :]


# -- afterwards


async def test_the_fleet_is_sound_after_all_of_it(stage: Stage) -> None:
    for host in ("h1", "h2", "h3"):
        before = stage.wire.resets(host)
        await stage.honest(host)
        assert stage.wire.resets(host) == before + 1
    assert set(await seen(stage)) == set(HOSTS)


async def test_all_of_it_is_in_the_audit_logs(stage: Stage) -> None:
    """Each attempt under its own code, as of the client that it came from: none left out, and none that nobody made."""
    for host in HOSTS:
        await stage.wire.restart(host)  # what is counted by the minute is written when the agent ends
    for host in HOSTS:
        found = await stage.audited(host)
        booked = Counter({key: count for key, count in stage.booked.items() if key[0] == host})
        exact = {key: count for key, count in booked.items() if key[1] != "EXPIRED"}
        assert {key: found[key] for key in exact} == exact
        assert booked <= found  # on a busy machine an honest request comes too late now and then
        assert {code for _, code, _ in found - booked} <= {"CLOCK-UNSYNCHRONISED", "NOT-FOUND", "EXPIRED"}


async def test_there_is_no_attack_twice() -> None:
    tables = (ON_THE_WAY, MADE_UP, MANDATED, REPLAYS, TO_THE_CLIENT, STATEMENTS, TRUST, READINGS, PACKETS)
    names = [attack.name for table in tables for attack in table]
    assert len(names) == len(set(names)) > 150
