"""What a command runs with: progress, cancellation between steps, marks around driver calls."""

from typing import Any, cast

import pytest

from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import Progress

CALL = cast("Any", object())


async def test_steps_of_an_effect_are_announced_around_it() -> None:
    steps: list[str] = []
    running = Running(CALL, effect=steps.append)

    async def effect() -> str:
        assert running.outstanding == 1
        steps.append("now")
        return "done"

    assert await running.effect(effect) == "done"
    assert steps == ["effect-started", "now", "effect-done"]
    assert running.outstanding == 0


async def test_a_cancelled_command_makes_no_further_call() -> None:
    running = Running(CALL)
    calls = 0

    async def effect() -> None:
        nonlocal calls
        calls += 1
        running.cancel_requested = True

    await running.effect(effect)
    with pytest.raises(GuestwireError, match="CANCELED"):
        await running.effect(effect)
    with pytest.raises(GuestwireError, match="CANCELED"):
        running.progress("next")
    assert calls == 1


async def test_a_call_that_fails_is_no_longer_outstanding() -> None:
    steps: list[str] = []
    running = Running(CALL, effect=steps.append)

    async def broken() -> None:
        raise GuestwireError("DRIVER-LOST")

    with pytest.raises(GuestwireError, match="DRIVER-LOST"):
        await running.effect(broken)
    assert (running.outstanding, steps) == (0, ["effect-started"])


def test_progress_is_passed_on() -> None:
    told: list[Progress] = []
    Running(CALL, report=told.append).progress("copying", 40, "disk 1")
    assert told == [Progress(percent=40, step="copying", message="disk 1")]


def test_only_what_was_taken_up_again_is_patient() -> None:
    assert not Running(CALL).patient
    assert not Running(CALL, again=True).patient
    assert Running(CALL, patient=True).patient
