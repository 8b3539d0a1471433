"""The C library and its programs, built once with sanitizers into the repository's cache."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "clients/guestwire/guest/c"
TESTS = Path(__file__).parent / "c"
CACHE = REPOSITORY / ".cache/guest-library"
COMPILE_S = 120
SANITIZED = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pthread",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
]


def run(*command: str | Path) -> None:
    """Fails the test with what the command said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=COMPILE_S)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}", pytrace=False)


def needs(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"the guest library cannot be built: no {', '.join(missing)}")


@pytest.fixture(scope="session")
def make() -> Callable[[str], Path]:
    """Builds a target of the library's Makefile and gives the folder it is in. One process at a time."""

    def built(target: str) -> Path:
        needs("gcc", "make")
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run("make", "-s", "-C", SOURCE, f"BUILD={CACHE}", target)
        return CACHE

    return built


@pytest.fixture(scope="session")
def c_program(make: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compiles tests/guest_library/c/NAME.c against the sanitized library."""
    made: dict[str, Path] = {}

    def compiled(name: str) -> Path:
        if name not in made:
            library = make("sanitized") / "libguestwire-sanitized.a"
            made[name] = tmp_path_factory.mktemp("c") / name
            includes = [f"-I{folder}" for folder in (SOURCE / "include", SOURCE / "src", TESTS)]
            run("gcc", *SANITIZED, *includes, TESTS / f"{name}.c", library, "-o", made[name])
        return made[name]

    return compiled
