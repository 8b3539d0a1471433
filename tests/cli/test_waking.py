"""When to look again: woken by a stream, asked now and then where there is none, and what is said of cuts."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

from guestwire.cli.output import Column, View
from guestwire.cli.rollout_views import follow
from guestwire.cli.settings import Settings
from guestwire.cli.waking import waking
from guestwire.cli.watching import show
from guestwire.model.errors import GuestwireError
from guestwire.sdk.controller_models import Rollout
from guestwire.sdk.controller_stream import Changed, Heard

LOST = GuestwireError("CONTROLLER-UNREACHABLE")
VIEW: View[int] = View((Column("N", str),), name=str, document=lambda n: n, none="none")


class Streaming:
    """A controller whose stream says what a test says."""

    def __init__(self, *heard: Heard | GuestwireError) -> None:
        self._heard = heard
        self.asked: list[Sequence[str]] = []
        self.more = asyncio.Event()

    async def changes(self, *kinds: str) -> AsyncGenerator[Heard, None]:
        self.asked.append(kinds)
        for one in self._heard:
            if isinstance(one, GuestwireError):
                raise one
            yield one
        while await self.more.wait():
            self.more.clear()
            yield Heard(ready=True)


async def test_what_was_said_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    change = Heard((Changed("host", "plant/h1", {}),))
    controller: Any = Streaming(
        Heard(anew=True), Heard(ready=True), change, Heard(cut=LOST), Heard(cut=LOST), Heard(ready=True)
    )
    async with asyncio.timeout(5), waking(controller, Settings(), "host") as wake:
        heard = await wake.wait()
        assert change in heard
        assert (wake.streams, wake.missed, controller.asked) == (True, True, [("host",)])
    said = capsys.readouterr().err
    assert said == "the connection to the controller is lost; trying again\nconnected again\n", "once, not for each try"


async def test_where_there_is_no_stream_it_is_said_and_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    controller: Any = Streaming(GuestwireError("CONTROLLER-ANSWER", "It gives no stream."))
    async with asyncio.timeout(5), waking(controller, Settings(), "host") as wake:
        assert await wake.wait() == []
        assert (wake.streams, wake.missed) == (False, True)
    assert capsys.readouterr().err == "It gives no stream. Asking every 2 s instead.\n"


def fetching(controller: Streaming, *answers: list[int] | GuestwireError) -> Callable[[], Any]:
    left = list(answers)

    async def fetch() -> list[int]:
        controller.more.set()
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, GuestwireError):
            raise answer
        return answer

    return fetch


async def test_a_list_is_written_again_when_it_is_another(capsys: pytest.CaptureFixture[str]) -> None:
    controller: Any = Streaming()
    fetch = fetching(controller, [1], LOST, [1], [1, 2])
    settings = Settings(output="jsonl")
    async with asyncio.timeout(60):
        last = await show(
            settings, controller, lambda: VIEW, fetch, "host", watch=True, until=lambda found: len(found) == 2
        )
    said = capsys.readouterr()
    assert (last, said.out) == ([1, 2], "1\n2\n"), "of lines only those that are new"
    assert "connected again" in said.err


async def test_the_first_answer_counts(capsys: pytest.CaptureFixture[str]) -> None:
    controller: Any = Streaming()
    with pytest.raises(GuestwireError, match="CONTROLLER-UNREACHABLE"):
        await show(Settings(), controller, lambda: VIEW, fetching(controller, LOST), watch=True)
    assert await show(Settings(), controller, lambda: VIEW, fetching(controller, []), watch=False) == []
    assert capsys.readouterr().err == "none\n"


class Rolling(Streaming):
    """One that has a rollout, and is away now and then."""

    def __init__(self, *states: str | GuestwireError) -> None:
        super().__init__()
        self.rollouts = self
        self._states = list(states)
        self._away = False

    async def show(self, rollout_id: str) -> Rollout:
        self.more.set()
        state = self._states.pop(0)
        self._away = isinstance(state, GuestwireError)
        if isinstance(state, GuestwireError):
            raise state
        return Rollout(
            id=rollout_id, name="boot", state=state, hosts=2, done=0, counts={}, person="anna", created_at=0, revision=1
        )

    async def unsigned(self, _rollout_id: str) -> list[object]:
        if self._away:
            raise LOST
        return []


async def test_a_rollout_is_followed_though_the_controller_is_away_for_a_while(
    capsys: pytest.CaptureFixture[str],
) -> None:
    controller: Any = Rolling("running", LOST, "running", "finished")
    async with asyncio.timeout(20):
        assert (await follow(controller, Settings(), "r1")).state == "finished"
    assert "connected again" in capsys.readouterr().err
