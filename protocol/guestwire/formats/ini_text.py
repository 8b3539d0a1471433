"""INI texts as KVM-RT's tools read them: the rules of Python's configparser without interpolation, every mistake named.

Sections in brackets; `key = value` or `key: value`, keys of any case; lines that are indented further than their key
continue its value; lines that begin with # or ; are comments.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from guestwire.formats.toml_text import Mistake

_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"(?P<key>[^=:]*[^=:\s])\s*[=:]\s*(?P<value>.*)")
COMMENTS = ("#", ";")


class Ini(NamedTuple):
    """Values by section and key, in the text's order, and what is wrong in the text. Of what stands twice the first holds."""

    sections: Mapping[str, Mapping[str, str]]
    mistakes: tuple[Mistake, ...]


class _Reader:
    """One pass over the lines."""

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, list[str]]] = {}
        self.mistakes: list[Mistake] = []
        self._section = ""
        self._options: dict[str, list[str]] | None = None
        self._value: list[str] | None = None
        self._indent = 0

    def line(self, number: int, raw: str) -> None:
        text = raw.strip()
        if text.startswith(COMMENTS):
            return
        if not text:
            if self._value is not None:
                self._value.append("")
            return
        indent = len(raw) - len(raw.lstrip())
        if self._value is not None and indent > self._indent:
            self._value.append(text)
            return
        self._indent = indent
        if match := _SECTION.match(text):
            self._begin(match["name"])
        elif match := _OPTION.fullmatch(text):
            self._option(number, match["key"].lower(), match["value"])
        else:
            self._value = None
            self._mistake(self._section, f"line {number} is neither [section] nor key = value")

    def _begin(self, name: str) -> None:
        if name in self.sections:
            self._mistake(name, "the section stands there twice")
        self._section, self._value = name, None
        self._options = self.sections.setdefault(name, {})

    def _option(self, number: int, key: str, value: str) -> None:
        self._value = [value.strip()]
        if self._options is None:
            self._mistake("", f"line {number} stands before the first section")
        elif key in self._options:
            self._mistake(f"{self._section}.{key}", "stands there twice")
        else:
            self._options[key] = self._value

    def _mistake(self, path: str, message: str) -> None:
        self.mistakes.append(Mistake(path, message))


def read(text: str) -> Ini:
    """The values of a text; each line of a long value without its indentation, no empty lines at either end."""
    reader = _Reader()
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        reader.line(number, line)
    sections = {
        name: {key: "\n".join(lines).strip() for key, lines in options.items()}
        for name, options in reader.sections.items()
    }
    return Ini(sections, tuple(reader.mistakes))


def carried(value: str) -> str:
    """What `read` gives of a value that `write` wrote: the same, but for indentation, empty lines at the ends and lines that
    read as comments."""
    first, *rest = value.strip().split("\n")
    kept = [line.strip() for line in rest if not line.strip().startswith(COMMENTS)]
    return "\n".join([first.strip(), *kept]).strip()


def write(sections: Mapping[str, Mapping[str, str]]) -> str:
    """The text of sections, one empty line between them."""
    return "\n".join("".join(_lines(name, options)) for name, options in sections.items())


def _lines(name: str, options: Mapping[str, str]) -> Iterator[str]:
    yield f"[{name}]\n"
    for key, value in options.items():
        first, *rest = value.strip().split("\n")
        yield f"{key} = {first}".rstrip() + "\n"
        yield from (f"    {line.strip()}".rstrip() + "\n" for line in rest)
