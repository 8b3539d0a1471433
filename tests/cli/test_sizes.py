"""Sizes as people write and read them."""

import click
import pytest

from guestwire.cli.sizes import Size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("0x1000", 4096),
        ("64K", 65536),
        ("6MiB", 6 << 20),
        ("1 GB", 1 << 30),
        ("64KiB", 65536),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size
    assert Size().convert(size_text(size).removesuffix(" B"), None, None) == size


@pytest.mark.parametrize("text", ["", "-1", "lots", "1.5M", "64X", "K"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Size().convert(text, None, None)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1000, "1000 B"), (1536, "1536 B"), (6 << 20, "6 MiB"), (6140 << 10, "6140 KiB")]
)
def test_texts(size: int, text: str) -> None:
    assert size_text(size) == text
