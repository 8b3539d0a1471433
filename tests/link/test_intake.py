"""Delivery and acknowledgement in order, whatever the application does in whatever order."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.intake import HOLD_BYTES, Intake
from guestwire.link.transport import Incoming


class App:
    """Receives from an intake; what was acknowledged is in `acknowledged`."""

    def __init__(self, allowed: int) -> None:
        self.got: list[Incoming] = []
        self.acknowledged: list[int] = []
        self.rooms = 0
        self.intake = Intake(self.got.append, self.acknowledged.append, self._on_room, allowed)

    def _on_room(self) -> None:
        self.rooms += 1

    def offer(self, key: int | None, size: int = 1) -> bool:
        ack = (lambda: None) if key is None else self.intake.receipt(key)
        payload = bytes(size) if key is None else key.to_bytes(2) + bytes(size)
        return self.intake.offer(Incoming("t", payload, 0 if key is None else 1, False, False, ack))


async def settle() -> None:
    """Let everything run that the intake has put off to the next turn of the loop."""
    for _ in range(3):
        await asyncio.sleep(0)


@given(st.permutations(range(12)), st.integers(1, 12), st.lists(st.booleans(), min_size=12, max_size=12))
def test_order_and_window_hold_for_every_order_of_finishing(order: list[int], allowed: int, zeros: list[bool]) -> None:
    async def run() -> None:
        app = App(allowed)
        app.intake.begin()
        await settle()
        for key, zero in enumerate(zeros):
            app.offer(key)
            if zero:
                app.offer(None)
        finished: set[int] = set()
        while len(finished) < 12:
            open_keys = {int.from_bytes(m.payload[:2]): m for m in app.got if m.qos}
            assert len(open_keys) - len(app.acknowledged) <= allowed
            for key in order:
                if key in open_keys and key not in finished:
                    finished.add(key)
                    open_keys[key].ack()
                    open_keys[key].ack()
                    break
            first_unfinished = next((key for key in range(12) if key not in finished), 12)
            assert app.acknowledged == list(range(first_unfinished))
            await settle()
        assert [int.from_bytes(m.payload[:2]) for m in app.got if m.qos] == list(range(12))
        assert len(app.got) == 12 + sum(zeros)
        assert app.intake.held_bytes == 0

    asyncio.run(run())


async def test_nothing_before_begin_and_nothing_after_close() -> None:
    app = App(5)
    assert not app.offer(1)
    assert not app.offer(None)
    app.intake.begin()
    await settle()
    assert len(app.got) == 2
    app.intake.close()
    assert not app.offer(2)
    app.got[0].ack()
    await settle()
    assert len(app.got) == 2
    assert app.acknowledged == []


async def test_closed_before_it_began() -> None:
    app = App(5)
    app.offer(1)
    app.intake.begin()
    app.intake.close()
    await settle()
    assert app.got == []


async def test_the_owner_is_told_when_there_is_room_again() -> None:
    app = App(1)
    app.intake.begin()
    await settle()
    for key in range(1, 5):
        app.offer(key, HOLD_BYTES // 3 - 2)
        assert not app.intake.overfull
    app.offer(5, HOLD_BYTES // 3 - 2)
    assert app.intake.overfull
    for at in range(4):
        assert app.rooms == (at > 2)
        app.got[at].ack()
        await settle()
    assert app.rooms == 1
    assert not app.intake.overfull
