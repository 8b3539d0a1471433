"""Capabilities and the hashes over the operations."""

from dataclasses import replace

from guestwire.model.base import Model
from guestwire.protocol.capabilities import CapabilitiesBody, capabilities_hash, schema_hash, schema_hashes
from guestwire.protocol.operation_models import Empty, GuestRef
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack


def test_a_body_comes_back() -> None:
    hashes = schema_hashes(BY_NAME)
    body = CapabilitiesBody(epoch=1, n=2, operations=hashes, hash=capabilities_hash(BY_NAME), features=("events",))
    assert CapabilitiesBody.model_validate(unpack(pack(body.model_dump(exclude_none=True)))) == body
    assert set(hashes) == set(BY_NAME)


def test_the_hash_changes_with_what_matters_and_with_nothing_else() -> None:
    start = BY_NAME["guest-start"]

    class Reworded(Model):
        """Other words."""

    class Description(Model):
        description: str

    class Title(Model):
        title: str

    first = schema_hash(start)
    assert schema_hash(replace(start, summary="Other words.", timeout_s=1.0)) == first
    assert schema_hash(replace(start, risk=2)) != first
    assert schema_hash(replace(start, effect="once")) != first
    assert schema_hash(replace(start, request=GuestRef)) != first
    assert schema_hash(replace(start, reply=Empty)) == schema_hash(replace(start, reply=Reworded))
    assert schema_hash(replace(start, reply=Description)) != schema_hash(replace(start, reply=Title))
    assert schema_hash(replace(start, reply=Description)) != schema_hash(replace(start, reply=Empty))


def test_the_whole_hash_is_over_all_operations_in_any_order() -> None:
    backwards = dict(reversed(BY_NAME.items()))
    assert capabilities_hash(backwards) == capabilities_hash(BY_NAME)
    fewer = {name: operation for name, operation in BY_NAME.items() if name != "host-ping"}
    assert capabilities_hash(fewer) != capabilities_hash(BY_NAME)
