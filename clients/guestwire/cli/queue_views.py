"""How message queues are written."""

from guestwire.cli.named import Row
from guestwire.cli.output import Column, View, plain
from guestwire.cli.sizes import size_text
from guestwire.protocol.comm_models import QueueView, RingView


def queue_view() -> View[Row[QueueView]]:
    """The columns of queues."""
    return View(
        columns=(
            Column("QUEUE", lambda r: r.address),
            Column("AREA", lambda r: r.of.area),
            Column("SLOTS", lambda r: str(r.of.slots), right=True),
            Column("MESSAGE", lambda r: size_text(r.of.slot_bytes), right=True),
            Column("DEPTH", lambda r: str(r.of.depth), right=True),
            Column("SOUND", _sound, style=lambda r: None if _sound(r) == "yes" else "bad"),
            Column("READER", lambda r: r.of.reader or "-"),
            Column("WRITERS", lambda r: ", ".join(ring.writer for ring in r.of.rings) or "-"),
        ),
        name=lambda r: r.address,
        document=Row.document,
        none="no queues",
    )


def queue_facts(row: Row[QueueView]) -> list[tuple[str, str]]:
    """A queue in full, but for its rings."""
    queue = row.of
    facts = [
        ("queue", row.address),
        ("area", queue.area),
        ("slots", f"{queue.slots} for each writer, of {size_text(queue.slot_bytes)}"),
        ("reader", queue.reader or "nobody"),
        ("depth", f"{queue.depth} message{'' if queue.depth == 1 else 's'} wait{'s' if queue.depth == 1 else ''}"),
    ]
    if _sound(row) != "yes":
        facts.append(("not sound", "somebody wrote over a ring: its numbers mean nothing. Restart the writer's guest."))
    return facts if row.verified else [*facts, ("verified", "no: nobody signed this")]


def ring_view() -> View[RingView]:
    """The columns of a queue's rings, one for each writer."""
    return View(
        columns=(
            Column("WRITER", lambda r: r.writer),
            Column("DEPTH", lambda r: str(r.depth), right=True),
            Column("PUT", lambda r: str(r.put), right=True),
            Column("TAKEN", lambda r: str(r.taken), right=True),
            Column("REFUSED", lambda r: str(r.refused), right=True),
            Column("SOUND", lambda r: "yes" if r.sound else "no", style=lambda r: None if r.sound else "bad"),
        ),
        name=lambda r: r.writer,
        document=plain,
    )


def _sound(row: Row[QueueView]) -> str:
    return "yes" if all(ring.sound for ring in row.of.rings) else "no"
