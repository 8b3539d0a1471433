"""The portable part in C: programs that check themselves, under AddressSanitizer and UBSan; and that it is portable."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

RUN_S = 60


@pytest.mark.parametrize("name", ["ring", "directory", "frames", "words", "numbered"])
def test_it_holds(c_program: Callable[[str], Path], name: str) -> None:
    done = subprocess.run([c_program(name)], capture_output=True, text=True, timeout=RUN_S)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("target", "compiler", "product"),
    [
        ("all", "gcc", "libguestwire.so"),
        ("static", "musl-gcc", "gwguest-static"),
        ("trapping", "musl-gcc", "gwguest-trapping"),
        ("portable-mingw", "x86_64-w64-mingw32-gcc", "libguestwire-portable.lib"),
    ],
)
def test_it_builds_with_every_compiler(make: Callable[[str], Path], target: str, compiler: str, product: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}: run deploy/setup.sh")
    assert (make(target) / product).stat().st_size > 0


def test_the_shared_library_shows_its_interface_and_nothing_else(make: Callable[[str], Path]) -> None:
    library = make("all") / "libguestwire.so"
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True, timeout=RUN_S
    )
    shown = {line.split()[-1] for line in listed.stdout.splitlines()}
    header = (Path(__file__).parents[2] / "clients/guestwire/guest/c/include/guestwire.h").read_text()
    assert shown == {name for name in shown if name.startswith("gw_") and f"{name}(" in header}
    assert len(shown) > 40
