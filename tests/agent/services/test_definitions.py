"""guest-define and guest-undefine: edits of the active document, applied in the same request."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestView
from guestwire.protocol import operation_models as m

from .configuration.conftest import Hosts, Rig

FOREIGN = Guest(name="foreign", id="GUEST0099", uuid="11111111-2222-4333-8444-555555555555")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Hosts(tmp_path).open() as opened:
        yield opened


async def define(rig: Rig, guest: Guest, *, again: bool = False, **options: Any) -> GuestView:
    request = m.GuestDefine(guest=guest, **options)
    return await rig.configured.definitions.define(rig.running("guest-define", request, again=again))


async def undefine(rig: Rig, reference: str) -> None:
    await rig.configured.definitions.undefine(rig.running("guest-undefine", m.GuestRef(guest=reference)))


async def refused(call: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as error:
        await call
    return error.value


async def test_a_guest_is_made_replaced_and_taken_out_and_each_is_a_revision(rig: Rig) -> None:
    made = await define(rig, Guest(name="a", memory_mib=64))
    assert (made.guest.id, made.status.state) == ("GUEST0001", "stopped")
    assert (await define(rig, Guest(name="b"))).guest.id == "GUEST0002"
    changed = await define(rig, Guest(name="a", uuid=made.guest.uuid, memory_mib=128))
    assert (changed.guest.id, changed.guest.memory_mib) == ("GUEST0001", 128)
    replaced = await define(rig, Guest(name="a", memory_mib=256), replace=True)
    assert (replaced.guest.uuid, replaced.guest.memory_mib) == (made.guest.uuid, 256)
    await undefine(rig, "a")
    shown = await rig.show()
    assert ([guest.name for guest in shown.desired.guests], shown.revision.number) == (["b"], 5)
    assert shown.drift == ()
    assert rig.guests.table.by_name("a") is None


async def test_a_guest_is_not_replaced_unasked_nor_named_as_another(rig: Rig) -> None:
    made = await define(rig, Guest(name="a"))
    assert (await refused(define(rig, Guest(name="a")))).code == "NAME-DUP"
    assert (await refused(define(rig, Guest(name="b", id="GUEST0001")))).code == "GUEST-ID-DUP"
    await define(rig, Guest(name="b"))
    error = await refused(define(rig, Guest(name="b", uuid=made.guest.uuid)))
    assert (error.code, error.field) == ("NAME-DUP", "guest.name")
    assert (await rig.show()).revision.number == 2


async def test_what_the_rules_forbid_is_not_defined(rig: Rig) -> None:
    assert (await refused(define(rig, Guest(name="bad name")))).code == "VALIDATION-FAILED"
    assert rig.guests.table.rows() == []


async def test_an_rt_guest_gets_its_cpus(rig: Rig) -> None:
    assert (await define(rig, Guest(name="rt", kind="rt"))).guest.cpuset == "2-3"


async def test_a_running_guest_is_not_undefined(rig: Rig) -> None:
    await define(rig, Guest(name="a"))
    await rig.start("a")
    error = await refused(undefine(rig, "a"))
    assert (error.code, error.detail["state"]) == ("WRONG-STATE", "running")
    assert (await refused(undefine(rig, "nobody"))).code == "NOT-FOUND"


async def test_a_domain_of_another_tool_is_left_to_that_tool(rig: Rig) -> None:
    await rig.apply(Desired(guests=(Guest(name="a"),)))
    await rig.host.define(FOREIGN)
    await rig.guests.settled(FOREIGN.uuid or "")
    assert (await refused(undefine(rig, "foreign"))).code == "UNSUPPORTED"
    assert rig.guests.table.by_name("foreign") is not None


async def test_the_same_request_again_gives_the_same_guest(rig: Rig) -> None:
    request = m.GuestDefine(guest=Guest(name="a"))
    call = rig.running("guest-define", request)
    made = await rig.configured.definitions.define(call)
    call.again = True
    assert (await rig.configured.definitions.define(call)).guest == made.guest
    assert (await rig.show()).revision.number == 1


async def test_lanes_are_of_the_guest_and_of_whoever_its_cpus_move(rig: Rig) -> None:
    made = await define(rig, Guest(name="a"))
    other = await define(rig, Guest(name="b"))

    def lanes(guest: Guest) -> set[str]:
        call = rig.call("guest-define", m.GuestDefine(guest=guest))
        return set(rig.configured.definitions.lanes(call)) - {"host", "guests"}

    assert lanes(Guest(name="a", memory_mib=64)) == {f"guest:{made.guest.uuid}"}
    assert len(lanes(Guest(name="new")) - {f"guest:{made.guest.uuid}", f"guest:{other.guest.uuid}"}) == 1
    assert lanes(Guest(name="rt", kind="rt")) >= {f"guest:{made.guest.uuid}", f"guest:{other.guest.uuid}"}


async def test_a_free_identifier_is_given_again_to_another_guest(rig: Rig) -> None:
    first = await define(rig, Guest(name="a"))
    await define(rig, Guest(name="b"))
    await undefine(rig, "a")
    second = await define(rig, Guest(name="a"))
    assert second.guest.id == first.guest.id == "GUEST0001"
    assert second.guest.uuid != first.guest.uuid


async def test_a_new_guest_under_a_name_that_is_taken_is_refused_by_that_code(rig: Rig) -> None:
    await define(rig, Guest(name="a"))
    error = await refused(define(rig, Guest(name="a", id="GUEST0007")))
    assert (error.code, error.field, error.detail["guest"]) == ("NAME-DUP", "guest.name", "GUEST0001")
    error = await refused(define(rig, Guest(name="b", id="GUEST0001")))
    assert (error.code, error.field) == ("GUEST-ID-DUP", "guest.id")
