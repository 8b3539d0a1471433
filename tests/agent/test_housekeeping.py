"""Old jobs are forgotten, and a request that was cannot run again."""

from pathlib import Path

from guestwire.agent.housekeeping import Housekeeping
from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import Entry, New
from guestwire.agent.journal_writer import JournalWriter
from guestwire.link.clock import now
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Trust, TrustDocument

TRUST = Trust(TrustDocument(site="s", rev=1, issued_at=0, signers=()))


async def test_pruning_raises_the_executors_watermark(tmp_path: Path) -> None:
    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)))
    async with JournalWriter() as writer, await Journal.open(tmp_path / "j.db", writer, now_ms=1) as journal:
        inserted = await journal.insert(
            Entry(
                issuer="a", request_id=bytes(16), operation="guest-start", effect="idempotent", lanes=(),
                body_hash=bytes(32), body=b"", reply_to="c", via="socket", accepted_ms=1, expires_ms=4_000,
                start_by_ms=2,
            )
        )  # fmt: skip
        assert isinstance(inserted, New)
        await journal.finish(inserted.seq, "SUCCEEDED", None, pack(()), now_ms=9)
        async with Housekeeping(journal, executor, lambda: "synchronised", keep_jobs_s=10) as keeping:
            executor.clock_synchronised = False
            assert await keeping.prune() == 0, "not while nobody knows what time it is"
            executor.clock_synchronised = True
            assert await keeping.prune() == 1
        assert executor.watermark_ms == 4_000 == journal.watermark_ms
        assert await journal.get(None, bytes(16)) is None
        assert now().wall_ms > 4_000
