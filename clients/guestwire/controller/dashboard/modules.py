"""Which modules a module needs before it can run: the static imports of it and of those it imports. Pure.

It reads import and export statements where they begin a line or follow a semicolon, as people and minifiers write them. What it takes
for one by mistake is a module that the browser has early; what it misses one that it has later.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Final

_STATEMENT: Final = re.compile(
    r"""(?:^|;)[ \t]*(?:import|export)\b\s*(?:[\w$*{},\s]*?(?<![\w$])from\s*)?(["'])(?P<name>[^"'\n\\]+)\1""",
    re.MULTILINE,
)


def imported(source: str) -> tuple[str, ...]:
    """What a module imports or exports from, as it is written there; `import()` is left out: that is for later."""
    return tuple(dict.fromkeys(found["name"] for found in _STATEMENT.finditer(source)))


def resolved(name: str, importer: str, imports: Mapping[str, str]) -> str | None:
    """The file that a name in a module leads to. `imports`: an import map, its addresses as files. None: to none of ours."""
    if name.startswith(("./", "../")):
        found = posixpath.normpath(posixpath.join(posixpath.dirname(importer), name))
        return None if found.startswith("../") else found
    if name in imports:
        return imports[name]
    prefixes = [prefix for prefix in imports if prefix.endswith("/") and name.startswith(prefix)]
    if not prefixes:
        return None
    longest = max(prefixes, key=len)
    return imports[longest] + name.removeprefix(longest)


def needed(first: str, imports: Mapping[str, str], read: Callable[[str], str | None]) -> tuple[str, ...]:
    """All modules that `first` needs, itself first, in the order in which they are met. `read` gives a file's text, None where there is
    none."""
    met: dict[str, None] = {}
    waiting = [first]
    while waiting:
        name = waiting.pop(0)
        if name in met or (source := read(name)) is None:
            continue
        met[name] = None
        waiting += [found for one in imported(source) if (found := resolved(one, name, imports)) is not None]
    return tuple(met)
