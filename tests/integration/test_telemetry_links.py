"""What a host measures, on its way to whoever keeps it: over a broker, over the host's own listener, over its socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from telemetry_reader import STATES, TelemetryReader
from telemetry_stage import LINKS, NEVER, Stage, held, make_site, metrics, until

from guestwire.agent.telemetry.shipping import AGAIN_S, DEAF_S
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import Mosquitto, mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.telemetry import TelemetryAcked
from guestwire.site.layout import Layout


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return make_site(tmp_path_factory.mktemp("telemetry"))


@pytest_asyncio.fixture(params=LINKS)
async def stage(request: pytest.FixtureRequest, layout: Layout, tmp_path: Path) -> AsyncIterator[Stage]:
    if request.param != "mosquitto":
        yield Stage(layout, tmp_path, request.param)
        return
    require_mosquitto()
    async with mosquitto(BrokerOptions()) as broker:
        yield Stage(layout, tmp_path, request.param, broker)


@pytest.fixture
def brokered(layout: Layout, tmp_path: Path, mosquitto_broker: Mosquitto) -> Stage:
    """A stage with a broker: there controllers say that they are there."""
    return Stage(layout, tmp_path, "mosquitto", mosquitto_broker)


async def test_new_first_then_the_backlog_and_what_is_acknowledged_goes(stage: Stage) -> None:
    async with stage.host() as host:
        await until(lambda: len(held(host)) >= 7)
        async with stage.controller() as main:
            main.acknowledges = False
            await main.until(lambda one: bool(one.measured))
            behind = main.measured[0] - 1
            assert behind >= 7, "what is new did not wait for what was left behind"
            await stage.later(3, main)  # every host rests a little, so that not all send at once
            await main.until(lambda one: set(range(1, behind + 1)) <= set(one.numbers("metric")))
            assert [number for number in main.measured if number <= behind] == list(range(1, behind + 1))
            new = [number for number in main.measured if number > behind]
            assert new == sorted(new)
            assert main.again == 0

            log = metrics(host)
            answer = await main.acknowledge(host.spool.logs[-1].log, "metric", (2, 3), (5, 5))
            assert (answer.forgotten, answer.oldest) == (3, 1)
            assert held(host)[:4] == [1, 4, 6, 7]
            await main.acknowledge(host.spool.logs[-1].log, "metric", (1, behind))
            assert min(held(host)) == behind + 1
            assert not len(log.gaps)


async def test_half_a_minute_without_an_acknowledgement_sends_the_same_again(stage: Stage) -> None:
    async with stage.host() as host, stage.controller() as main:
        main.acknowledges = False
        await main.until(lambda one: len(one.measured) >= 4)
        log, (first, second, third) = host.spool.logs[-1].log, main.measured[:3]
        await main.acknowledge(log, "metric", (second, second))
        await stage.later(AGAIN_S - 1, main)
        await main.settled()
        assert main.measured.count(third) == 1
        await stage.later(2, main)
        await main.until(lambda one: one.measured.count(third) == 2)  # the reader compares it with what came before
        assert main.measured.count(first) == 2
        assert main.measured.count(second) == 1
        newest = max(main.measured)
        await main.acknowledge(log, "metric", (1, newest))
        assert not [number for number in held(host) if number <= newest]


async def test_who_may_not_and_what_never_was(stage: Stage) -> None:
    async with stage.host() as host, stage.controller() as main:
        main.acknowledges = False
        await main.until(lambda one: len(one.measured) >= 3)
        log, sent = host.spool.logs[-1].log, main.measured[:3]
        those = (min(sent), max(sent))

        async with stage.client("operator:olga") as olga:
            olga.acknowledges = False
            with pytest.raises(GuestwireError) as caught:
                await olga.acknowledge(log, "metric", those)
            assert caught.value.code == "OUT-OF-SCOPE"
        async with stage.client("controller:other", key=SigningKey(bytes(32))) as stranger:
            stranger.acknowledges, stranger.patience_s = False, 0.5
            with pytest.raises(GuestwireError) as caught:
                await stranger.acknowledge(log, "metric", those)
            assert caught.value.code in ("KEY-UNKNOWN", "UNSIGNED-RESPONSE", "NO-ANSWER")
            assert host.executor.refused["KEY-UNKNOWN"] >= 1
        assert set(sent) <= set(held(host))
        nothing = TelemetryAcked(forgotten=0, oldest=0, newest=0)
        assert await main.acknowledge(bytes(16), "metric", those) == nothing, "of a log that is not there"
        assert await main.acknowledge(log, "alarm", (1, 3)) == nothing
        if stage.link != "socket":  # there the kernel vouches for who it is
            async with stage.client("controller:other", signs=False) as unsigned:
                unsigned.acknowledges = False
                with pytest.raises(GuestwireError) as caught:
                    await unsigned.acknowledge(log, "metric", those)
                assert caught.value.code == "UNSIGNED"
        ahead = metrics(host).used + 2
        assert (await main.acknowledge(log, "metric", (ahead, ahead + 5))).forgotten == 0
        with pytest.raises(GuestwireError) as caught:
            await main.acknowledge(log, "metric", (3, 1))
        assert (caught.value.code, caught.value.field) == ("INVALID-BODY", "ranges")
        assert set(sent) <= set(held(host))
        await main.until(lambda one: one.measured[-1] > ahead)
        assert ahead in held(host), "nobody could have it when it was acknowledged"
        assert (await main.acknowledge(log, "metric", those)).forgotten >= 3


async def test_what_was_left_behind_takes_its_share_of_the_link_and_no_more(brokered: Stage) -> None:
    """The clock of sending stands: a burst goes, and nothing more of it until time has passed. What is new always goes."""
    link = 4_000  # bytes per second
    async with brokered.host(link_kbit_s=32) as host:
        await until(lambda: metrics(host).room > 6 * link)
        async with brokered.controller() as main:
            main.acknowledges = False
            await main.until(lambda one: bool(one.measured))
            behind = main.measured[0]

            def old_bytes() -> int:
                return sum(len(frame) for (_, _, seq), frame in main.frames.items() if seq < behind)

            await brokered.later(3, main)
            for burst in range(1, 4):
                new = main.measured[-1]
                await main.until(lambda one: old_bytes() > (burst - 0.5) * link)  # noqa: B023
                await main.until(lambda one: one.measured[-1] > new + 2)  # noqa: B023
                assert old_bytes() <= burst * (link + 4096), "no more than a burst, and the message that ended it"
                await brokered.later(link / (0.3 * link) - 0.5, main)
                await main.settled()
                assert old_bytes() <= burst * (link + 4096), "it is not yet time for another"
                await brokered.later(3, main)


async def test_without_a_controller_everything_stays_here(brokered: Stage) -> None:
    async with brokered.host() as host, brokered.client() as main:
        await until(lambda: len(held(host)) >= 5)
        await main.settled()
        assert main.order == []
        await main.say()
        await main.until(lambda one: len(one.measured) >= 2)
        await main.say("stopped")
        used = metrics(host).used
        await until(lambda: metrics(host).used >= used + 4)
        await main.settled()
        assert max(main.measured) <= used + 1
        main.epoch += 1
        await main.say()
        await brokered.later(3, main)
        await main.until(lambda one: set(range(1, used + 4)) <= set(one.measured))


async def test_presence_that_is_forged_or_said_again_starts_and_stops_nothing(brokered: Stage) -> None:
    async with brokered.host() as host, brokered.client() as main:
        main.acknowledges = False
        thief = SigningKey(bytes([1]) * 32)
        stranger = TelemetryReader("plant", "h1", "main", main.via, brokered.trust, thief, epoch=99)
        host_itself = TelemetryReader(
            "plant", "h1", "main", main.via, brokered.trust, brokered.key("host:h1"), epoch=98
        )
        for liar in (stranger, host_itself):
            await liar.say()
        await until(lambda: len(held(host)) >= 3)
        await main.settled()
        assert not main.measured, "nobody is there whom the host believes"

        await main.say()
        beat = main.spoken[-1]
        await main.say("stopped")
        farewell = main.spoken[-1]
        await main.repeat(beat)
        await until(lambda: not host.shipper.live())
        assert not host.shipper.live(), "a word that is said again counts for nothing"
        main.epoch += 1
        await main.say()
        await main.until(lambda one: bool(one.measured))
        for liar in (stranger, host_itself):
            await liar.say("stopped")
        await main.repeat(farewell)
        new = main.measured[-1]
        await main.until(lambda one: one.measured[-1] > new + 3)
        assert host.shipper.live(), "and nobody else can say farewell for it"


async def test_several_controllers_all_get_it_and_what_one_of_them_has_the_host_forgets(brokered: Stage) -> None:
    async with brokered.host() as host, brokered.controller("main") as main:
        main.acknowledges = False
        await main.until(lambda one: len(one.measured) >= 3)
        log, had = host.spool.logs[-1].log, main.measured[:2]
        await main.acknowledge(log, "metric", (had[0], had[1]))
        async with brokered.controller("other") as other:
            other.acknowledges = False
            await brokered.later(3, main, other)
            await other.until(lambda one: had[1] + 1 in one.measured)  # it had not heard what was under way
            assert not set(had) & set(other.measured), "the first one has them"
            newest = max(main.measured)
            await main.until(lambda one: max(one.measured) > newest + 2)
            await other.until(lambda one: set(range(newest, newest + 3)) <= set(one.measured))
            await other.acknowledge(log, "metric", (1, newest))
            assert min(held(host)) == newest + 1
            await other.say("stopped")
            before = max(main.measured)
            await main.until(lambda one: max(one.measured) > before + 2)
        await main.say("stopped")
        await until(lambda: not host.shipper.live())


async def test_a_new_epoch_of_a_controller_is_told_who_is_there(brokered: Stage) -> None:
    async with brokered.host(**NEVER), brokered.controller() as main:
        await main.settled()
        main.said.clear()
        main.epoch += 1
        await main.say(retained=False)  # what a broker has kept is answered by what the host says when it connects
        await main.until(lambda one: {kind for kind, _ in one.said} == set(STATES))
        main.said.clear()
        await main.say(retained=False)
        await main.settled()
        assert main.said == [], "a heartbeat asks nothing"


async def test_an_onlooker_at_the_socket_costs_no_sample(layout: Layout, tmp_path: Path) -> None:
    """Who watches and acknowledges nothing sees what is new, and the host keeps all of it, fit to be made coarser."""
    stage = Stage(layout, tmp_path, "socket")
    async with stage.host(metric_mib=1) as host, stage.client("operator:olga") as olga:
        olga.acknowledges = False
        await olga.until(lambda one: len(one.measured) >= 3)
        stage.clock.mono += DEAF_S + 1
        await until(lambda: not host.shipper.live())
        new = metrics(host).used
        await olga.until(lambda one: max(one.measured) > new + 3)
        await until(lambda: not metrics(host).segments[-1].sent)
        assert host.spool.stats("metric").acknowledged == 0
        assert held(host) == list(range(1, metrics(host).used + 1))
