"""Guests with what their image stands for, and the active document as the host has it."""

import pytest

from guestwire.model.desired import Desired
from guestwire.model.guest import DirectBoot, Guest, Override
from guestwire.model.images import Image
from guestwire.model.resolving import observed, of_folder, resolve

KERNEL = Image(id="rt", os_type="linux", path="/i/bzImage", format="kernel", initrd="/i/initrd", cmdline="quiet")
DISK = Image(id="disk", os_type="linux", path="/i/disk.qcow2", format="qcow2")
BOOTS = DirectBoot(kernel="/i/bzImage", initrd="/i/initrd", cmdline="quiet")
OWN = DirectBoot(kernel="/own")
OURS, THEIRS = Override(op="remove", sel="memory"), Override(op="remove", sel="vcpu")


@pytest.mark.parametrize(
    ("guest", "boot"),
    [
        (Guest(name="a", image="rt"), BOOTS),
        (Guest(name="a", image="rt", boot=OWN), OWN),
        (Guest(name="a", image="disk"), None),
        (Guest(name="a", image="nowhere"), None),
        (Guest(name="a"), None),
    ],
)
def test_an_image_that_is_a_kernel_is_booted_where_the_guest_boots_none_of_its_own(guest, boot):
    resolved = resolve(guest, (DISK, KERNEL))
    assert resolved == guest.model_copy(update={"boot": boot})
    assert (resolved is guest) == (boot == guest.boot)


def test_overrides_of_the_folder_come_after_those_of_the_document():
    guest = Guest(name="a", overrides=(OURS,))
    assert resolve(guest, (), (THEIRS,)).overrides == (OURS, THEIRS)
    assert resolve(guest, ()) is guest


def _named(number: int, **values) -> Guest:
    return Guest(name=f"g{number}", uuid=f"00000000-0000-4000-8000-{number:012d}", **values)


def test_what_the_host_agrees_with_is_the_document_itself():
    guest = _named(1, image="rt")
    active = Desired(guests=(guest,), images=(KERNEL,))
    given = {guest.uuid: resolve(guest, active.images)}
    assert observed(active, given) is active


def test_what_was_changed_is_the_hosts_and_the_rest_stays_the_documents():
    """What the image filled in is not taken for an edit."""
    guest, gone = _named(1, image="rt", memory_mib=64), _named(2)
    active = Desired(guests=(guest, gone), images=(KERNEL,))
    found = {guest.uuid: resolve(guest, active.images).model_copy(update={"memory_mib": 128})}
    assert observed(active, found) == active.model_copy(
        update={"guests": (guest.model_copy(update={"memory_mib": 128}),)}
    )


def test_a_kernel_that_was_changed_behind_the_image_is_an_edit():
    guest = _named(1, image="rt")
    active = Desired(guests=(guest,), images=(KERNEL,))
    found = {guest.uuid: resolve(guest, active.images).model_copy(update={"boot": OWN})}
    assert observed(active, found).guests == (guest.model_copy(update={"boot": OWN}),)


def test_guests_of_others_are_not_in_it():
    active = Desired()
    assert observed(active, {_named(9).uuid: _named(9)}) is active


def test_the_folders_overrides_are_no_edit_and_stay_out_of_the_document():
    guest = _named(1, overrides=(OURS,))
    active = Desired(guests=(guest,))
    found = guest.model_copy(update={"overrides": (OURS, THEIRS), "memory_mib": 128})
    assert of_folder(guest, found) == (THEIRS,)
    assert observed(active, {guest.uuid: found}).guests == (guest.model_copy(update={"memory_mib": 128}),)
    edited = guest.model_copy(update={"overrides": (THEIRS,)})
    assert of_folder(guest, edited) == ()
    assert observed(active, {guest.uuid: edited}).guests == (edited,)


def test_what_the_document_ends_with_is_not_added_again():
    guest = _named(1, overrides=(OURS, THEIRS))
    assert resolve(guest, (), (THEIRS,)) is guest


def test_what_another_tool_did_is_an_edit_beside_those_of_document_and_folder():
    edit, other = (Override(op="add", sel="./cpu/@mode", xml=mode, optional=True) for mode in ("a", "b"))
    guest = _named(1, overrides=(OURS,))

    def seen(document, *overrides):
        found = {guest.uuid: guest.model_copy(update={"overrides": overrides})}
        return observed(Desired(guests=(document,)), found).guests[0].overrides

    assert seen(guest, OURS, THEIRS, edit) == (OURS, edit)
    assert of_folder(guest, guest.model_copy(update={"overrides": (OURS, THEIRS, edit)})) == (THEIRS,)
    adopted = guest.model_copy(update={"overrides": (OURS, edit)})
    for there in ((OURS, edit), (OURS, THEIRS, edit), (OURS, edit, THEIRS)):
        assert seen(adopted, *there) == adopted.overrides, "taken in, or defined again since"
        assert seen(adopted, *there, other) == (OURS, edit, other)
    assert seen(adopted, OURS, THEIRS) == (OURS,), "taken back"
    optional = THEIRS.model_copy(update={"optional": True})
    assert seen(guest, OURS, optional) == (OURS,), "the folder's may be optional too"
