"""How the Python package finds the C library, and what it makes of its codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guestwire.guest.errors import NAMES, NUMBERS, GuestError, LibraryMissing
from guestwire.guest.library import VARIABLE, Library, candidates, load
from guestwire.guest.waiting import SLICE_MS, TIMEOUT, first_ms, milliseconds, wait_on

pytest_plugins = ("tests.support.guest_fixtures",)


def test_the_variable_decides_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/somewhere/libguestwire.so")
    assert list(candidates()) == ["/somewhere/libguestwire.so"]
    monkeypatch.delenv(VARIABLE)
    assert list(candidates())[-1] == "libguestwire.so.1"


def test_a_library_that_was_built_is_found(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert next(candidates()) == library.path


def test_a_missing_one_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing, match=r"build it with `make -C .*guest/c`.*GUESTWIRE_LIBRARY"):
        load(str(tmp_path / "libguestwire.so"))


def test_another_library_is_refused() -> None:
    with pytest.raises(LibraryMissing, match="is not the library of this version"):
        load("libc.so.6")


def test_every_code_has_its_name_and_its_sentence(library: Library) -> None:
    assert len(NAMES) == 16
    texts = {str(library.error(number)) for number in NAMES}
    assert len(texts) == 16
    err = library.error(NUMBERS["GW_DENIED"])
    assert (err.code, err.number) == ("GW_DENIED", -1)
    assert str(err) == "GW_DENIED: the project gives this peer no right to it"
    assert GuestError(-99, "other").code == "GW_-99"


def test_it_needs_no_package_but_the_layouts(library: Library, tmp_path: Path) -> None:
    """As in a guest: two folders and the library, and an interpreter without site-packages."""
    root = tmp_path / "guestwire"
    root.mkdir()
    for name, source in (("guest", "clients"), ("shm", "protocol")):
        (root / name).symlink_to(Path(__file__).parents[2] / source / "guestwire" / name)
    code = "from guestwire.guest.connection import Connection\nConnection.open('unix:/nowhere')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        env={**os.environ, VARIABLE: library.path}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert "GuestError: GW_NOT_STARTED: " in done.stderr
    assert "(/nowhere: No such file or directory)" in done.stderr


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, 0), (0.0001, 1), (0.0014, 2), (0.5, SLICE_MS), (0.3, 300), (3600, SLICE_MS), (None, SLICE_MS)],
)
def test_the_first_slice_of_a_wait(seconds: float | None, expected: int) -> None:
    assert first_ms(seconds) == expected


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan")])
def test_a_wait_has_no_negative_length(seconds: float) -> None:
    with pytest.raises(ValueError, match="a timeout is None or 0 and more seconds"):
        first_ms(seconds)
    with pytest.raises(ValueError, match="a timeout is"):
        milliseconds(seconds)


def test_a_wait_goes_on_in_slices_and_ends_with_its_time() -> None:
    asked: list[int] = []

    def call(ms: int) -> int:
        asked.append(ms)
        return 0 if len(asked) == 3 else TIMEOUT

    assert wait_on(call, None) == 0
    assert asked == [SLICE_MS] * 3
    asked.clear()
    assert wait_on(call, 0.2) == TIMEOUT
    assert not asked, "its only slice was the first"
    assert wait_on(lambda ms: TIMEOUT, SLICE_MS / 1000) == TIMEOUT
