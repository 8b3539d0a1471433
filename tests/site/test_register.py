"""The register: durable rows, a crash in the middle of one, and which certificates stop to count."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import describe
from guestwire.site.leaves import issue_host
from guestwire.site.register import Registered, no_longer_good, register, registered

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CA = make_issuing_ca(make_root_ca("plant", NOW), "plant", NOW)
H1, H2 = (issue_host(CA, name, NOW).certificate for name in ("h1", "h2"))


def test_what_is_registered_is_there(tmp_path: Path) -> None:
    path = tmp_path / "issued"
    assert registered(path) == ()
    rows = (register(path, H1, "a" * 16), register(path, H2))
    leaf = describe(H1)[0]
    assert rows[0] == Registered(int(leaf.serial, 16), leaf.not_after, "a" * 16, "h1")
    assert registered(path) == rows


def test_half_a_row_that_a_crash_left_is_none(tmp_path: Path) -> None:
    path = tmp_path / "issued"
    first = register(path, H1)
    with path.open("ab") as file:
        file.write(b"0123abc 17600")
    assert registered(path) == (first,)
    second = register(path, H2)
    assert registered(path) == (first, second)


def test_a_damaged_row_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "issued"
    register(path, H1)
    path.write_text(path.read_text() + "zz\n")
    with pytest.raises(GuestwireError, match="line 2") as refused:
        registered(path)
    assert refused.value.code == "TRUST-INVALID"


def test_two_at_a_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "issued"
    threads = [threading.Thread(target=lambda: [register(path, H1) for _ in range(20)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registered(path)) == 60


def test_which_are_to_be_revoked() -> None:
    rows = (
        Registered(1, 200, "aa", "h1"),
        Registered(2, 200, "bb", "h2"),
        Registered(3, 100, "bb", "h2"),  # over
        Registered(4, 200, "-", "broker"),
    )
    assert no_longer_good(rows, frozenset({"aa"}), 100) == (rows[1],)
    assert no_longer_good(rows, frozenset({"aa", "bb"}), 100) == ()
