"""Alarm rules as people have them, and which of those that came with the controller it has been given."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, String, Table, Text, delete, select

from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.store.database import Tx, insert_new, upsert
from guestwire.controller.store.metadata import metadata

table = Table(
    "alarm_rules",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("rule", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(64), nullable=False),
)
given = Table(
    "alarm_rules_given",
    metadata,
    Column("name", String(64), primary_key=True),
)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule. `revision` counts its changes; `changed_by` empty: it came with the controller."""

    name: str
    rule: AlarmRule
    revision: int
    changed_at: int
    changed_by: str


async def every(tx: Tx) -> list[RuleRow]:
    """All rules, by name."""
    return sorted((_rule(row) for row in await tx.execute(select(table))), key=lambda one: one.name)


async def one(tx: Tx, name: str) -> RuleRow | None:
    """A rule, if it is there."""
    row = (await tx.execute(select(table).where(table.c.name == name))).first()
    return None if row is None else _rule(row)


async def put(tx: Tx, row: RuleRow) -> None:
    """Add or change a rule."""
    values = {
        "name": row.name, "rule": row.rule.model_dump_json(), "revision": row.revision, "changed_at": row.changed_at,
        "changed_by": row.changed_by,
    }  # fmt: skip
    await upsert(tx, table, values, ("name",))


async def remove(tx: Tx, name: str) -> None:
    """Remove a rule."""
    await tx.execute(delete(table).where(table.c.name == name))


async def give(tx: Tx, name: str) -> bool:
    """Note that a rule was given that came with the controller; False: it was before, and may have been removed since."""
    return await insert_new(tx, given, {"name": name}, ("name",))


def _rule(row: Any) -> RuleRow:
    name, rule, revision, changed_at, changed_by = row
    return RuleRow(name, AlarmRule.model_validate_json(rule), revision, changed_at, changed_by)
