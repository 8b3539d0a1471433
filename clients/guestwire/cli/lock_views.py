"""How locks are written."""

from guestwire.cli.named import Row
from guestwire.cli.output import Column, View
from guestwire.protocol.comm_models import LockView


def lock_view() -> View[Row[LockView]]:
    """The columns of locks."""
    return View(
        columns=(
            Column("LOCK", lambda r: r.address),
            Column("AREA", lambda r: r.of.area),
            Column("KIND", lambda r: r.of.kind),
            Column("TOKEN", lambda r: str(r.of.token), right=True),
            Column("WAITERS", lambda r: "yes" if r.of.waiters else "no"),
            Column("STATE", lambda r: _state(r.of), style=lambda r: _style(r.of)),
            Column("OWNER", lambda r: r.of.owner or "-"),
        ),
        name=lambda r: r.address,
        document=Row.document,
        none="no locks",
    )


def lock_facts(row: Row[LockView]) -> list[tuple[str, str]]:
    """A lock in full."""
    lock = row.of
    facts = [
        ("lock", row.address),
        ("state", _state(lock)),
        ("owner", lock.owner or "nobody"),
        ("waiters", "yes" if lock.waiters else "nobody"),
        ("token", f"{lock.token}, of the last who took it"),
        ("kind", lock.kind),
        ("area", lock.area),
    ]
    if lock.died:
        facts.append(("died", "its holder died: what it protects may be half done"))
    if not lock.sound:
        facts.append(
            ("not sound", f"its owner word names nobody; `lock break {row.address} --force` lets the next one have it")
        )
    return facts if row.verified else [*facts, ("verified", "no: nobody signed this")]


def _state(lock: LockView) -> str:
    if not lock.sound:
        return "not sound"
    held = "held" if lock.owner else "free"
    return f"{held}, holder died" if lock.died else held


def _style(lock: LockView) -> str | None:
    return "bad" if not lock.sound else "warn" if lock.died else "busy" if lock.owner else None
