"""Uses of a mandate are counted in the journal, and no longer forgotten than it can be used."""

from dataclasses import replace
from pathlib import Path

from journal_samples import NOW, entry

from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import New, Running, UsedUp
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.mandate_uses import MandateUse

DAY = 86_400_000
USE = MandateUse(b"\xaa" * 16, 2, NOW + 7 * DAY, b"bytes")


async def test_it_is_used_so_often_and_no_more(journal_path: Path, writer: JournalWriter) -> None:
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        assert await journal.insert(entry(1, mandate=USE)) == New(1)
        assert await journal.insert(entry(1, mandate=USE)) == Running(1, "ACCEPTED")
        assert await journal.insert(entry(2, mandate=USE)) == New(2)
        assert await journal.insert(entry(3, mandate=USE)) == UsedUp()
        assert await journal.insert(entry(2, mandate=USE)) == Running(2, "ACCEPTED")


async def test_another_mandate_with_its_id_does_not_make_it_forgotten(
    journal_path: Path, writer: JournalWriter
) -> None:
    """Its holder can sign one himself, for what he may do anyway, with the same id and a short window, and use that first."""
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        own = replace(USE, not_after=NOW + 1000, uses=10_000)
        assert await journal.insert(entry(1, mandate=own)) == New(1)
        assert await journal.insert(entry(2, mandate=USE)) == New(2)
        assert await journal.prune(NOW + DAY, DAY // 2, clock_synchronised=True) == 0
        assert await journal.insert(entry(3, mandate=USE)) == UsedUp()
