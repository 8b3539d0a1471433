"""People who edit one draft at once, in any order: no edit that was acknowledged is lost, and none overwrites what its author
had not seen."""

import asyncio
import itertools
from typing import Any, NamedTuple

from desk import ALICE, BOB, Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects.draft_models import DraftChanged
from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError

CAROL = Person("u-carol", "carol", (Binding("engineer", "*"),))
PEOPLE = (ALICE, BOB, CAROL)
PATHS = ("guest.a.vcpus", "guest.b.vcpus", "guest.b.order", "settings.swap_mib")
_numbers = itertools.count(1)


class Step(NamedTuple):
    """What somebody does: look at the draft, or edit it as they last saw it."""

    who: int
    looks: bool
    path: str
    value: int
    merge: bool


class Acknowledged(NamedTuple):
    seen: int
    answer: DraftChanged
    path: str
    value: int


steps = st.builds(
    Step, st.integers(0, 2), st.booleans(), st.sampled_from(PATHS), st.integers(5, 9), st.booleans()
)  # fmt: skip
rounds = st.lists(st.lists(steps, min_size=1, max_size=3), min_size=1, max_size=6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds)
async def test_no_acknowledged_edit_is_lost(database: Database, together: list[list[Step]]) -> None:
    ref = HostRef("plant", f"h{next(_numbers)}")
    desk = Desk(database, ref)
    first = await desk.drafts.put(ALICE, ref, {"guests": [{"name": "a"}, {"name": "b"}]}, None)
    seen = [first.revision] * 3
    kept: list[Acknowledged] = []

    async def act(step: Step) -> None:
        who, revision = PEOPLE[step.who], seen[step.who]
        if step.looks:
            seen[step.who] = (await desk.reading.show(who, ref)).revision
            return
        edits = [DraftEdit(path=step.path, value=step.value)]
        try:
            answer = await desk.drafts.edit(who, ref, edits, revision, merge=step.merge)
        except GuestwireError as err:
            if err.code != "REVISION-STALE":
                raise
            return
        if answer.changes:
            kept.append(Acknowledged(revision, answer, step.path, step.value))
        if not answer.merged:
            seen[step.who] = answer.revision

    for several in together:
        await asyncio.gather(*(act(step) for step in several))
    await _nothing_is_lost(desk, ref, kept)


async def _nothing_is_lost(desk: Desk, ref: HostRef, kept: list[Acknowledged]) -> None:
    kept.sort(key=lambda one: one.answer.revision)
    assert [one.answer.revision for one in kept] == list(range(2, 2 + len(kept)))
    last: dict[str, tuple[int, int]] = {}
    for one in kept:
        revision, value = last.get(one.path, (0, 0))
        assert revision <= one.seen or value == one.value, "it overwrote what its author had not seen"
        last[one.path] = (one.answer.revision, one.value)
    shown = await desk.reading.show(ALICE, ref)
    assert shown.revision == 1 + len(kept)
    guests = {guest.name: guest for guest in shown.document.guests}
    now: dict[str, Any] = {
        "guest.a.vcpus": guests["a"].vcpus, "guest.b.vcpus": guests["b"].vcpus, "guest.b.order": guests["b"].order,
        "settings.swap_mib": shown.document.settings.swap_mib,
    }  # fmt: skip
    for path, (_, value) in last.items():
        assert now[path] == value
    history = await desk.reading.history(ALICE, ref, None, 100)
    told = {one.revision: (one.author, one.changes) for one in history}
    for one in kept:
        assert told[one.answer.revision] == (one.answer.author, one.answer.changes)
