"""Every operation of the table is served, and nothing else is."""

from dataclasses import fields
from typing import Any, cast

from guestwire.agent.configured import ConfiguredHost
from guestwire.agent.routes import commands, reads
from guestwire.protocol.operations import OPERATIONS


class Anything:
    """Stands in for each service: only the tables' keys matter here."""

    def __getattr__(self, name: str) -> object:
        return (self, name)


ANY = cast("Any", Anything())
CONFIGURED = ConfiguredHost(**{field.name: ANY for field in fields(ConfiguredHost)})


def test_reads_are_the_operations_without_an_effect() -> None:
    assert set(reads(ANY, ANY, ANY, ANY, CONFIGURED, ANY, ANY, ANY, ANY)) == {
        o.name for o in OPERATIONS if o.effect == "none"
    }


def test_commands_are_the_operations_with_an_effect() -> None:
    assert set(commands(ANY, ANY, ANY, ANY, CONFIGURED, ANY, ANY, ANY)) == {
        o.name for o in OPERATIONS if o.effect != "none"
    }


def test_operations_that_hold_no_lane_have_none() -> None:
    table = commands(ANY, ANY, ANY, ANY, CONFIGURED, ANY, ANY, ANY)
    for operation in OPERATIONS:
        if operation.effect != "none" and operation.lane == "none":
            assert table[operation.name].lanes(ANY) == ()
