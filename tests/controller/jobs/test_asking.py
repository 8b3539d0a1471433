"""Operations that only read: who may, how long, how many at once."""

import asyncio
from typing import Any

import pytest
from called_hosts import CalledHosts
from job_world import ADMIN, OBSERVER

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.asking import Asking
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import Ping
from guestwire.protocol.operations import BY_NAME

H1 = HostRef("plant", "h1")
PING = BY_NAME["host-ping"]


def test_who_may_ask_what() -> None:
    asking = Asking(Access(NoGroups()), CalledHosts("h1"))
    assert asking.operation(OBSERVER, H1, "guest-list").effect == "none"
    for name, person, code in (
        ("guest-dance", ADMIN, "NOT-FOUND"),
        ("telemetry-ack", ADMIN, "DENIED"),
        ("guest-start", OBSERVER, "DENIED"),
        ("guest-list", Person("x", "x", (Binding("admin", "site:elsewhere"),)), "DENIED"),
    ):
        with pytest.raises(GuestwireError) as caught:
            asking.operation(person, H1, name)
        assert caught.value.code == code


async def test_the_answer_says_whether_it_can_be_believed() -> None:
    hosts = CalledHosts("h1")
    asking = Asking(Access(NoGroups()), hosts)
    assert (await asking.read(OBSERVER, H1, PING, Ping())).verified
    hosts.verified = False
    assert not (await asking.read(OBSERVER, H1, PING, Ping())).verified
    hosts["h1"].there = False
    with pytest.raises(GuestwireError, match="HOST-UNREACHABLE"):
        await asking.read(OBSERVER, H1, PING, Ping())


async def test_no_more_at_once_than_may_be() -> None:
    class Slow(CalledHosts):
        going: asyncio.Event
        times: list[float]

        async def call(self, ref: HostRef, operation: Any, request: Any, **options: Any) -> Any:
            self.times.append(options["timeout_s"])
            await self.going.wait()
            return await super().call(ref, operation, request, **options)

    hosts = Slow("h1")
    hosts.going, hosts.times = asyncio.Event(), []
    asking = Asking(Access(NoGroups()), hosts, at_once=3, patience_s=0.05)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(asking.read(ADMIN, H1, PING, Ping(), 2.0))
        await asyncio.sleep(0)
        with pytest.raises(GuestwireError) as caught:
            await asking.read(ADMIN, H1, PING, Ping())
        assert caught.value.code == "BUSY"
        hosts.going.set()
    await asking.read(ADMIN, H1, PING, Ping(), 9_999)
    assert hosts.times == [2.0] * 3 + [PING.timeout_s]
