"""Work of commands and of the agent itself; one guest's part in work on many."""

from typing import Any, cast

import pytest

from guestwire.agent.services.running import Running
from guestwire.agent.services.work import OwnWork, Part, Work
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import Progress

CALL = cast("Any", object())


async def test_the_agents_own_work_does_what_a_command_does() -> None:
    for work in (OwnWork(), Running(CALL)):
        same: Work = work
        done: list[int] = []

        async def effect(done: list[int] = done) -> int:
            done.append(1)
            return 7

        assert await same.effect(effect) == 7
        same.progress("a step")
        same.checkpoint()
        assert done == [1]
    assert OwnWork().patient, "it may wait for the hypervisor"


async def test_a_part_tells_its_steps_under_its_name() -> None:
    told: list[Progress] = []
    running = Running(CALL, again=True, patient=True, report=told.append)
    part = Part(running, "rtlinux", lambda: 25)
    part.progress("starting")
    part.progress("waiting for ready", message="120 s at most")
    assert [(p.step, p.percent, p.message) for p in told] == [
        ("rtlinux", 25, "starting"), ("rtlinux", 25, "waiting for ready: 120 s at most"),
    ]  # fmt: skip
    assert (part.again, part.patient) == (True, True)


async def test_a_part_is_cancelled_with_the_whole() -> None:
    running = Running(CALL)
    part = Part(running, "rtlinux", lambda: 0)
    running.cancel_requested = True

    async def effect() -> None:
        raise AssertionError("no further call is made")

    with pytest.raises(GuestwireError, match="CANCELED"):
        await part.effect(effect)
    with pytest.raises(GuestwireError, match="CANCELED"):
        part.checkpoint()
