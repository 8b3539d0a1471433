"""A guest's definition from a file a person wrote: TOML, YAML or JSON, with every mistake named."""

import json
from pathlib import Path
from typing import Any

from guestwire.formats import strict
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

MAX_BYTES = 1 << 20


def read(path: Path) -> str:
    """The text of the file. Raises CONFIG-INVALID."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise GuestwireError("CONFIG-INVALID", f"{path} is larger than a definition can be.")
        return data.decode()
    except (OSError, UnicodeDecodeError) as err:
        raise GuestwireError("CONFIG-INVALID", f"{path} cannot be read: {err}") from err


def load(path: Path) -> Guest:
    """The guest that a file defines. Raises CONFIG-INVALID."""
    return guest(parse(read(path), path.suffix.lower(), str(path)), str(path))


def parse(text: str, kind: str, source: str) -> dict[str, Any]:
    """The table in a text. `kind` is a file's suffix; without one YAML, which JSON is too. Raises CONFIG-INVALID."""
    try:
        if kind == ".toml":
            import tomllib

            value: Any = tomllib.loads(text)
        elif kind == ".json":
            value = json.loads(text)
        else:
            value = _yaml(text)
    except RecursionError as err:
        raise _too_deep(source) from err
    except ValueError as err:
        raise GuestwireError("CONFIG-INVALID", f"{source}: {err}") from err
    if not isinstance(value, dict):
        raise GuestwireError("CONFIG-INVALID", f"{source} holds no table of settings.")
    return value


def guest(table: dict[str, Any], source: str) -> Guest:
    """The guest that a table defines. Raises CONFIG-INVALID with every wrong or unknown setting in `detail.issues`."""
    try:
        made, mistakes = strict.read(Guest, _plain(table, source))
    except RecursionError as err:
        raise _too_deep(source) from err
    if made is not None and not mistakes:
        return made
    issues = sorted(set(mistakes))
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    raise GuestwireError(
        "CONFIG-INVALID",
        f"{source}: {issues[0].path or 'guest'}: {issues[0].message}{more}",
        field=issues[0].path or None,
        detail={"issues": [issue._asdict() for issue in issues]},
    )


def _plain(table: dict[str, Any], source: str) -> dict[str, Any]:
    """The table as JSON has it: YAML also knows dates, keys that are no text, and tables that hold themselves."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(table, default=str))
    except (ValueError, TypeError) as err:
        raise GuestwireError("CONFIG-INVALID", f"{source} cannot be read: {err}") from err
    return plain


def _too_deep(source: str) -> GuestwireError:
    return GuestwireError("CONFIG-INVALID", f"{source} is nested too deeply.")


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as err:
        raise ValueError(str(err)) from err


def from_flags(flags: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """The settings that command line flags mean, over those of `table`. Raises CONFIG-INVALID."""
    simple = {"name": "name", "memory": "memory_mib", "vcpus": "vcpus", "kind": "kind", "cpuset": "cpuset"}
    made = {setting: flags[flag] for flag, setting in simple.items() if flags[flag] is not None}
    boot = {name: flags[name] for name in ("kernel", "initrd", "cmdline") if flags[name] is not None}
    if boot:
        under = table.get("boot")
        made["boot"] = {**(under if isinstance(under, dict) else {}), **boot}
        if "kernel" not in made["boot"]:
            raise GuestwireError("CONFIG-INVALID", "--initrd and --cmdline need --kernel.", field="boot.kernel")
    if flags["disks"]:
        made["disks"] = [
            {"path": path, "format": "raw" if path.endswith(".raw") else "qcow2"} for path in flags["disks"]
        ]
    if flags["ready_console"] is not None and flags["ready_agent"]:
        raise GuestwireError(
            "CONFIG-INVALID", "--ready-console and --ready-agent exclude each other.", field="ready_when"
        )
    if flags["ready_console"] is not None:
        made["ready_when"] = {"by": "console_text", "text": flags["ready_console"]}
    elif flags["ready_agent"]:
        made["ready_when"] = {"by": "guest_agent"}
    return made
