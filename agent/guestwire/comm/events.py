"""The state of events: who may signal and wait, what is set, who waits for what. Pure: time is an argument, answers are
returned, and who sends them is none of its business.

A table is the one place where an event's state is: interrupts and datagrams only tell of it. Time is the protocol's Now:
its wall clock dates the last signal, its monotonic one the rates. No argument that comes from a peer makes it raise.
"""

import re
from collections.abc import Iterable, Sequence

from guestwire.comm.event_rows import Answer, Declared, Denial, EventRow, PeerRow, Wait
from guestwire.comm.event_views import event_view
from guestwire.model.errors import GuestwireError
from guestwire.model.events import REMOTE
from guestwire.protocol.comm_models import EventView
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import NUMBERS, WAIT_ANY_MAX

__all__ = ["Answer", "Declared", "Denial", "EventTable"]

CREATE, MANUAL, INITIAL = NUMBERS["GW_CREATE"], NUMBERS["GW_MANUAL"], NUMBERS["GW_INITIAL"]
EXISTED, NATIVE, DIRECT = NUMBERS["GW_EXISTED"], NUMBERS["GW_NATIVE"], NUMBERS["GW_DIRECT"]
OK, DENIED, NOT_FOUND, INVALID = (NUMBERS[f"GW_{name}"] for name in ("OK", "DENIED", "NOT_FOUND", "INVALID"))
NOT_STARTED, FULL = NUMBERS["GW_NOT_STARTED"], NUMBERS["GW_FULL"]
UNSUPPORTED, EXISTS = NUMBERS["GW_UNSUPPORTED"], NUMBERS["GW_EXISTS"]

MAX_DENIALS = 1024
"""Kinds of denials that are told apart until they are taken; beyond, the event's name is left out."""

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PREFIXED = re.compile(r"[a-z]+:[A-Za-z0-9_.-]{1,64}")
_KIND_FLAGS = {"arbitrated": 0, "native": NATIVE, "direct": DIRECT}


class EventTable:
    """Events, who has them open and who waits. Bounds are of each peer: GW_FULL beyond them. A peer that is not attached is
    answered GW_NOT_STARTED. A handle that was never given, or is closed, is GW_INVALID; one of an event that is gone,
    GW_NOT_FOUND until it is closed. Native and direct events are rows without a state: rights and counters."""

    def __init__(self, max_dynamic: int = 64, max_handles: int = 4096, max_waits: int = 256) -> None:
        self._max_dynamic = max_dynamic
        self._max_handles = max_handles
        self._max_waits = max_waits
        self._rows: dict[str, EventRow] = {}
        self._peers: dict[int, PeerRow] = {}
        self._denials: dict[tuple[int, str, str, str], int] = {}

    # -- what there is

    def declare(self, events: Iterable[Declared], now: Now) -> list[Answer]:
        """Replace the declared events. One that keeps its kind and reset keeps its state, handles and waits, and its new
        rights hold at once: waits that they do not allow are answered GW_DENIED. One that is gone or is another now answers
        its waits GW_NOT_FOUND. A declared name wins over a peer's event of that name."""
        wanted = {event.name: event for event in events}
        answers: list[Answer] = []
        for row in list(self._rows.values()):
            if row.gone:  # with the last wait for it, which another event that is gone ended
                continue
            event = wanted.get(row.name)
            if row.declared is None:
                stays = event is None
            else:
                stays = event is not None and (event.kind, event.manual) == (row.kind, row.manual)
            if not stays:
                answers += self._remove(row)
            elif event is not None:
                row.declared = event
                denied = [(wait, place) for wait, place in row.waiters.items() if not row.may_wait(wait.peer.party)]
                answers += self._end(denied, DENIED)
        for event in wanted.values():
            if event.name not in self._rows:
                initial = event.initial and event.kind == "arbitrated"
                self._rows[event.name] = EventRow(event.name, manual=event.manual, initial=initial, declared=event)
        return answers

    def attach(self, peer: int, party: str) -> None:
        """A peer of that number is there from now on. Raises ValueError when there is one already."""
        if peer in self._peers:
            raise ValueError(f"peer {peer} is attached")
        self._peers[peer] = PeerRow(peer, party)

    def detach(self, peer: int, now: Now) -> list[Answer]:
        """It is gone, with its handles and waits; events that it made go once nobody else has them. Nothing of its is
        answered."""
        gone = self._peers.pop(peer, None)
        if gone is None:
            return []
        for wait in list(gone.waits.values()):
            self._take_back(wait)
        for row in gone.handles:
            if row is not None:
                row.opens -= 1
                self._drop_unused(row)
        return []

    def end_waits(self, peer: int, code: int) -> list[Answer]:
        """Answer all waits of a peer with a code: it stays attached, and is not served any more."""
        who = self._peers.get(peer)
        return [] if who is None else self._end([(wait, 0) for wait in who.waits.values()], code)

    def rights(self, name: str, party: str) -> int:
        """GW_MAY_SIGNAL | GW_MAY_WAIT of a party. Raises NOT-FOUND."""
        return self._row(name).rights(party)

    def is_manual(self, name: str) -> bool:
        """Whether an event stays set until it is reset; False also when there is none of the name."""
        row = self._rows.get(name)
        return row is not None and row.manual

    def views(self, now: Now) -> tuple[EventView, ...]:
        """Every event but the hidden ones, which queues and locks stand on: the declared ones first, by name."""
        rows = [row for row in self._rows.values() if row.declared is None or not row.declared.hidden]
        return tuple(event_view(row, now) for row in sorted(rows, key=lambda row: (row.declared is None, row.name)))

    def counters(self) -> list[tuple[str, int, int, int, int]]:
        """Of the declared events: name, signals, denied, waiters, set; -1 where this is not the place of the state."""
        return [
            (row.name, row.signals, row.denied, len(row.waiters), int(row.is_set))
            if row.kind == "arbitrated"
            else (row.name, row.signals, row.denied, -1, -1)
            for row in self._rows.values()
            if row.declared is not None and not row.declared.hidden
        ]

    def view(self, name: str, now: Now) -> EventView:
        """One event, also a hidden one. Raises NOT-FOUND."""
        return event_view(self._row(name), now)

    # -- requests of peers

    def open(self, peer: int, seq: int, name: str, flags: int, now: Now) -> Answer:
        """GW_OP_OPEN. With GW_CREATE it is made when there is none of the name: by guests and processes of the host, and
        never one with a prefix. An event of the other reset kind is GW_EXISTS to who would create it."""
        who = self._peers.get(peer)
        if who is None:
            return Answer(peer, seq, NOT_STARTED)
        row = self._rows.get(name)
        code = INVALID if flags & ~(CREATE | MANUAL | INITIAL) else self._openable(who, row, name, flags)
        if code != OK:
            return Answer(peer, seq, code)
        existed = EXISTED
        if row is None:
            row = EventRow(name, manual=bool(flags & MANUAL), initial=bool(flags & INITIAL), maker=who)
            self._rows[name] = row
            who.dynamic += 1
            existed = 0
        flags = (MANUAL if row.manual else 0) | existed | _KIND_FLAGS[row.kind]
        return Answer(peer, seq, OK, handle=who.take_handle(row), flags=flags, value=row.rights(who.party))

    def close(self, peer: int, seq: int, handle: int) -> Answer:
        """GW_OP_CLOSE. Waits that named the handle go on: they keep their events themselves."""
        held = self._held(peer, seq, handle)
        if isinstance(held, Answer):
            return held
        who, row = held
        who.drop_handle(handle, row)
        self._drop_unused(row)
        return Answer(peer, seq, OK)

    def set(self, peer: int, handle: int, now: Now) -> list[Answer]:
        """GW_OP_SET: answers of waits that it ends; an auto event ends one, which takes it, or stays set for the next."""
        row = self._signalled(peer, handle, "set")
        return [] if row is None else self._set(row, self._peers[peer].party, now)

    def reset(self, peer: int, handle: int, now: Now) -> list[Answer]:
        """GW_OP_RESET: whoever may signal may take it back. Ends no wait: the list is empty."""
        row = self._signalled(peer, handle, "reset")
        if row is not None:
            row.is_set = False
        return []

    def wait(self, peer: int, seq: int, handles: Sequence[int], now: Now, *, native: bool = False) -> list[Answer]:
        """GW_OP_WAIT: the answer when one of the events is set already (the first of them in order; value: its place), or
        nothing yet. The first handle that cannot be waited for decides, and then nothing is taken. `native`: also for native
        events, whose state the caller looks at itself: here such a wait ends only with the event, or the right to it."""
        who = self._peers.get(peer)
        if who is None:
            return [Answer(peer, seq, NOT_STARTED)]
        if not 1 <= len(handles) <= WAIT_ANY_MAX or seq in who.waits:
            return [Answer(peer, seq, INVALID)]
        places: dict[EventRow, int] = {}
        for place, handle in enumerate(handles):
            row = who.row(handle)
            if row is None:
                return [Answer(peer, seq, INVALID)]
            if (code := self._waitable(who, row, native)) != OK:
                return [Answer(peer, seq, code)]
            places.setdefault(row, place)
        for row, place in places.items():
            if row.is_set:
                row.is_set = row.manual
                return [Answer(peer, seq, OK, value=place)]
        if len(who.waits) >= self._max_waits:
            return [Answer(peer, seq, FULL)]
        wait = who.waits[seq] = Wait(who, seq, tuple(places))
        for row, place in places.items():
            row.waiters[wait] = place
        return []

    def cancel(self, peer: int, seq: int, wait_seq: int) -> list[Answer]:
        """GW_OP_CANCEL: GW_OK, and the wait is never answered; GW_NOT_FOUND when it was answered before."""
        who = self._peers.get(peer)
        if who is None:
            return [Answer(peer, seq, NOT_STARTED)]
        wait = who.waits.get(wait_seq)
        if wait is None:
            return [Answer(peer, seq, NOT_FOUND)]
        self._take_back(wait)
        return [Answer(peer, seq, OK)]

    def query(self, peer: int, seq: int, handle: int) -> Answer:
        """GW_OP_QUERY: whoever has any right may look."""
        held = self._held(peer, seq, handle)
        if isinstance(held, Answer):
            return held
        who, row = held
        if row.gone:
            return Answer(peer, seq, NOT_FOUND)
        if not row.rights(who.party):
            return Answer(peer, seq, DENIED)
        if row.kind != "arbitrated":
            return Answer(peer, seq, UNSUPPORTED)
        return Answer(peer, seq, OK, value=int(row.is_set))

    # -- the server's own

    def signal(self, name: str, by: str, now: Now) -> list[Answer]:
        """Set an event by name; rights are the caller's to check (`rights`). Raises NOT-FOUND, and UNSUPPORTED for an event
        whose state is not here."""
        return self._set(self._arbitrated(name), by, now)

    def unset(self, name: str, by: str, now: Now) -> None:
        """Unset it; rights and errors as with `signal`."""
        self._arbitrated(name).is_set = False

    def observe(self, name: str, signals: int, by: str, now: Now) -> None:
        """What its word says of a native or direct event: how often it was signalled. A word may be written over: a count
        that went back is taken as it is, and adds nothing to the rate. Nothing happens when there is no such event."""
        row = self._rows.get(name)
        if row is None or row.kind == "arbitrated" or row.signals == signals:
            return
        if signals > row.signals:
            row.rate.add(signals - row.signals, now.mono)
        row.signals, row.last_by, row.last_at = signals, by, now.wall_ms

    @property
    def denied(self) -> bool:
        """Whether there are denials to take."""
        return bool(self._denials)

    def take_denials(self) -> list[Denial]:
        """Sets, resets and waits without the right since this was called last. What opens are denied, their answers say."""
        if not self._denials:
            return []
        denials = [
            Denial(peer, party, event, what, count) for (peer, party, event, what), count in self._denials.items()
        ]
        self._denials.clear()
        return denials

    # -- the rules

    def _set(self, row: EventRow, by: str, now: Now) -> list[Answer]:
        row.signals += 1
        row.last_by = by
        row.last_at = now.wall_ms
        row.rate.add(1, now.mono)
        if row.manual:
            row.is_set = True
            return self._end(list(row.waiters.items()), OK)
        if not row.waiters:
            row.is_set = True
            return []
        wait, place = next(iter(row.waiters.items()))
        self._take_back(wait)
        return [Answer(wait.peer.number, wait.seq, OK, value=place)]

    def _openable(self, who: PeerRow, row: EventRow | None, name: str, flags: int) -> int:
        """GW_OK when a peer may open what there is, or make what there is not."""
        if row is None:
            if _PLAIN.fullmatch(name) is None:
                return NOT_FOUND if _PREFIXED.fullmatch(name) else INVALID
            if not flags & CREATE:
                return NOT_FOUND
            if who.party == REMOTE:
                return DENIED
            if who.dynamic >= self._max_dynamic:
                return FULL
        elif not row.rights(who.party):
            row.denied += 1
            return DENIED
        elif flags & CREATE and row.manual != bool(flags & MANUAL):
            return EXISTS
        return OK if who.open_handles < self._max_handles else FULL

    def _row(self, name: str) -> EventRow:
        row = self._rows.get(name)
        if row is None:
            raise GuestwireError(
                "NOT-FOUND", f"there is no event {name}: `event list` shows those there are", field="name"
            )
        return row

    def _held(self, peer: int, seq: int, handle: int) -> tuple[PeerRow, EventRow] | Answer:
        """Whose handle that is, and of what; or the answer that says why not."""
        who = self._peers.get(peer)
        if who is None:
            return Answer(peer, seq, NOT_STARTED)
        row = who.row(handle)
        return Answer(peer, seq, INVALID) if row is None else (who, row)

    def _signalled(self, peer: int, handle: int, what: str) -> EventRow | None:
        """The event that a peer sets or resets, if it can and may."""
        who = self._peers.get(peer)
        row = None if who is None else who.row(handle)
        if who is None or row is None or row.gone:
            return None
        if not row.may_signal(who.party):
            self._deny(who, row, what)
            return None
        return row if row.kind == "arbitrated" else None

    def _waitable(self, who: PeerRow, row: EventRow, native: bool) -> int:
        if row.gone:
            return NOT_FOUND
        if not row.may_wait(who.party):
            self._deny(who, row, "wait")
            return DENIED
        return OK if row.kind == "arbitrated" or (native and row.kind == "native") else UNSUPPORTED

    def _deny(self, who: PeerRow, row: EventRow, what: str) -> None:
        row.denied += 1
        key = (who.number, who.party, row.name, what)
        if key not in self._denials and len(self._denials) >= MAX_DENIALS:
            key = (who.number, who.party, "", what)
        self._denials[key] = self._denials.get(key, 0) + 1

    def _arbitrated(self, name: str) -> EventRow:
        row = self._row(name)
        if row.kind != "arbitrated":
            raise GuestwireError("UNSUPPORTED", f"the state of {name} is not with guestwire-comm: it is {row.kind}")
        return row

    def _end(self, waits: Iterable[tuple[Wait, int]], code: int) -> list[Answer]:
        """Answer waits, in the order they came."""
        answers = []
        for wait, place in waits:
            self._take_back(wait)
            answers.append(Answer(wait.peer.number, wait.seq, code, value=place))
        return answers

    def _take_back(self, wait: Wait) -> None:
        del wait.peer.waits[wait.seq]
        for row in wait.rows:
            del row.waiters[wait]
            self._drop_unused(row)

    def _drop_unused(self, row: EventRow) -> None:
        if row.declared is None and not row.opens and not row.waiters and not row.gone:
            self._remove(row)

    def _remove(self, row: EventRow) -> list[Answer]:
        row.gone = True
        del self._rows[row.name]
        if row.maker is not None:
            row.maker.dynamic -= 1
            row.maker = None
        return self._end(list(row.waiters.items()), NOT_FOUND)
