"""Whether a file was replaced, seen without reading it."""

import itertools
import os
from pathlib import Path

from guestwire.site.files import replace
from guestwire.site.watched_files import signature


def test_each_way_to_change_a_file_is_seen(tmp_path: Path) -> None:
    file, other = tmp_path / "one", tmp_path / "other"
    seen = [signature((file, other))]
    for change in (
        lambda: file.write_bytes(b"1"),
        lambda: replace(file, b"2", 0o644),  # as long as before
        lambda: os.utime(file, ns=(0, 0)),
        file.unlink,
        lambda: other.write_bytes(b""),
    ):
        change()
        assert signature((file, other)) == signature((file, other))
        seen.append(signature((file, other)))
    assert all(before != after for before, after in itertools.pairwise(seen))
    assert seen[0] == (None, None)
