"""The C header says what the table says, and a compiler agrees."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from guestwire.guest.c.generate import HEADER
from guestwire.shm.c_header import c_header
from guestwire.shm.layouts import CONSTANTS, STRUCTS

INCLUDE = HEADER.parent
COMPILE_S = 60


def test_the_committed_header_is_that_of_the_table() -> None:
    assert HEADER.read_text() == c_header(), "stale: python -m guestwire.guest.c.generate"


def test_it_has_every_constant_struct_and_field() -> None:
    text = c_header()
    assert set(re.findall(r"^#define (GW_\w+) ", text, re.M)) >= {constant.name for constant in CONSTANTS}
    for struct in STRUCTS:
        body = re.search(rf"^struct {struct.name} {{\n(.*?)^}};", text, re.M | re.S)
        assert body is not None
        members = re.findall(r"^    (?:GW_ATOMIC\()?(\w+)\)? (\w+)(?:\[(\d+)\])?;", body[1], re.M)
        assert [name for _, name, _ in members] == [field.name for field in struct.fields]
        assert [int(count or 1) for *_, count in members] == [field.count for field in struct.fields]


@pytest.mark.parametrize(
    ("compiler", "words"),
    [
        ("gcc", ("-std=c11", "-x", "c")),
        ("g++", ("-std=c++17", "-x", "c++")),
        ("musl-gcc", ("-std=c11", "-x", "c")),
        ("x86_64-w64-mingw32-gcc", ("-std=c11", "-x", "c")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_compilers_lay_it_out_so_and_see_the_same_numbers(
    tmp_path: Path, compiler: str, words: tuple[str, ...]
) -> None:
    """The header's own assertions have the sizes and offsets; the numbers are compared here."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}: run deploy/setup.sh")
    source = tmp_path / "header.c"
    checks = "\n".join(f"GW_ASSERT({constant.name} == ({constant.value:#x}));" for constant in CONSTANTS)
    source.write_text(f'#include "guestwire.h"\n{checks}\n')
    done = subprocess.run(
        [compiler, *words, "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{INCLUDE}", "-fsyntax-only", source],
        capture_output=True, text=True, timeout=COMPILE_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
