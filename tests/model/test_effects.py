"""Every field of every noun has an effect, so that none can be changed without a plan saying so."""

from guestwire.model.desired import Desired
from guestwire.model.effects import COLLECTIONS, COMMUNICATION, GUEST_FIELDS, SETTING_FIELDS
from guestwire.model.guest import Guest
from guestwire.model.settings import HostSettings

ELSEWHERE = {"base_revision", "base_topology", "host_cpuset", "policy", "guests", "autostart", "settings"}
"""Fields of the document that `planning` treats one by one."""


def test_every_field_of_a_guest_has_an_impact() -> None:
    assert set(GUEST_FIELDS) == set(Guest.model_fields)


def test_every_setting_has_an_impact() -> None:
    assert set(SETTING_FIELDS) == set(HostSettings.model_fields)


def test_every_part_of_the_document_is_planned() -> None:
    assert set(COLLECTIONS) | ELSEWHERE == set(Desired.model_fields)
    assert set(COLLECTIONS) > COMMUNICATION
