"""A small file system, and how it gets full."""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guestwire.broker_test.fixtures import require


@contextmanager
def mounted(path: Path, kib: int) -> Iterator[Path]:
    """So many KiB at `path`, which is made, while the block lasts. Where nothing may be mounted the test is skipped."""
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "guestwire-test", path],
        capture_output=True,
        text=True,
        check=False,
    )
    require("mount", done.returncode == 0, f"may not mount a small file system: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def fill(disk: Path) -> Path:
    """Leave not a byte on the disk; the file that took them all."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler
