"""Files that stay open: read anew each time, closed when they fail, and never more than so many."""

import os
from pathlib import Path

import pytest

from guestwire.agent.drivers.linux.kept_files import KeptFiles


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_is_read_anew_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "value"
    files = KeptFiles()
    for content in (b"one", b"", b"x" * 200_000):
        file.write_bytes(content)
        assert files.read(str(file)) == content
        assert files.read_line(str(file)) == content[:4096]
    assert len(files) == 1
    files.close()


def test_no_more_than_so_many_stay_open_and_the_others_are_read_all_the_same(tmp_path: Path) -> None:
    names = [str(tmp_path / f"{n}") for n in range(5)]
    for name in names:
        Path(name).write_text(name)
    before, files = open_files(), KeptFiles(most=2)
    assert [files.read(name) for name in (*names, *names)] == [name.encode() for name in (*names, *names)]
    assert (len(files), open_files()) == (2, before + 2)
    files.forget(names[:1])
    assert open_files() == before + 1
    files.close()
    assert (len(files), open_files()) == (0, before)


def test_a_process_that_is_gone_is_an_error_and_its_file_is_let_go() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)
        os._exit(0)
    files, path = KeptFiles(), f"/proc/{child}/stat"
    assert files.read(path).startswith(str(child).encode())
    os.write(write, b"x")
    os.waitpid(child, 0)
    with pytest.raises(ProcessLookupError):
        files.read(path)
    assert len(files) == 0
    with pytest.raises(FileNotFoundError):
        files.read(path)
    os.close(read)
    os.close(write)


def test_a_long_file_of_the_kernel_is_read_to_its_end() -> None:
    files = KeptFiles()
    for path in ("/proc/self/smaps", "/proc/kallsyms"):
        found = files.read(path)
        assert found.count(b"\n") > 100
        assert found.endswith(b"\n")
    files.close()
