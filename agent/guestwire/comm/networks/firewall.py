"""The ruleset in the kernel: read, compared and replaced through the program nft, in one transaction. Every call blocks."""

import json
import subprocess
from collections.abc import Mapping, Sequence

from guestwire.comm.networks.plan import NetPlan
from guestwire.comm.networks.ports import Port
from guestwire.comm.networks.ruleset import Dropped, replacing, ruleset, tables

_DEADLINE_S = 10.0


class NftError(Exception):
    """nft refused a ruleset, or could not be run; the text is its own. Nothing was changed."""


class Firewall:
    """The two tables of one mark."""

    def __init__(self, mark: str, nft: str) -> None:
        self._mark = mark
        self._nft = nft
        self._loaded: str | None = None

    def load(self, plans: Sequence[NetPlan], ports: Sequence[Port]) -> bool:
        """Make the rules those of the plans and ports; False: they are already. Counters go on. Raises NftError."""
        wanted = ruleset(self._mark, plans, ports)
        there = self._there()
        if wanted == self._loaded and len(there) == wanted.count("\ntable ") + wanted.startswith("table "):
            return False
        if not wanted and not there:
            self._loaded = wanted
            return False
        text = replacing(ruleset(self._mark, plans, ports, self._counters(there)), there)
        self._run(["--check", "-f", "-"], text)
        self._run(["-f", "-"], text)
        self._loaded = wanted
        return True

    def dropped(self) -> Mapping[str, Dropped]:
        """What every counter says, by its name. Raises NftError."""
        return self._counters(self._there())

    def _there(self) -> list[str]:
        """Those of our tables that are in the kernel. A host without nft has none."""
        try:
            listed = self._run(["list", "tables"])
        except NftError:
            if self._loaded:
                raise
            return []
        return [table for table in tables(self._mark) if f"table {table}" in listed.splitlines()]

    def _counters(self, there: Sequence[str]) -> dict[str, Dropped]:
        bridge = tables(self._mark)[0]
        if bridge not in there:
            return {}
        said = self._run(["-j", "list", "counters", "table", *bridge.split()])
        try:
            found = [row["counter"] for row in json.loads(said)["nftables"] if "counter" in row]
            return {row["name"]: Dropped(row["packets"], row["bytes"]) for row in found if row["table"] == self._mark}
        except (ValueError, TypeError, LookupError) as error:
            raise NftError(f"nft says of its counters what is not understood: {said[:80]!r}") from error

    def _run(self, arguments: Sequence[str], text: str = "") -> str:
        return run_nft(self._nft, arguments, text)


def run_nft(nft: str, arguments: Sequence[str], text: str = "") -> str:
    """What nft prints. Raises NftError with the first line of what it complains about."""
    try:
        done = subprocess.run(
            [nft, *arguments], input=text, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NftError(f"nft could not be run: {error}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"nft ended with {done.returncode}"]
        raise NftError(lines[0])
    return done.stdout
