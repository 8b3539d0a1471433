"""The trust document in force: several that come at once, and what a start finds of them."""

import asyncio
from pathlib import Path

import pytest
import structlog

from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.services.running import Running
from guestwire.agent.trust_keeper import TrustKeeper, trust_in_force
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.envelope import Header
from guestwire.protocol.executor import Executor
from guestwire.protocol.operation_models import TrustFileGiven
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound
from guestwire.protocol.trust import NOTHING, Enroller, Members, Signer, Trust, TrustDocument
from guestwire.protocol.trust_file import seal, seal_members, unseal

NOW = 1_800_000_000_000
ROOT, HOST, ENROLLER, OTHER = (SigningKey(bytes([n] * 32)) for n in range(1, 5))
LOG = structlog.get_logger()


def file(rev: int, members: int = 0, *, issued_at: int = 1) -> bytes:
    document = TrustDocument(
        site="plant", rev=rev, issued_at=issued_at,
        signers=(Signer(principal="host:h1", public_key=HOST.public.raw.hex(), scope=NOTHING),),
        enrollers=(Enroller(name="serve", public_key=ENROLLER.public.raw.hex()),),
    )  # fmt: skip
    part = seal_members(Members(site="plant", rev=members, issued_at=2), ENROLLER) if members else b""
    return seal(document, ROOT, members=part)


def trust(rev: int, members: int = 0) -> Trust:
    return unseal(file(rev, members), ROOT.public)


def given(data: bytes) -> Running:
    row = BY_NAME["trust-update"]
    header = Header(
        (1, 0), "request", ("plant", "h1"), row.name, ids.request_id(NOW), "operator:anna", NOW, NOW + 1, 1, bytes(32), "c"
    )  # fmt: skip
    call = Call(row, header, Inbound(b"", "c", row.name), "operator:anna", signed=True, wall_ms=NOW)
    call.request = TrustFileGiven(file=data)
    return Running(call, report=lambda _: None, effect=lambda _: None)


def keeper(journal: Journal, kept: Path, in_force: Trust) -> tuple[TrustKeeper, Executor]:
    executor = Executor("plant", "h1", BY_NAME, in_force, HOST)
    return TrustKeeper(executor, journal, kept, LOG), executor


async def test_of_two_that_come_at_once_the_newer_stays(
    journal_path: Path, writer: JournalWriter, tmp_path: Path
) -> None:
    kept = tmp_path / "trust"
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        in_force = await trust_in_force(journal, trust(4), kept, LOG)
        keeping, executor = keeper(journal, kept, in_force)
        newer, older = await asyncio.gather(
            keeping.update(given(file(6))), keeping.update(given(file(5))), return_exceptions=True
        )
        assert not isinstance(newer, BaseException)
        assert isinstance(older, GuestwireError)
        assert executor.trust.rev == 6
        assert (await trust_in_force(journal, trust(4), kept, LOG)).rev == 6, "the next start goes on with it"


async def test_two_documents_of_one_revision(journal_path: Path, writer: JournalWriter, tmp_path: Path) -> None:
    kept = tmp_path / "trust"
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        keeping, executor = keeper(journal, kept, await trust_in_force(journal, trust(4), kept, LOG))
        with pytest.raises(GuestwireError, match="TRUST-INVALID"):
            await keeping.update(given(file(4, issued_at=7)))
        assert executor.trust.document.issued_at == 1


@pytest.mark.parametrize(("configured", "in_force"), [((6, 2), (5, 9)), ((6, 9), (6, 9)), ((5, 9), (5, 9))])
async def test_a_file_with_older_members_is_left_alone(
    journal_path: Path, writer: JournalWriter, tmp_path: Path, configured: tuple[int, int], in_force: tuple[int, int]
) -> None:
    """A person carried a newer document to the host, and the hosts in it are those of some time ago."""
    kept = tmp_path / "trust"
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        keeping, _ = keeper(journal, kept, await trust_in_force(journal, trust(4), kept, LOG))
        await keeping.update(given(file(5, 9)))
        assert (await trust_in_force(journal, trust(*configured), kept, LOG)).revision == in_force


async def test_nothing_is_left_that_is_new_enough(journal_path: Path, writer: JournalWriter, tmp_path: Path) -> None:
    kept = tmp_path / "trust"
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        await trust_in_force(journal, trust(5), kept, LOG)
        kept.write_bytes(file(3))
        with pytest.raises(GuestwireError, match="TRUST-INVALID"):
            await trust_in_force(journal, trust(4), kept, LOG)
