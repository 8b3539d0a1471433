"""Named events: who may signal, who may wait, and what direct delivery takes."""

from collections.abc import Iterator

from guestwire.model.rules.members import OTHERS, members, stranger
from guestwire.model.rules.names import named_once, well_named
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View


def event_member(view: View) -> Iterator[Finding]:
    known = members(view)
    for event in view.desired.events:
        for field, names in (("signal", event.signal), ("wait", event.wait)):
            for name in dict.fromkeys(names):
                if name not in known:
                    yield Finding(f"events.{event.name}.{field}", stranger(name, view))


def event_direct(view: View) -> Iterator[Finding]:
    for event in view.desired.events:
        if event.delivery != "direct":
            continue
        path = f"events.{event.name}.delivery"
        signal, wait = set(event.signal), set(event.wait)
        if len(signal) != 1 or len(wait) != 1:
            yield Finding(path, f"direct delivery is from one to one: {len(signal)} may signal, {len(wait)} may wait")
        elif strangers := sorted((signal | wait) & OTHERS):
            yield Finding(path, f"{strangers[0]} is not a guest: direct delivery is from guest to guest")
        elif signal == wait:
            yield Finding(path, f"{event.signal[0]} would signal itself: direct delivery is between two guests")


def event_no_signaler(view: View) -> Iterator[Finding]:
    for event in view.desired.events:
        if not event.signal:
            yield Finding(f"events.{event.name}.signal", f"nobody may signal {event.name}")


RULES: tuple[Rule, ...] = (
    Rule(
        "EVENT-NAME", "E", "E", "An event's name has 1 to 64 characters of A-Z, a-z, 0-9, _, . and -.",
        "Choose a name of those characters.", well_named("events", "an event"),
    ),
    Rule(
        "EVENT-DUP", "E", "E", "The names of events are unique on a host.",
        "Rename one of the events, or remove it.", named_once("events", "events"),
    ),
    Rule(
        "EVENT-MEMBER", "E", "E", "Those who signal and wait are guests with communication, HOST or REMOTE.",
        "Correct the name, or switch the guest's communication on.", event_member,
    ),
    Rule(
        "EVENT-DIRECT", "E", "E", "Direct delivery takes exactly one signalling and one waiting guest.",
        "Name one guest to signal and another one to wait, or use arbitrated delivery.", event_direct,
    ),
    Rule(
        "EVENT-NO-SIGNALER", "W", "W", "Somebody may signal an event.",
        "Name in `signal` who may set it.", event_no_signaler,
    ),
)  # fmt: skip
