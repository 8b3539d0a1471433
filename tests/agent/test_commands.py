"""The command pipeline on a real journal: what is accepted ends in a stored final, whatever happens on the way."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from guestwire.agent.command_job import Command
from guestwire.agent.commands import Commands
from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import JobRow
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.lanes import Lanes
from guestwire.agent.outbox import Outbox
from guestwire.agent.restore import restorer
from guestwire.agent.services.running import Running
from guestwire.link.clock import now
from guestwire.link.transport import TransportError
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import VERSION, Header, body_hash, decode, encode
from guestwire.protocol.error_body import from_body
from guestwire.protocol.executor import Executor
from guestwire.protocol.ids import request_id
from guestwire.protocol.operations import Effect, Operation
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Limits, Record, Send
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

HOST, OPERATOR = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))
TRUST = Trust(
    TrustDocument(
        site="s",
        rev=1,
        issued_at=0,
        signers=(
            Signer(principal="host:h", public_key=HOST.public.raw.hex(), scope=Scope(operations=(), hosts=("h",))),
            Signer(principal="operator:a", public_key=OPERATOR.public.raw.hex(), scope=Scope(risk=3)),
        ),
    )
)


def operation(name: str, effect: Effect, timeout_s: float = 5) -> Operation:
    return Operation(name, m.GuestRef, m.Empty, effect, 1, timeout_s, "for this test", "guest")


OPERATIONS = {
    o.name: o for o in (operation("do", "idempotent"), operation("do-once", "once"), operation("slow", "once", 0.2))
}


@dataclass
class Client:
    """The client's end of a path: what arrived, and whether the broker acknowledges."""

    acknowledges: bool = True
    failures: int = 0
    sent: asyncio.Queue[Send] = field(default_factory=asyncio.Queue)

    def answer(self, send: Send) -> Awaitable[int] | None:
        self.sent.put_nowait(send)
        if not self.acknowledges or send.qos == 0:
            return None
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.failures:
            self.failures -= 1
            done.set_exception(TransportError("PUBLISH-TIMEOUT"))
        else:
            done.set_result(0)
        return done

    async def next(self) -> tuple[str, str, bytes]:
        """(phase, status, frame) of the next answer."""
        async with asyncio.timeout(5):
            send = await self.sent.get()
        header = decode(send.frames[0]).header
        assert header.phase is not None
        assert header.status is not None
        return header.phase, header.status, send.frames[0]


class Reports:
    def __init__(self) -> None:
        self.told_waiting: list[Call] = []
        self.defects: list[BaseException] = []
        self.storage_errors: list[str] = []
        self.refused: list[str] = []
        self.results: list[tuple[str, str | None]] = []

    def job_changed(self) -> None: ...

    def defect(self, operation: str, error: BaseException) -> None:
        self.defects.append(error)

    def storage(self, error: GuestwireError) -> None:
        self.storage_errors.append(error.code)

    def not_taken(self, call: Call, code: str) -> None:
        self.refused.append(code)

    def waiting(self, call: Call) -> None:
        self.told_waiting.append(call)

    def ended(self, call: Call, code: str | None) -> None:
        self.results.append((call.operation.name, code))


Handler = Callable[[Running], Awaitable[Model]]


@dataclass
class Bench:
    executor: Executor
    commands: Commands
    journal: Journal
    outbox: Outbox
    reports: Reports
    client: Client = field(default_factory=Client)

    def send(self, name: str, guest: str = "g", identifier: bytes | None = None, ttl_ms: int = 5000) -> bytes:
        """Send a signed request; its id."""
        at = now().wall_ms
        identifier = identifier or request_id(at)
        body = pack({"guest": guest})
        header = Header(
            VERSION,
            "request",
            ("s", "h"),
            name,
            identifier,
            "operator:a",
            at,
            at + 60_000,
            ttl_ms,
            body_hash(body),
            "c",
        )
        inbound = Inbound(encode(header, body, (OPERATOR,)), "c", name, path=self.client)
        step = self.executor.receive(inbound, now())
        assert isinstance(step, Record)
        self.commands.take(step, lambda: None)
        return identifier

    async def row(self, identifier: bytes) -> JobRow:
        row = await self.journal.get("operator:a", identifier)
        assert row is not None
        return row


@asynccontextmanager
async def bench(
    folder: Path,
    handler: Handler,
    *,
    probe: Callable[[Call], Awaitable[bool | None]] | None = None,
    running: int = 4,
    queued: int = 8,
    recover: bool = False,
    operations: tuple[str, ...] = tuple(OPERATIONS),
) -> AsyncIterator[Bench]:
    def lanes(call: Call) -> tuple[str, ...]:
        if call.request.guest == "nobody":
            raise GuestwireError("NOT-FOUND")
        if call.request.guest == "defect":
            raise ZeroDivisionError
        return (f"guest:{call.request.guest}",)

    async with JournalWriter() as writer, await Journal.open(folder / "journal.db", writer, now_ms=1) as journal:
        limits = Limits(issuer_rate=1e6, issuer_burst=1e6)
        executor = Executor("s", "h", OPERATIONS, TRUST, HOST, journal_created_ms=journal.created_ms, limits=limits)
        reports = Reports()
        outbox = Outbox(journal, send_again_s=0.01)
        commands = Commands(
            executor=executor,
            journal=journal,
            outbox=outbox,
            lanes=LaneGate(Lanes(max_running=running, max_queued=queued), lambda: round(now().mono * 1000)),
            commands={name: Command(lanes, handler, probe) for name in OPERATIONS},
            reports=reports,
            clock=now,
        )
        async with outbox, commands:
            if recover:
                await commands.recover(restorer({name: OPERATIONS[name] for name in operations}))
            yield Bench(executor, commands, journal, outbox, reports)


class Counter:
    """A handler that counts its effects, and can be held up before or inside one."""

    def __init__(self) -> None:
        self.effects = 0
        self.ran: list[str] = []
        self.again: list[bool] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()

    async def __call__(self, running: Running) -> Model:
        self.again.append(running.again)
        self.ran.append(running.call.request.guest)
        running.progress("counting")
        await running.effect(self._effect)
        return m.Empty()

    async def _effect(self) -> None:
        self.effects += 1
        self.entered.set()
        await self.gate.wait()


async def test_a_command_is_stored_before_it_is_answered_and_the_answer_is_signed(tmp_path: Path) -> None:
    counter = Counter()
    async with bench(tmp_path, counter) as b:
        identifier = b.send("do-once")
        await b.client.next()  # progress
        phase, status, frame = await b.client.next()
        assert (phase, status, len(decode(frame).signatures)) == ("final", "ok", 1)
        row = await b.row(identifier)
        assert (row.state, counter.effects) == ("SUCCEEDED", 1)


async def test_the_same_request_again_gets_the_stored_final_byte_for_byte(tmp_path: Path) -> None:
    counter = Counter()
    async with bench(tmp_path, counter) as b:
        identifier = b.send("do-once")
        await b.client.next()
        _, _, first = await b.client.next()
        b.send("do-once", identifier=identifier)
        _, _, again = await b.client.next()
        assert (again, counter.effects) == (first, 1)


async def test_the_same_request_while_it_runs_is_accepted_again(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()
    async with bench(tmp_path, counter) as b:
        identifier = b.send("do-once")
        await b.client.next()
        b.send("do-once", identifier=identifier)
        assert (await b.client.next())[0] == "accepted"
        counter.gate.set()
        assert (await b.client.next())[:2] == ("final", "ok")
        assert counter.effects == 1


async def test_another_request_under_the_same_id_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path, Counter()) as b:
        identifier = b.send("do", "g")
        await b.client.next()
        await b.client.next()
        b.send("do", "other", identifier=identifier)
        assert (await b.client.next())[:2] == ("refused", "IDEMPOTENCY-MISMATCH")
        assert b.reports.refused == ["IDEMPOTENCY-MISMATCH"]


async def test_an_unknown_guest_is_a_recorded_refusal(tmp_path: Path) -> None:
    counter = Counter()
    async with bench(tmp_path, counter) as b:
        identifier = b.send("do", "nobody")
        assert (await b.client.next())[:2] == ("final", "NOT-FOUND")
        row = await b.row(identifier)
        assert (row.state, row.code, counter.effects) == ("REJECTED", "NOT-FOUND", 0)


async def test_each_result_is_told_once(tmp_path: Path) -> None:
    async with bench(tmp_path, Counter()) as b:
        first = b.send("do-once")
        await b.client.next()  # progress
        await b.client.next()
        b.send("do-once", identifier=first)  # its stored final, which is no other result
        await b.client.next()
        b.send("do", "nobody")
        await b.client.next()
        assert b.reports.results == [("do-once", None), ("do", "NOT-FOUND")]


async def test_a_result_that_is_an_error_is_told_with_its_code(tmp_path: Path) -> None:
    async def fail(running: Running) -> Model:
        raise GuestwireError("PLAN-STALE")

    async with bench(tmp_path, fail) as b:
        b.send("do")
        assert (await b.client.next())[:2] == ("final", "PLAN-STALE")
        assert b.reports.results == [("do", "PLAN-STALE")]


async def test_one_lane_is_first_come_first_served_and_other_lanes_run_beside_it(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()
    async with bench(tmp_path, counter) as b:
        for guest in ("a", "a", "b"):
            b.send("do", guest)
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while counter.ran != ["a", "b"]:
                await b.client.next()
        counter.gate.set()
        finals = 0
        while finals < 3:
            finals += (await b.client.next())[0] == "final"
        assert counter.ran == ["a", "b", "a"]


async def test_a_full_queue_is_busy_and_nothing_is_recorded(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()
    async with bench(tmp_path, counter, running=1, queued=1) as b:
        b.send("do", "a")
        await b.client.next()
        b.send("do", "a")
        refused = b.send("do", "a")
        phase, status, frame = await b.client.next()
        error = from_body(decode(frame).body)
        assert (phase, status) == ("refused", "BUSY")
        assert b.reports.refused == ["BUSY"]
        assert error.after_ms
        assert await b.journal.get("operator:a", refused) is None
        counter.gate.set()


async def test_a_command_that_does_not_start_in_time_ends_timed_out(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()
    async with bench(tmp_path, counter) as b:
        b.send("do", "a")
        await b.client.next()
        late = b.send("do", "a", ttl_ms=30)
        assert (await b.client.next())[:2] == ("final", "DEADLINE")
        assert (await b.row(late)).state == "TIMED-OUT"
        counter.gate.set()
        assert (await b.client.next())[:2] == ("final", "ok")
        assert counter.effects == 1


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("ROLLED-BACK", "ROLLED-BACK"),
        ("ROLLBACK-INCOMPLETE", "FAILED"),
        ("PLAN-STALE", "FAILED"),
        ("CANCELED", "CANCELED"),
        ("TIMED-OUT", "TIMED-OUT"),
        ("INDETERMINATE", "INDETERMINATE"),
    ],
)
async def test_the_state_in_which_an_error_ends_a_job(code: str, state: str, tmp_path: Path) -> None:
    async def fail(running: Running) -> Model:
        raise GuestwireError(code)

    async with bench(tmp_path, fail) as b:
        identifier = b.send("do")
        assert (await b.client.next())[:2] == ("final", code)
        row = await b.row(identifier)
        assert (row.state, row.code) == (state, code)


async def test_a_driver_call_that_hangs_ends_indeterminate_and_holds_its_lane(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()
    async with bench(tmp_path, counter) as b:
        hung = b.send("slow", "a")
        await b.client.next()
        assert (await b.client.next())[:2] == ("final", "INDETERMINATE")
        assert (await b.row(hung)).state == "INDETERMINATE"
        behind = b.send("do", "a")
        b.send("do", "b")
        assert (await b.client.next())[0] == "progress", "another lane is free"
        assert (await b.row(behind)).state == "ACCEPTED", "the lane of the hung call is not"
        counter.gate.set()
        async with asyncio.timeout(5):
            while (await b.row(behind)).state != "SUCCEEDED":
                await b.client.next()


async def test_a_handler_that_waits_too_long_is_timed_out(tmp_path: Path) -> None:
    async def wait(running: Running) -> Model:
        await asyncio.Event().wait()
        return m.Empty()

    async with bench(tmp_path, wait) as b:
        identifier = b.send("slow")
        assert (await b.client.next())[:2] == ("final", "TIMED-OUT")
        assert (await b.row(identifier)).state == "TIMED-OUT"


async def test_a_defect_of_a_handler_is_told_and_does_not_end_the_agent(tmp_path: Path) -> None:
    async def broken(running: Running) -> Model:
        raise ZeroDivisionError

    async with bench(tmp_path, broken) as b:
        identifier = b.send("do")
        assert (await b.client.next())[:2] == ("final", "INTERNAL")
        assert (await b.row(identifier)).state == "FAILED"
        assert [type(d) for d in b.reports.defects] == [ZeroDivisionError]


async def test_cancelling_what_waits_and_what_runs(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()

    async def two_steps(running: Running) -> Model:
        await counter(running)
        running.progress("second step")
        counter.effects += 100
        return m.Empty()

    async with bench(tmp_path, two_steps) as b:
        first = b.send("do", "a")
        await counter.entered.wait()
        second = b.send("do", "a")
        async with asyncio.timeout(5):
            while (row := await b.journal.get("operator:a", second)) is None:
                await asyncio.sleep(0)
        assert b.commands.cancel(row.seq)
        assert b.commands.cancel((await b.row(first)).seq)
        counter.gate.set()
        codes = set()
        while len(codes) < 1 or b.commands.live():
            phase, status, _ = await b.client.next()
            if phase == "final":
                codes.add(status)
        assert codes == {"CANCELED"}
        assert {(await b.row(one)).state for one in (first, second)} == {"CANCELED"}
        assert counter.effects == 1, "the step that was under way ended, the next one never began"
        assert not b.commands.cancel(row.seq), "it is over"


async def leave_unfinished(folder: Path, name: str, *, started: bool) -> bytes:
    """A journal as a crash leaves it: one request accepted, or under way. The files are copied while it is, so that no
    orderly end of the process tells them anything."""
    counter = Counter()
    counter.gate.clear()
    alive = folder / "alive"
    alive.mkdir()
    async with bench(alive, counter) as b:
        b.send("do", "g")
        await counter.entered.wait()
        identifier = b.send(name, "other" if started else "g")
        async with asyncio.timeout(5):
            while (
                identifier not in {call.request_id for call in b.reports.told_waiting} or counter.effects < 1 + started
            ):
                await asyncio.sleep(0)
        assert (await b.row(identifier)).state == ("RUNNING" if started else "ACCEPTED")
        for file in alive.iterdir():
            shutil.copy(file, folder)
        counter.gate.set()
    return identifier


@pytest.mark.parametrize(
    ("name", "started", "probe", "state", "effects"),
    [
        ("do", True, None, "SUCCEEDED", 1),
        ("do", False, None, "SUCCEEDED", 1),
        ("do-once", False, None, "SUCCEEDED", 1),
        ("do-once", True, None, "INDETERMINATE", 0),
        ("do-once", True, False, "SUCCEEDED", 1),
        ("do-once", True, True, "INDETERMINATE", 0),
    ],
)
async def test_what_a_crash_interrupted_is_settled_at_the_next_start(
    tmp_path: Path, name: str, started: bool, probe: bool | None, state: str, effects: int
) -> None:
    identifier = await leave_unfinished(tmp_path, name, started=started)
    counter = Counter()

    async def probed(call: Call) -> bool | None:
        return probe

    async with bench(tmp_path, counter, probe=probed, recover=True) as b:
        async with asyncio.timeout(5):
            while (row := await b.row(identifier)).state in ("ACCEPTED", "RUNNING"):
                await asyncio.sleep(0)
        assert row.state == state
        target = "other" if started else "g"
        assert counter.ran.count(target) - (target == "g") == effects
        assert row.final is not None
        # its client was away: the result waits in the outbox, and goes out with the next connection
        await b.outbox.resend(b.client)
        answers = [decode(b.client.sent.get_nowait().frames[0]).header for _ in range(b.client.sent.qsize())]
        assert identifier in {header.request_id for header in answers}


async def test_the_outbox_is_empty_once_the_broker_acknowledged(tmp_path: Path) -> None:
    async with bench(tmp_path, Counter()) as b:
        b.client.acknowledges = False
        b.send("do")
        await b.client.next()
        await b.client.next()
        assert len(await b.journal.outbox()) == 1
        b.client.acknowledges = True
        await b.outbox.resend(b.client)
        await b.client.next()
        async with asyncio.timeout(5):
            while await b.journal.outbox():
                await asyncio.sleep(0)


async def test_finals_that_the_broker_did_not_confirm_are_counted(tmp_path: Path) -> None:
    async with bench(tmp_path, Counter()) as b:
        b.client.failures = 3
        b.send("do")
        await b.client.next()  # progress
        await b.client.next()
        assert b.outbox.waiting == 1
        await b.outbox.resend(b.client)
        assert b.outbox.waiting == 1
        async with asyncio.timeout(5):
            while b.outbox.waiting:  # it is sent again
                await asyncio.sleep(0)
    async with bench(tmp_path, Counter()) as b:
        b.send("do")
        await b.client.next()  # progress
        await b.client.next()
        async with asyncio.timeout(5):
            while b.outbox.waiting:
                await asyncio.sleep(0)


async def test_a_once_effect_that_happened_is_not_cancelled(tmp_path: Path) -> None:
    """Its client would ask again, and it would happen twice."""
    counter, looked = Counter(), asyncio.Event()

    async def then_look(running: Running) -> Model:
        await counter(running)
        await looked.wait()
        return m.Empty()

    async with bench(tmp_path, then_look) as b:
        for name, state in (("do-once", "SUCCEEDED"), ("do", "CANCELED")):
            looked.clear()
            counter.entered.clear()
            identifier = b.send(name)
            await counter.entered.wait()
            await asyncio.sleep(0)
            assert b.commands.cancel((await b.row(identifier)).seq)
            looked.set()
            async with asyncio.timeout(5):
                while (await b.row(identifier)).state == "RUNNING":
                    await asyncio.sleep(0)
            assert (await b.row(identifier)).state == state


async def test_after_an_indeterminate_final_no_further_effect_begins(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()

    async def three_times(running: Running) -> Model:
        for _ in range(3):
            await counter(running)
        return m.Empty()

    async with bench(tmp_path, three_times) as b:
        b.send("slow")
        await b.client.next()
        assert (await b.client.next())[:2] == ("final", "INDETERMINATE")
        counter.gate.set()
        behind = b.send("do")  # the lane is free once the first call has ended
        async with asyncio.timeout(5):
            while (row := await b.journal.get("operator:a", behind)) is None or row.state != "SUCCEEDED":
                await asyncio.sleep(0)
        assert counter.effects == 4, "one of the first, three of the second"


async def test_a_defect_before_the_journal_is_refused_and_acknowledged(tmp_path: Path) -> None:
    async with bench(tmp_path, Counter()) as b:
        b.send("do", "defect")
        assert (await b.client.next())[:2] == ("refused", "INTERNAL")
        assert [type(d) for d in b.reports.defects] == [ZeroDivisionError]


async def test_what_waits_when_the_agent_stops_waits_for_the_next_start(tmp_path: Path) -> None:
    counter = Counter()
    counter.gate.clear()
    async with bench(tmp_path, counter) as b:
        running = b.send("do-once", "g")
        await counter.entered.wait()
        waiting = b.send("do-once", "g")
        async with asyncio.timeout(5):
            while await b.journal.get("operator:a", waiting) is None:
                await asyncio.sleep(0)
        stopping = asyncio.create_task(b.commands.__aexit__())
        await asyncio.sleep(0)
        counter.gate.set()
        await stopping
        assert (await b.row(running)).state == "SUCCEEDED", "what was under way came to its end"
        assert ((await b.row(waiting)).state, counter.effects) == ("ACCEPTED", 1)


async def test_a_final_that_the_broker_did_not_confirm_is_sent_again(tmp_path: Path) -> None:
    async with bench(tmp_path, Counter()) as b:
        await b.outbox.resend(b.client)  # the link is up
        b.client.failures = 2
        b.send("do")
        await b.client.next()
        frames = {(await b.client.next())[2] for _ in range(3)}
        assert len(frames) == 1
        async with asyncio.timeout(5):
            while await b.journal.outbox():
                await asyncio.sleep(0)


async def test_a_row_of_another_version_ends_with_an_answer(tmp_path: Path) -> None:
    identifier = await leave_unfinished(tmp_path, "do", started=False)
    async with bench(tmp_path, Counter(), recover=True, operations=()) as b:
        async with asyncio.timeout(5):
            while (row := await b.row(identifier)).final is None:
                await asyncio.sleep(0)
        (frame,) = unpack(row.final)
        assert decode(frame).header.status == "UNIMPLEMENTED"
        assert (row.state, len(decode(frame).signatures)) == ("FAILED", 1)
