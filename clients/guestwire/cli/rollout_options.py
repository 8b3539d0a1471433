"""What a rollout is to do, from options and a TOML file: as the controller's API has it. Pure but for reading the file."""

import difflib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_OPTIONS = (
    click.option("-f", "--file", type=click.Path(path_type=Path, dir_okay=False), help="The rollout as TOML; options go before it."),
    click.option("--operation", metavar="NAME", help="What each host is to do, as guest-start."),
    click.option("--body", metavar="JSON", help="The request of that operation; bytes in hexadecimal."),
    click.option("--project", metavar="NAME@REVISION", help="Instead: a saved project, of which each host gets its part."),
    click.option("--restart", is_flag=True, help="With a project: restart running guests where a change needs it."),
    click.option("--select", "selection", metavar="SELECTION", help="The hosts, as `fleet list` takes it."),
    click.option("--group", metavar="GROUP", help="The hosts of a group."),
    click.option("--host", "hosts", metavar="[SITE/]HOST", multiple=True, help="This host. Repeatable."),
    click.option("--canary", metavar="N|N%|HOST,...", help="These go first, alone."),
    click.option("--wave", metavar="N|N%", help="How many in a wave; else all in one."),
    click.option("--rate", type=click.IntRange(1), metavar="N", help="Hosts begun in a minute, of a wave; else all at once."),
    click.option("--factor", type=click.FloatRange(1, 100), help="How much faster each next wave is."),
    click.option("--max-rate", type=click.IntRange(1), metavar="N", help="But not faster than that."),
    click.option("--soak", type=click.IntRange(0), metavar="SECONDS", help="How long a wave is watched before the next."),
    click.option("--success", type=click.FloatRange(0, 100, min_open=True), metavar="PERCENT", help="Of a wave, before the next begins."),
    click.option("--pause-at", metavar="N|N%", help="Pause at so many failures."),
    click.option("--abort-at", metavar="N|N%", help="Abort at so many failures."),
    click.option("--attempts", type=click.IntRange(1, 10), help="How often a host is tried in all."),
    click.option("--window", metavar="NAME", help="No host is begun outside of this maintenance window."),
    click.option("--deadline", type=click.IntRange(10), metavar="SECONDS", help="How long a host has once its turn has come."),
    click.option("--join", "open_s", type=click.IntRange(1), metavar="SECONDS", help="Hosts that come to match within that time take part too."),
    click.option("--note", help="What it is for."),
)  # fmt: skip


def rollout_options(function: FunctionT) -> FunctionT:
    """Adds them all."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def spec(name: str | None, ref: Callable[[str], str], given: dict[str, Any]) -> dict[str, Any]:
    """The rollout that the options and their file say. `ref`: SITE/HOST of a host. Raises click.UsageError, also where it does not say
    what is to be done, and where."""
    made: dict[str, Any] = _read(given["file"]) if given["file"] else {}
    if name is not None:
        made["name"] = name
    if "name" not in made:
        raise click.UsageError("A rollout has a name.")
    for field in ("operation", "window", "note"):
        if given[field]:
            made[field] = given[field]
    if given["body"]:
        made["body"] = _json(given["body"])
    if given["project"]:
        made["project"] = _project(given["project"], restart=given["restart"])
    if given["deadline"]:
        made["deadline_s"] = given["deadline"]
    if given["soak"] is not None:
        made["soak_s"] = given["soak"]
    if given["open_s"]:
        made |= {"mode": "continuous", "open_s": given["open_s"]}
    if targets := _targets(ref, given):
        made["targets"] = targets
    for part, values in (
        ("waves", _waves(ref, given)),
        ("thresholds", _thresholds(given)),
        ("attempts", _attempts(given)),
    ):
        if values:
            made[part] = {**made.get(part, {}), **values}
    _whole(made)
    return made


def _whole(made: dict[str, Any]) -> None:
    """Before anybody is asked whether they mean it."""
    from guestwire.protocol.operations import BY_NAME

    operation = made.get("operation")
    if not operation and not made.get("project"):
        raise click.UsageError("Say what each host is to do: --operation and --body, --project, or --file.")
    if operation and operation not in BY_NAME:
        near = difflib.get_close_matches(str(operation), BY_NAME, n=1)
        raise click.UsageError(f"There is no operation {operation!r}{f': did you mean {near[0]}?' if near else '.'}")
    if not made.get("targets"):
        raise click.UsageError("Say on which hosts: --select, --group or --host, or in the file.")


def _targets(ref: Callable[[str], str], given: dict[str, Any]) -> dict[str, Any]:
    named = {
        "selection": given["selection"], "group": given["group"],
        "hosts": [ref(host) for host in given["hosts"]] or None,
    }  # fmt: skip
    found = {field: value for field, value in named.items() if value}
    if len(found) > 1:
        raise click.UsageError("Give one of --select, --group and --host.")
    return found


def _waves(ref: Callable[[str], str], given: dict[str, Any]) -> dict[str, Any]:
    waves: dict[str, Any] = {}
    if given["canary"]:
        number = _number(given["canary"])
        waves["canary"] = number or {"hosts": [ref(host) for host in given["canary"].split(",")]}
    if given["wave"]:
        waves["size"] = _share(given["wave"], "--wave")
    for field, option in (("base_rate", "rate"), ("factor", "factor"), ("max_rate", "max_rate")):
        if given[option] is not None:
            waves[field] = given[option]
    return waves


def _thresholds(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {} if given["success"] is None else {"success_percent": given["success"]}
    for verb in ("pause", "abort"):
        if text := given[f"{verb}_at"]:
            found |= {f"{verb}_{field}": value for field, value in _share(text, f"--{verb}-at").items()}
    return found


def _attempts(given: dict[str, Any]) -> dict[str, Any]:
    return {"most": given["attempts"]} if given["attempts"] else {}


def _share(text: str, option: str) -> dict[str, Any]:
    found = _number(text)
    if found is None:
        raise click.UsageError(f"{option} takes a number, or a percentage as 10%.")
    return found


def _number(text: str) -> dict[str, Any] | None:
    """A number of hosts, or a percentage of them; None: it is neither."""
    digits = text.removesuffix("%")
    if not digits.replace(".", "", 1).isdigit():
        return None
    if text.endswith("%"):
        return {"percent": float(digits)}
    return {"count": int(digits)} if digits.isdigit() else None


def _project(text: str, *, restart: bool) -> dict[str, Any]:
    name, at, revision = text.rpartition("@")
    if not at or not revision.isdigit():
        raise click.UsageError("--project takes NAME@REVISION: `guestwire project saved` shows revisions.")
    return {"name": name, "revision": int(revision), "restart": restart}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise click.UsageError(f"--body is no JSON: {err}.") from err


def _read(file: Path) -> dict[str, Any]:
    from guestwire.model.errors import GuestwireError

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise GuestwireError("DOCUMENT-INVALID", f"{file} is not TOML: {err}") from err
