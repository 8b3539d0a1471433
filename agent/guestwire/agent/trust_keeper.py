"""The trust document in force: taken up newer from wherever it comes, kept on disk, never gone back from.

A document proves itself, so that anybody may bring one: a client by `trust-update`, a person who puts a file where the
settings say and reloads. What was taken up is kept in the state directory; the newest of the two files counts. Before a
document counts its revision and its root are in the journal, so that no restart goes back behind them, and so that a root
that was replaced signs nothing any more.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from guestwire.agent.audit import Log
from guestwire.agent.identity import ahead, check_member
from guestwire.agent.journal import Journal
from guestwire.agent.services.generated_file import write_file
from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol.executor import Executor
from guestwire.protocol.signing import VerifyingKey
from guestwire.protocol.steps import Call
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import in_words, is_behind, split, unseal

_NOTE, _REV_ONLY = "trust-pin", "trust-rev"
_MODE = 0o640


async def trust_in_force(journal: Journal, configured: Trust, kept: Path, log: Log) -> Trust:
    """The newer one of the configured document and of that taken up before. Raises TRUST-INVALID when a later one, or one of
    a later root, was in force, and JOURNAL-FULL."""
    newest = configured
    if configured.roots:
        try:
            data = await asyncio.to_thread(kept.read_bytes)
            found = unseal(data, VerifyingKey(configured.roots[0]))
            if ahead(found, configured):
                newest = found
        except FileNotFoundError:
            pass
        except (OSError, GuestwireError) as err:
            log.warning("the kept trust document cannot be used", file=str(kept), reason=str(err))
    await _pin(journal, newest)
    return newest


async def _pin(journal: Journal, trust: Trust) -> None:
    known = journal.note(_NOTE)
    if known is None:
        revision, root = (int.from_bytes(journal.note(_REV_ONLY) or b"", "big"), 0), b""
    else:
        revision, root = (int.from_bytes(known[:8], "big"), int.from_bytes(known[8:16], "big")), known[16:]
    _not_behind(trust, revision, root)
    now_root = trust.roots[-1] if trust.roots else root
    if (trust.revision, now_root) != (revision, root):
        await journal.set_note(_NOTE, b"".join(number.to_bytes(8, "big") for number in trust.revision) + now_root)


def _not_behind(trust: Trust, revision: tuple[int, int], root: bytes) -> None:
    if is_behind(trust.revision, revision):
        raise GuestwireError(
            "TRUST-INVALID",
            f"The trust document is revision {in_words(trust.revision)}; this host has seen {in_words(revision)}.",
            detail={"rev": list(trust.revision), "at_least": list(revision)},
        )
    if root and trust.roots and root not in trust.roots:
        raise GuestwireError("TRUST-INVALID", "The trust document is signed by a root that another one has replaced.")


def _said(data: bytes) -> tuple[bytes, ...]:
    """What a file says, without who signed it."""
    return tuple(part.partition(b"\n")[2] for part in split(data)[1:])


class TrustKeeper:
    """Takes up newer trust documents while the host runs. `taken` hears of each, after it counts."""

    def __init__(self, executor: Executor, journal: Journal, kept: Path, log: Log) -> None:
        self._executor = executor
        self._journal = journal
        self._kept = kept
        self._log = log
        self._turn = asyncio.Lock()
        self.taken: list[Callable[[Trust], None]] = []

    def show(self, call: Call) -> m.TrustShown:
        """The operation: the revision in force, and its file where the caller has not got it."""
        request: m.TrustKnown = call.request
        trust = self._executor.trust
        known = request.revision == trust.revision
        return m.TrustShown(revision=trust.revision, file=None if known or not trust.data else trust.data)

    async def update(self, running: Running) -> m.TrustTaken:
        """The operation: take up the document in the request. The one in force again is no error; an older one is."""
        request: m.TrustFileGiven = running.call.request
        before = self._executor.trust.revision
        await self.take_up(self._read(request.file), keep=True)
        return m.TrustTaken(revision=self._executor.trust.revision, new=before != self._executor.trust.revision)

    def _read(self, data: bytes) -> Trust:
        in_force = self._executor.trust
        if not in_force.roots:
            raise GuestwireError("TRUST-INVALID", "This host has no pinned root to check a trust document against.")
        return unseal(data, VerifyingKey(in_force.roots[-1]), at_least=in_force.revision)

    async def take_up_file(self, trust: Trust) -> None:
        """Take up what is in the settings' file. One that is older than what came since stays unused, and that is said.
        Raises TRUST-INVALID where it cannot be this host's, JOURNAL-FULL."""
        in_force = self._executor.trust
        try:
            _not_behind(trust, in_force.revision, in_force.roots[-1] if in_force.roots else b"")
        except GuestwireError as err:
            self._log.warning("the trust document's file is not taken up", code=err.code, reason=err.message)
            return
        await self.take_up(trust, keep=False)

    async def take_up(self, trust: Trust, *, keep: bool) -> None:
        """Make a document count, from now on and after a restart. `keep`: it is in no file of the settings, so keep one.
        Raises TRUST-INVALID, JOURNAL-FULL."""
        executor = self._executor
        async with self._turn:
            in_force = executor.trust
            # again, for it may have waited here for a newer one
            _not_behind(trust, in_force.revision, in_force.roots[-1] if in_force.roots else b"")
            if trust.revision == in_force.revision and in_force.data:
                if _said(trust.data) != _said(in_force.data):
                    text = f"Another trust document of revision {in_words(trust.revision)} is in force: publish a newer one."
                    raise GuestwireError("TRUST-INVALID", text)
                return
            if trust.site != executor.site or not trust.revokes(executor.key.id, f"host:{executor.host}"):
                check_member(trust, executor.key, executor.site, executor.host)
            else:  # others have heard of it already: to go on with the old document would only keep what it ends
                self._log.error("this host's key was revoked: nobody believes it any more", code="KEY-UNKNOWN")
            if keep:
                try:
                    await asyncio.to_thread(write_file, self._kept, trust.data, _MODE)
                except OSError as err:
                    raise GuestwireError("SYSTEM-REFUSED", f"{self._kept}: {err.strerror}") from err
            await _pin(self._journal, trust)
            executor.trust = trust
        self._log.info("trust document taken up", rev=in_words(trust.revision))
        for heard in self.taken:
            heard(trust)
