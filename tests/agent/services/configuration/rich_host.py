"""The host of the rich change, furnished, and the change as a request."""

from rich_change import BEFORE, GONE, MEDIUM, OPTIONS, OTHER_MEDIUM, RUNNING, after

from guestwire.model.plan import Plan
from guestwire.protocol import config_models as c

from .conftest import Rig
from .seen import Seen, look


async def furnish(rig: Rig) -> Seen:
    """Make the host what `BEFORE` says, with guests that run and files of their users."""
    for medium in (MEDIUM, OTHER_MEDIUM):
        await rig.host.images.create(medium, "raw", 8)
    await rig.apply(BEFORE)
    for name in RUNNING:
        await rig.start(name)
    old = rig.guests.table.by_name("old")
    assert old is not None
    note = rig.folder / "guests" / (old.guest.id or "").lower() / "note.txt"
    note.write_text("mine")
    return await look(rig)


async def request(rig: Rig) -> c.ConfigApply:
    await rig.up()
    wanted = after(await rig.active())
    plan: Plan = await rig.plan(wanted, **OPTIONS)
    assert not [issue for issue in plan.issues if issue.severity == "E"], plan.issues
    return rig.apply_request(wanted, plan, destroy=(GONE,), **OPTIONS)
