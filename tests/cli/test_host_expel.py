"""`guestwire host expel`: ends a membership with the root away."""

import time
from pathlib import Path

from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Members
from guestwire.protocol.trust_file import unseal
from guestwire.site.authority import read_trust
from guestwire.site.enroller import enroller_key
from guestwire.site.expulsion import expel
from guestwire.site.files import read_public_key
from guestwire.site.layout import Layout
from guestwire.site.members import admitted, with_members


def enrolled(run, tmp_path: Path) -> tuple[Layout, SigningKey]:  # type: ignore[no-untyped-def]
    """A site whose host h1 enrolled, and where the root is not."""
    assert run("site", "init", str(tmp_path / "plant"), "--tls").exit_code == 0
    layout, key = Layout(tmp_path / "plant"), SigningKey.generate()
    trust = read_trust(layout)
    enroller = enroller_key(layout, trust.document)
    assert enroller is not None
    members = admitted(trust, "h1", key.public.raw.hex(), replace=False, now_ms=time.time_ns() // 1_000_000)
    assert isinstance(members, Members)
    layout.trust.write_bytes(with_members(trust.data, members, enroller))
    layout.root_key.rename(tmp_path / "root.key")
    return layout, key


def test_its_key_counts_no_more_and_the_revision_goes_up(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    layout, key = enrolled(run, tmp_path)
    before = read_trust(layout)
    assert before.speaks_for_host(key.id, "h1", None) is not None
    assert run("host", "expel", str(layout.base), "h1").exit_code == 2, "nobody can be asked here"
    done = run("host", "expel", str(layout.base), "h1", "--yes", "-o", "name")
    assert (done.exit_code, done.stdout) == (0, "h1\n"), done.stderr
    after = unseal(layout.trust.read_bytes(), read_public_key(layout.root_public))
    assert after.speaks_for_host(key.id, "h1", None) is None
    assert after.revision == (before.revision[0], before.revision[1] + 1)
    assert run("host", "expel", str(layout.base), "h1", "--yes").exit_code == 3


def test_what_it_gives_is_in_force(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    layout, _ = enrolled(run, tmp_path)
    assert expel(layout, "h1", time.time_ns() // 1_000_000).revision == read_trust(layout).revision
