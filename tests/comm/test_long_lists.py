"""A list that no answer holds says what to ask instead."""

from typing import Any

import pytest
from tests.support.comm_process import ask, comm_process, document

from guestwire.comm.client import CommClient
from guestwire.comm.long_lists import listed
from guestwire.model.areas import MemoryArea
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.envelope import BODY_LIMIT

CALL: Any = None


def event(names: int) -> w.EventView:
    parties = tuple(f"guest-{n}" for n in range(names))
    return w.EventView(name="e", reset="auto", delivery="arbitrated", declared=True, signal=parties)


@pytest.mark.parametrize(("names", "fits"), [(50, True), (120, False)])
def test_who_asks_for_more_than_an_answer_holds_learns_what_to_ask(names: int, fits: bool) -> None:
    found = w.EventList(events=(event(names),) * 1000)
    answer = listed(lambda _: found, "event")
    if fits:
        assert answer(CALL) is found
        return
    with pytest.raises(GuestwireError, match="`event show`") as refused:
        answer(CALL)
    assert refused.value.code == "FRAME-TOO-LARGE"
    assert refused.value.detail["bytes"] > refused.value.detail["limit"] == BODY_LIMIT


async def test_many_guests_with_many_areas(tmp_path):
    guests = [f"a-guest-of-this-host-{n}" for n in range(64)]
    areas = tuple(MemoryArea(name=f"area-{n}", size=4096, default_access="----") for n in range(400))
    async with comm_process(tmp_path) as comm, CommClient(comm.dir) as client:
        await client.apply(document(*guests, areas=areas))
        with pytest.raises(GuestwireError, match="FRAME-TOO-LARGE"):
            await ask(client, "area-list")
        assert len((await ask(client, "area-show", w.NameRef(name="area-7"))).access) == 65
