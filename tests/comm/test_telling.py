"""What happened, for who follows: at once, and what was held back when its second is over."""

import asyncio
import io

from guestwire.comm.denials import NAMED
from guestwire.comm.logs import make_logger
from guestwire.comm.telling import Telling
from guestwire.link.clock import now
from guestwire.protocol import comm_models as w


def telling(out: io.StringIO | None = None) -> Telling:
    return Telling(b"l" * 16, make_logger(out or io.StringIO()), now)


async def test_who_follows_is_woken_by_the_first_that_happens() -> None:
    async with telling() as told:
        following = [asyncio.create_task(told.follow(w.CommFollow(wait_s=20.0))) for _ in range(3)]
        await asyncio.sleep(0)
        told.ready("a")
        for found in await asyncio.gather(*following):
            assert [(one.kind, one.guest) for one in found.happenings] == [("ready", "a")]
        assert (await told.follow(w.CommFollow(log=b"l" * 16, seq=1, wait_s=0.02))).happenings == ()


async def test_denials_are_told_in_bounds_and_all_are_counted() -> None:
    async with telling() as told:
        for n in range(5000):
            told.denied("bad", "open", f"name-{n % 100}")
        told.denied("good", "open", "other")
        counted, seq = 0, 0
        async with asyncio.timeout(10):
            while counted < 5001:
                found = await told.follow(w.CommFollow(log=b"l" * 16, seq=seq, wait_s=5.0))
                counted += sum(one.count for one in found.happenings)
                seq = found.happenings[-1].seq
        assert counted == 5001
        assert seq <= 2 * (NAMED + 1) + 1


async def test_a_storm_is_an_alarm_and_then_calm() -> None:
    out = io.StringIO()
    async with telling(out) as told:
        told.throttled("bad", 7)
        told.calm("bad", 90)
        found = (await told.follow(w.CommFollow(wait_s=0.0))).happenings
    assert [(one.kind, one.level, one.count, one.code) for one in found] == [
        ("throttled", "warning", 7, "COMM-THROTTLED"), ("calm", "info", 90, "COMM-THROTTLED"),
    ]  # fmt: skip
    assert out.getvalue().count("\n") == 2


async def test_who_hears_of_peers_is_called_for_each() -> None:
    async with telling() as told:
        heard: list[str] = []
        told.on_peers = lambda: heard.append("peers")
        told.attached("a", "doorbell")
        told.detached("a", "doorbell")
    assert heard == ["peers"] * 2
