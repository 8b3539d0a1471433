"""Who is attached and what it asks: requests of every way go to the table of events, the areas' files and the services.

A conversation begins with HELLO and ends with the next HELLO on its way, or with the way. What it held ends with it: waits,
handles, and locks (its number is what it writes into lock words).
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from guestwire.comm.conversation import HOST, Conversation
from guestwire.comm.conversation_ports import Audit, Granted, Grants, Services
from guestwire.comm.event_rows import Answer
from guestwire.comm.events import EventTable
from guestwire.comm.request_bytes import count_of, flags_of, handle_of, handles_of, op_of, reply_of, seq_of, value_of
from guestwire.comm.storms import Storms
from guestwire.comm.ways import Way
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import NUMBERS, REQUEST, VERSION, WAIT_ANY_MAX

_N = NUMBERS
_LAST_NUMBER = 0x7FFFFFFE
REQUEST_S = 20e-6
"""Processor time that one request may take: one that takes more counts as several, for some cost a hundred times the others."""


_Handler = Callable[[Conversation, int, bytes, bytes, Now], None]


class Conversations:
    """The `Intake` of every way."""

    def __init__(
        self,
        table: EventTable,
        grants: Grants,
        services: Services,
        audit: Audit,
        clock: Callable[[], Now],
        storms: Storms,
        *,
        first_number: int = 0,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        """`first_number`: numbers count on from there: an instance before may have left others in lock words.
        `spent`: seconds of processor time that we used until now."""
        self._table = table
        self._grants = grants
        self._services = services
        self._audit = audit
        self._clock = clock
        self._storms = storms
        self._spent = spent
        self._by_way: dict[Way, Conversation] = {}
        self._by_number: dict[int, Conversation] = {}
        self._callers: dict[int, Callable[[Answer], None]] = {}
        self._last = first_number
        self._answered = 0
        self._leaving = False
        self._handlers: Mapping[int, _Handler] = {
            _N["GW_OP_HELLO"]: self._hello,
            _N["GW_OP_OPEN"]: self._open,
            _N["GW_OP_CLOSE"]: self._close,
            _N["GW_OP_SET"]: self._set,
            _N["GW_OP_RESET"]: self._reset,
            _N["GW_OP_WAIT"]: self._wait,
            _N["GW_OP_CANCEL"]: self._cancel,
            _N["GW_OP_QUERY"]: self._query,
            _N["GW_OP_READY"]: self._ready,
            _N["GW_OP_AREA"]: self._area,
            _N["GW_OP_DIRECTORY"]: self._directory,
            _N["GW_OP_PLUG"]: self._plug,
            _N["GW_OP_AVAILABLE"]: self._service,
            _N["GW_OP_PING"]: self._service,
            _N["GW_OP_LOG"]: self._service,
            _N["GW_OP_FLUSH"]: self._service,
            _N["GW_OP_DATA"]: self._service,
        }

    @property
    def all(self) -> Sequence[Conversation]:
        return tuple(self._by_way.values())

    def party(self, number: int) -> str | None:
        """Who has a number, as lock words have it."""
        found = self._by_number.get(number)
        return None if found is None else found.way.party

    # -- Intake

    def attached(self, way: Way) -> None:
        at = self._clock()
        bucket = self._storms.own_bucket() if way.party == HOST else self._storms.bucket(way.party)
        talk = Conversation(self._number(), way, at.wall_ms, bucket)
        self._by_way[way] = self._by_number[talk.number] = talk
        self._table.attach(talk.number, way.party)
        if way.kind != "socket":
            self._audit.attached(way.party, way.kind)

    def detached(self, way: Way) -> None:
        talk = self._by_way.pop(way, None)
        if talk is None:
            return
        self._end(talk)
        if way.kind != "socket" or way.party != HOST:
            self._audit.detached(way.party, way.kind)

    def woken(self, way: Way) -> None:
        talk = self._by_way.get(way)
        if talk is not None:
            self._slow(talk, 1, self._clock(), empty=True)

    def requests(self, way: Way, requests: Sequence[bytes], payload: bytes = b"") -> None:
        talk = self._by_way.get(way)
        if talk is None:
            return
        at = self._clock()
        began = None if _QUICK.issuperset(map(op_of, requests)) else self._spent()
        talk.requests += len(requests)
        self._answered = 0
        for request in requests:
            try:
                self._one(talk, request, payload, at)
            except Exception as err:  # noqa: BLE001 - the entry point of every request: who asked gets an answer
                self._audit.defect(f"request {request[:8].hex()}", err)
                self._answer(talk, seq_of(request), _N["GW_SYSTEM"])
        if began is None and self._table.denied:
            began = self._spent()
        self._deny(at)
        count = max(len(requests), self._answered)
        if began is not None:
            count = max(count, int((self._spent() - began) / REQUEST_S))
        self._slow(talk, count, at)
        way.flush()

    # -- beginning and end

    def _number(self) -> int:
        while True:
            self._last = self._last % _LAST_NUMBER + 1
            if self._last not in self._by_number and self._last not in self._callers:
                return self._last

    def _end(self, talk: Conversation) -> None:
        """What it held ends with it; when it is we who go, not its locks."""
        self._by_number.pop(talk.number, None)
        at = self._clock()
        self.deliver(self._table.detach(talk.number, at))
        if not talk.known or self._leaving:
            return
        reaped = self._grants.release_locks(talk.number)
        for name in reaped.freed:
            self._audit.reaped(talk.way.party, name)
        for event in reaped.wake:
            self.signal(event, at)

    def restart(self, party: str) -> None:
        """A guest was reset: whoever talked in it does so no more; its devices stay. What it may ask at once stays used up."""
        for talk in [one for one in self._by_way.values() if one.way.party == party]:
            self._anew(talk)

    def _anew(self, talk: Conversation) -> None:
        """Another conversation on the same way. Its party may change between the two."""
        self._end(talk)
        self._begin(talk)

    def _begin(self, talk: Conversation) -> None:
        talk.number = self._number()
        talk.ready = talk.said_hello = talk.known = False
        self._by_number[talk.number] = talk
        self._table.attach(talk.number, talk.way.party)

    def leave_all(self) -> None:
        """Our process ends: ways are closed by us from now on, and who is at their other ends lives and works on. The next
        instance lets go of what they held once they are gone."""
        self._leaving = True

    def end_all(self) -> None:
        """The services stop: every wait is answered, every handle is gone, and who goes on has to say HELLO again. Locks are
        not let go: who holds one lives and works on, and its number is its own until it says HELLO again, or goes."""
        at = self._clock()
        for number in (*self._by_number, *self._callers):
            self.deliver(self._table.end_waits(number, _N["GW_NOT_STARTED"]))
        for talk in self._by_way.values():
            self.deliver(self._table.detach(talk.number, at))
            self._table.attach(talk.number, talk.way.party)
            talk.ready = talk.said_hello = False

    # -- callers: who asks by an operation of the protocol, and not over a way

    def join(self, party: str, heard: Callable[[Answer], None]) -> int:
        """A caller's number; its waits are answered to `heard`. `leave` it in the end."""
        number = self._number()
        self._callers[number] = heard
        self._table.attach(number, party)
        return number

    def leave(self, number: int) -> None:
        if self._callers.pop(number, None) is not None:
            self.deliver(self._table.detach(number, self._clock()))
            self._deny(self._clock())

    # -- answers

    def deliver(self, answers: Iterable[Answer]) -> None:
        """Put answers into their ways, and ring each once."""
        rung: dict[Way, None] = {}
        for one in answers:
            self._answered += 1
            talk = self._by_number.get(one.peer)
            if talk is None:
                if (heard := self._callers.get(one.peer)) is not None:
                    heard(one)
            else:
                talk.way.reply(reply_of(one.seq, one.code, one.handle, one.flags, one.value))
                rung[talk.way] = None
        for way in rung:
            way.flush()

    def signal(self, name: str, at: Now) -> None:
        """Set an event by ourselves, when there is one of that name whose state is here."""
        with suppress(GuestwireError):
            self.deliver(self._table.signal(name, "comm", at))

    def _slow(self, talk: Conversation, count: int, at: Now, *, empty: bool = False) -> None:
        """Who asks faster than it may waits."""
        seconds = self._storms.take(talk.throttle, talk.way.party, count, at, empty=empty)
        if seconds > 0:
            talk.way.pause(seconds)

    def _deny(self, at: Now) -> None:
        for denial in self._table.take_denials():
            talk = self._by_number.get(denial.peer)
            if talk is not None:
                talk.denied += denial.count
            self._audit.denied(denial.party, denial.what, denial.event, denial.count)

    # -- requests

    def _one(self, talk: Conversation, request: bytes, payload: bytes, at: Now) -> None:
        seq = seq_of(request)
        op = op_of(request)
        handler = self._handlers.get(op)
        if handler is None:
            self._answer(talk, seq, _N["GW_UNSUPPORTED"])
        elif not self._grants.serving and op != _N["GW_OP_PLUG"]:
            if op not in _SILENT:
                self._answer(talk, seq, _N["GW_NOT_STARTED"])
        elif not talk.said_hello and op not in _BEFORE_HELLO:
            if op not in _SILENT:
                self._answer(talk, seq, _N["GW_INVALID"])
        else:
            handler(talk, seq, request, payload, at)

    def _answer(
        self, talk: Conversation, seq: int, code: int, *, handle: int = 0, flags: int = 0, value: int = 0,
        fds: Sequence[int] = (),
    ) -> None:  # fmt: skip
        talk.way.reply(reply_of(seq, code, handle, flags, value), fds)

    def _hello(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        asked = REQUEST.unpack(request)
        if asked["value"] != VERSION:
            self._answer(talk, seq, _N["GW_UNSUPPORTED"], value=VERSION)
            return
        name = asked["text"]
        if name and name != talk.way.party:
            code = self._grants.may_be(talk.way, name)
            if code != _N["GW_OK"]:
                self._audit.denied(talk.way.party, "attach", name)
                self._answer(talk, seq, code)
                return
            self._become(talk, name)
        elif talk.known:
            self._anew(talk)
        talk.said_hello = talk.known = True
        talk.since_ms = at.wall_ms
        self._audit.talking(talk.way)
        self._answer(talk, seq, _N["GW_OK"], handle=talk.number, value=talk.number)

    def _become(self, talk: Conversation, guest: str) -> None:
        """A process says that it is a guest: who it was until now is gone."""
        before = talk.way.party
        self._end(talk)
        if before != HOST:
            self._audit.detached(before, talk.way.kind)
        talk.way.party = guest  # type: ignore[misc]  # only a socket's party can become another
        talk.throttle = self._storms.bucket(guest)
        self._begin(talk)
        self._audit.attached(guest, talk.way.kind)

    def _open(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        asked = REQUEST.unpack(request)
        answer = self._table.open(talk.number, seq, asked["text"], asked["flags"], at)
        fds: tuple[int, ...] = ()
        if answer.code == _N["GW_OK"] and answer.flags & _N["GW_NATIVE"]:
            fd = self._grants.native(asked["text"])
            fds = () if fd is None else (fd,)
        if answer.code == _N["GW_DENIED"]:
            talk.denied += 1
            self._audit.denied(talk.way.party, "open", asked["text"])
        self._answer(
            talk, seq, answer.code, handle=answer.handle, flags=answer.flags, value=answer.value, fds=fds
        )  # fmt: skip

    def _close(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        self.deliver([self._table.close(talk.number, seq, handle_of(request))])

    def _set(self, talk: Conversation, _seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        self.deliver(self._table.set(talk.number, handle_of(request), at))

    def _reset(self, talk: Conversation, _seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        self.deliver(self._table.reset(talk.number, handle_of(request), at))

    def _wait(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        count = count_of(request)
        if not 1 <= count <= WAIT_ANY_MAX:
            self._answer(talk, seq, _N["GW_INVALID"])
            return
        answers: list[Answer] = []
        if flags_of(request) & _N["GW_SET_FIRST"]:
            answers = self._table.set(talk.number, value_of(request) & 0xFFFFFFFF, at)
        self.deliver([*answers, *self._table.wait(talk.number, seq, handles_of(request, count), at)])

    def _cancel(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        self.deliver(self._table.cancel(talk.number, seq, value_of(request) & 0xFFFFFFFF))

    def _query(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        self.deliver([self._table.query(talk.number, seq, handle_of(request))])

    def _ready(self, talk: Conversation, seq: int, _request: bytes, _payload: bytes, at: Now) -> None:
        if talk.way.party != HOST and not talk.ready:
            talk.ready = True
            self._audit.ready(talk.way.party)
        self._answer(talk, seq, _N["GW_OK"])

    def _area(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        asked = REQUEST.unpack(request)
        self._file(talk, seq, self._grants.area(talk.way.party, asked["text"], asked["flags"]), asked["text"])

    def _directory(self, talk: Conversation, seq: int, _request: bytes, _payload: bytes, at: Now) -> None:
        self._file(talk, seq, self._grants.directory(talk.way.party), "directory")

    def _plug(self, talk: Conversation, seq: int, request: bytes, _payload: bytes, at: Now) -> None:
        asked = REQUEST.unpack(request)
        self._file(talk, seq, self._grants.plug(talk.way, asked["text"], asked["value"], asked["flags"]), "plug")

    def _file(self, talk: Conversation, seq: int, granted: Granted, name: str) -> None:
        """Who has the right to a file gets it over a socket. Other ways carry none: a guest has its areas as devices, and asks
        here for what it does not have, so that it is told."""
        if granted.code == _N["GW_DENIED"]:
            talk.denied += 1
            self._audit.denied(talk.way.party, "open", name)
        if granted.code != _N["GW_OK"]:
            self._answer(talk, seq, granted.code)
            return
        try:
            if talk.way.kind != "socket":
                self._answer(talk, seq, _N["GW_UNSUPPORTED"])
            else:
                self._answer(talk, seq, granted.code, flags=granted.flags, value=granted.value, fds=(granted.fd,))
        finally:
            os.close(granted.fd)

    def _service(self, talk: Conversation, seq: int, request: bytes, payload: bytes, at: Now) -> None:
        op = op_of(request)
        flags = flags_of(request)
        value = value_of(request)
        code, answer = self._services.request(talk.way.party, op, seq, flags, value, payload, at)
        if code == _N["GW_DENIED"]:
            talk.denied += 1
        self._answer(talk, seq, code, value=answer)


_QUICK = frozenset(_N[f"GW_OP_{name}"] for name in ("SET", "RESET", "WAIT", "CANCEL", "QUERY"))
"""What costs as much as it answers waits, so that no clock has to be read for it."""

_SILENT = frozenset({_N["GW_OP_SET"], _N["GW_OP_RESET"]})
_BEFORE_HELLO = frozenset({_N["GW_OP_HELLO"], _N["GW_OP_PLUG"]})
