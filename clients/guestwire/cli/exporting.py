"""A file of what comes piece by piece: whole or not at all, for its owner alone, with how much there is of it on the way."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

from guestwire.cli.failures import remark
from guestwire.cli.progress import progress
from guestwire.cli.settings import Settings
from guestwire.cli.text_files import check_free
from guestwire.protocol.operation_models import Progress

Write = Callable[[bytes], None]


@asynccontextmanager
async def exporting(settings: Settings, file: Path) -> AsyncIterator[Write]:
    """Takes the pieces of the file while the block lasts; the file is there once that ends well. Raises EXISTS for one that is there,
    unless --yes was given."""
    check_free(settings, [file])
    with _whole(file) as out:
        async with progress(settings, "export", 1) as shown:
            shown.begin(file.name)
            size = 0

            def write(piece: bytes) -> None:
                nonlocal size
                out.write(piece)
                size += len(piece)
                shown.report(file.name, Progress(message=f"{size / 1_048_576:.1f} MiB"))

            yield write
    remark(settings, f"written: {file}")


@contextmanager
def _whole(file: Path) -> Iterator[BinaryIO]:
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
