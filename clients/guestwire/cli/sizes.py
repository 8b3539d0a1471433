"""Sizes in bytes as people write them (64K, 6MiB, 4096) and read them."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Bytes = click.ParamType[int]
else:
    _Bytes = click.ParamType  # before click 8.4 it is not generic

UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


class Size(_Bytes):
    """A number of bytes, as project files take it too."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        from guestwire.formats import edit_values

        found = edit_values.parse(value, int, "size")
        if not isinstance(found, int) or found < 0:
            self.fail(f"{value!r} is no size: write 64K, 6MiB, or a number of bytes.", param, ctx)
        return found


def size_text(size: int) -> str:
    """In the largest unit of which it is a whole number."""
    for unit, name in UNITS:
        if size and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"
