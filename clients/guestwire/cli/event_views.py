"""How named events are written."""

from guestwire.cli.named import Row
from guestwire.cli.output import Column, View, write_one
from guestwire.cli.settings import Settings
from guestwire.cli.times import clock_time
from guestwire.protocol.comm_models import EventView, EventWaited


def event_view() -> View[Row[EventView]]:
    """The columns of named events."""
    return View(
        columns=(
            Column("EVENT", lambda r: r.address),
            Column("RESET", lambda r: r.of.reset),
            Column("DELIVERY", lambda r: r.of.delivery),
            Column("SET", lambda r: state_word(r.of), style=lambda r: "good" if r.of.set else None),
            Column("SIGNALS", lambda r: str(r.of.signals), right=True),
            Column("RATE", lambda r: f"{r.of.rate:.1f}/s", right=True),
            Column("DENIED", lambda r: str(r.of.denied), right=True, wide=True,
                   style=lambda r: "warn" if r.of.denied else None),
            Column("DECLARED", lambda r: "yes" if r.of.declared else "no", wide=True),
            Column("MAY SIGNAL", lambda r: _who(r.of, r.of.signal), wide=True),
            Column("MAY WAIT", lambda r: _who(r.of, r.of.wait), wide=True),
            Column("LAST BY", lambda r: r.of.last_by or "-", wide=True),
            Column("WAITERS", lambda r: ", ".join(r.of.waiters) or "-"),
        ),
        name=lambda r: r.address,
        document=Row.document,
        none="no events",
    )  # fmt: skip


def event_facts(row: Row[EventView]) -> list[tuple[str, str]]:
    """A named event in full."""
    event = row.of
    last = f"{event.last_by}, {clock_time(event.last_at)}" if event.last_by else "-"
    facts = [
        ("event", row.address),
        ("set", state_word(event)),
        ("reset", event.reset),
        ("delivery", event.delivery),
        ("declared", "in the configuration" if event.declared else "no: while somebody has it open"),
        ("may signal", _who(event, event.signal)),
        ("may wait", _who(event, event.wait)),
        ("waiters", ", ".join(event.waiters) or "nobody"),
        ("signals", f"{event.signals}, {event.rate:.1f}/s"),
        ("denied", str(event.denied)),
        ("last signal", last),
    ]
    return facts if row.verified else [*facts, ("verified", "no: nobody signed this")]


def write_waited(settings: Settings, host: str, waited: EventWaited, *, verified: bool) -> None:
    """Which event ended a wait. For people nothing, for programs no name, where none did."""
    address = "" if waited.name is None else f"{host}/{waited.name}"
    document = {"host": host, "verified": verified, "name": waited.name, "at": waited.at}
    view: View[EventWaited] = View((), name=lambda _: address, document=lambda _: document)
    if address or settings.for_programs:
        write_one(settings, waited, view, [("event", address), ("at", clock_time(waited.at))])


def state_word(event: EventView) -> str:
    """Whether it is set; - where the kernel alone knows."""
    return "-" if event.set is None else "yes" if event.set else "no"


def _who(event: EventView, names: tuple[str, ...]) -> str:
    return (", ".join(names) or "nobody") if event.declared else "everybody"
