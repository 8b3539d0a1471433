"""Jobs, approvals and windows in both databases: what goes in comes out, lists are chosen and paged, old jobs are forgotten."""

from dataclasses import fields, replace

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, Result
from guestwire.controller.jobs.windows import WindowSpec
from guestwire.controller.store import approvals, jobs, windows
from guestwire.controller.store.approvals import Approval, MandateText, Signature
from guestwire.controller.store.database import Database
from guestwire.controller.store.jobs import JOBS, Wanted
from guestwire.controller.store.windows import Window

T0 = 1_760_000_000_000
A, B, C = HostRef("east", "a"), HostRef("east", "b"), HostRef("west", "c")
JOB = Job("j1", A, "guest-start", 1, "aa" * 32, T0, T0 + 1000)
FULL = Job(
    "j0", A, "config-apply", 3, "bb" * 32, T0 + 1, T0 + 2, "u1", "ann", "overdue", "rollout", "r1", 7, "p1", "plan-1", T0 + 3,
    "night", "ap1", "j-1", "why \u00fc", "approval", "cd" * 16, "local:7", 4, T0 + 4, T0 + 5, T0 + 6, T0 + 7, T0 + 8, T0 + 9, 5, T0 + 10, "bob",
    "HOST-UNREACHABLE", "text", True, "j2", 9,
)  # fmt: skip


def test_every_field_of_a_job_has_a_column() -> None:
    assert {column.name for column in JOBS.columns} == {field.name for field in fields(Job)} | {"site"}


async def test_a_job_comes_out_as_it_went_in(database: Database) -> None:
    async with database.write() as tx:
        await jobs.insert(tx, [JOB, FULL], {"aa" * 32: b"body", "bb" * 32: b"other"})
        await jobs.insert(tx, [replace(JOB, id="j3")], {"aa" * 32: b"body"})
        await jobs.insert(tx, [], {})
    async with database.read() as tx:
        assert await jobs.get(tx, "j0") == FULL
        assert await jobs.get(tx, "j9") is None
        assert await jobs.body(tx, "aa" * 32) == b"body"
        assert await jobs.body(tx, "ff" * 32) is None
        assert set(await jobs.some(tx, ["j1", "j3", "j9"])) == {"j1", "j3"}
        assert await jobs.some(tx, []) == {}


async def test_what_changes_is_stored_and_what_does_not_is_not(database: Database) -> None:
    changed = replace(
        FULL,
        id="j1",
        state="failed",
        request_id="ef" * 16,
        issuer="controller:main",
        attempts=9,
        finished_at=T0,
        code=None,
        revision=10,
        note="new",
    )
    async with database.write() as tx:
        await jobs.insert(tx, [JOB], {})
        await jobs.update(tx, [changed])
        await jobs.update(tx, [])
    async with database.read() as tx:
        found = await jobs.get(tx, "j1")
    assert found is not None
    assert (found.state, found.request_id, found.attempts, found.code, found.revision) == (
        "failed",
        "ef" * 16,
        9,
        None,
        10,
    )
    assert (found.note, found.operation, found.created_at) == ("", "guest-start", T0)


async def test_lists_are_chosen_and_paged(database: Database) -> None:
    made = [
        replace(
            JOB, id=f"j{n:02}", host=(A, B, C)[n % 3], created_at=T0 + n // 4, state=("queued", "failed")[n % 2],
            person_id=f"u{n % 2}", person=("ann", "bob")[n % 2], rollout_id="r1" if n < 4 else None, wave=n % 2,
            operation=("guest-start", "guest-reset")[n // 10], approval_id="ap" if n == 5 else None,
        )
        for n in range(20)
    ]  # fmt: skip
    async with database.write() as tx:
        await jobs.insert(tx, made, {})

    async def ids(wanted: Wanted, limit: int = 100) -> list[str]:
        """By pages of three."""
        found: list[str] = []
        before = None
        async with database.read() as tx:
            while page := await jobs.page(tx, wanted, before, min(3, limit)):
                found += [job.id for job in page]
                before = (page[-1].created_at, page[-1].id)
        return found

    newest = sorted((job.id for job in made), reverse=True)
    assert await ids(Wanted()) == newest
    assert await ids(Wanted(host=A)) == [name for name in newest if int(name[1:]) % 3 == 0]
    assert await ids(Wanted(states=("failed",), operation="guest-reset")) == ["j19", "j17", "j15", "j13", "j11"]
    assert await ids(Wanted(person="bob")) == await ids(Wanted(person="u1"))
    assert await ids(Wanted(rollout_id="r1")) == ["j03", "j02", "j01", "j00"]
    assert await ids(Wanted(approval_id="ap")) == ["j05"]
    assert await ids(Wanted(sites=frozenset({"west"}), hosts=frozenset({B}))) == [
        name for name in newest if int(name[1:]) % 3 in (1, 2)
    ]
    assert await ids(Wanted(sites=frozenset(), hosts=frozenset())) == []
    async with database.read() as tx:
        first = await jobs.unfinished(tx, "", 4)
        assert [job.id for job in first] == ["j00", "j02", "j04", "j06"]
        assert len(await jobs.unfinished(tx, "j06")) == 6


async def test_results_are_kept_piece_by_piece(database: Database) -> None:
    final = (b"\x00\xff", b"two")
    async with database.write() as tx:
        await jobs.put_results(
            tx, [Result("j1", reply={"a": [1, None]}), Result("j2", error={"code": "X"}), Result("j3")]
        )
        await jobs.put_results(tx, [Result("j1", final=final)])
    async with database.read() as tx:
        assert await jobs.result(tx, "j1") == Result("j1", {"a": [1, None]}, None, final)
        assert await jobs.result(tx, "j2") == Result("j2", None, {"code": "X"}, None)
        assert await jobs.result(tx, "j3") is None


async def test_old_jobs_go_with_what_belongs_to_them(database: Database) -> None:
    old = [replace(JOB, id=f"old{n}", state="failed", finished_at=T0 + n, body_hash=f"{n:064}") for n in range(5)]
    new = replace(JOB, id="new", body_hash=f"{0:064}")
    async with database.write() as tx:
        await jobs.insert(tx, [*old, new], {f"{n:064}": b"x" for n in range(5)})
        await jobs.put_results(tx, [Result(job.id, reply={}) for job in old])
        assert await jobs.prune(tx, T0 + 4, 3) == 3
        assert await jobs.prune(tx, T0 + 4) == 1
        assert await jobs.prune(tx, T0 + 4) == 0
    async with database.read() as tx:
        assert set(await jobs.some(tx, [job.id for job in [*old, new]])) == {"old4", "new"}
        assert await jobs.body(tx, f"{0:064}") == b"x", "somebody sends it yet"
        assert await jobs.body(tx, f"{1:064}") is None
        assert await jobs.result(tx, "old0") is None


async def test_the_newest_job_of_a_plan_is_found(database: Database) -> None:
    made = [replace(JOB, id=f"j{n}", plan_id="plan-1", operation="config-apply", created_at=T0 + n) for n in range(3)]
    async with database.write() as tx:
        await jobs.insert(tx, [*made, replace(made[0], id="j9", host=B, created_at=T0 + 9)], {})
    async with database.read() as tx:
        found = await jobs.by_plan(tx, A, "plan-1", "config-apply")
        assert found is not None
        assert found.id == "j2"
        assert await jobs.by_plan(tx, A, "plan-1", "config-confirm") is None


async def test_approvals_with_their_texts_and_signatures(database: Database) -> None:
    first = Approval("ap1", ("config-apply", "config-cancel"), 2, T0, T0 + 100, "u1", "ann", "why", "r1")
    second = Approval("ap2", ("guest-reset",), 3, T0 + 1, T0 + 200)
    texts = [MandateText(0, "east", "aa" * 16, 1, b"text 0"), MandateText(1, "west", "bb" * 16, 2, b"text 1")]
    async with database.write() as tx:
        await approvals.insert(tx, first, texts, [(A, 0), (B, 0), (C, 1)])
        await approvals.insert(tx, second, [MandateText(0, "west", "cc" * 16, 1, b"t", b"given")], [(C, 0)])
        one = Signature(1, "0011223344556677", "operator:ann", "u1", "ann", b"s" * 64, T0)
        assert await approvals.add_signature(tx, "ap1", one)
        assert not await approvals.add_signature(tx, "ap1", replace(one, at=T0 + 1))
        assert await approvals.add_signature(tx, "ap1", replace(one, n=0))
    async with database.read() as tx:
        assert await approvals.get(tx, "ap1") == first
        assert await approvals.texts(tx, "ap1") == texts
        assert [text.given for text in await approvals.texts(tx, "ap2")] == [b"given"]
        assert await approvals.signatures(tx, "ap1") == [replace(one, n=0), one]
        assert await approvals.hosts(tx, "ap1") == [A, B, C]
        assert await approvals.text_of(tx, "ap1", C) == 1
        assert await approvals.text_of(tx, "ap2", A) is None

        async def ids(wanted: approvals.Wanted, before: str | None = None) -> list[str]:
            return [found.id for found in await approvals.page(tx, wanted, before, 10)]

        assert await ids(approvals.Wanted()) == ["ap2", "ap1"]
        assert await ids(approvals.Wanted(), "ap2") == ["ap1"]
        assert await ids(approvals.Wanted(rollout_id="r1")) == ["ap1"]
        assert await ids(approvals.Wanted(sites=frozenset({"east"}), hosts=frozenset())) == ["ap1"]
        assert await ids(approvals.Wanted(sites=frozenset(), hosts=frozenset({C}))) == ["ap2", "ap1"]
        assert await ids(approvals.Wanted(("approved",))) == []
        assert [found.id for found in await approvals.open_until(tx, T0 + 150)] == ["ap1"]
    async with database.write() as tx:
        await approvals.decide(tx, first.decided("rejected", T0 + 9, "bob", "no"))
    async with database.read() as tx:
        found = await approvals.get(tx, "ap1")
        assert found == first.decided("rejected", T0 + 9, "bob", "no")
        assert await approvals.open_until(tx, T0 + 150) == []


async def test_windows_by_name(database: Database) -> None:
    spec = WindowSpec.model_validate({"time_zone": "Europe/Berlin", "last_s": 60, "note": "\u00fc"})
    first = Window("night", spec, 1, T0, "ann")
    async with database.write() as tx:
        await windows.put(tx, first)
        await windows.put(tx, Window("day", WindowSpec(), 1, T0, "ann"))
        await windows.put(tx, replace(first, revision=2, spec=WindowSpec()))
        await windows.remove(tx, "nobody")
    async with database.read() as tx:
        assert await windows.get(tx, "night") == replace(first, revision=2, spec=WindowSpec())
        assert [window.name for window in await windows.page(tx, "", 10)] == ["day", "night"]
        assert [window.name for window in await windows.page(tx, "day", 10)] == ["night"]
    async with database.write() as tx:
        await windows.remove(tx, "night")
        assert await windows.get(tx, "night") is None
