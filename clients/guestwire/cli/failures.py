"""Errors as people and programs read them, always on stderr: `error: CODE: text`, then what to do about it."""

import json
import sys
from collections.abc import Mapping
from errno import errorcode
from typing import Any

from guestwire.cli.exit_codes import exit_code
from guestwire.cli.settings import Settings
from guestwire.cli.terminal import coloured, paint, printable
from guestwire.model.errors import GuestwireError


def report(settings: Settings, error: GuestwireError, target: str | None = None) -> int:
    """Write an error (of one `target` of several) and give its exit code."""
    if settings.for_programs:
        _write_document(document(error, target))
    else:
        colour = coloured(sys.stderr)
        about = f"{target}: " if target else ""
        word = paint("error:", "bad", colour=colour)
        lines = [f"{word} {error.code}: {about}{_lines(error.message)}"]
        lines += [f"  {key}: {printable(_short(value))}" for key, value in error.detail.items() if _worth_saying(value)]
        lines += _listed(error)
        if error.remedy not in error.message:
            lines.append(paint(f"  {error.remedy}", "faint", colour=colour))
        print("\n".join(lines), file=sys.stderr)
    return exit_code(error.code)


def report_os(settings: Settings, error: OSError) -> int:
    """The same for what the operating system refused on this side: FILE-MISSING, else SYSTEM-REFUSED."""
    code = "FILE-MISSING" if isinstance(error, FileNotFoundError) else "SYSTEM-REFUSED"
    where = f"{error.filename}: " if error.filename else ""
    number = errorcode.get(error.errno or 0)
    detail = {"errno": number} if number is not None else {}
    return report(settings, GuestwireError(code, f"{where}{error.strerror or error}", detail=detail))


def remark(settings: Settings, text: str) -> None:
    """Something a person wants to know and a program does not."""
    if not settings.quiet:
        print(text, file=sys.stderr)


def document(error: GuestwireError, target: str | None = None) -> dict[str, Any]:
    """The error as a document."""
    row = error.row
    body: dict[str, Any] = {
        "code": error.code,
        "kind": row.kind.value,
        "where": row.where.value,
        "retry": row.retry.value,
        "message": error.message,
        "remedy": row.remedy,
        "exit_code": exit_code(error.code),
    }
    optional = {
        "target": target,
        "after_ms": error.after_ms,
        "field": error.field,
        "detail": dict(error.detail),
        "cause": list(error.cause),
    }
    return {"error": body | {key: value for key, value in optional.items() if value}}


def _write_document(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str), file=sys.stderr)


def _listed(error: GuestwireError) -> list[str]:
    """What an error has many of, a line each and none left out: issues with their places, other texts."""
    lines = []
    for key, value in error.detail.items():
        for item in value if isinstance(value, (list, tuple)) else ():
            if isinstance(item, str):
                lines.append(f"  {key}: {printable(item)}")
            elif isinstance(item, Mapping) and "message" in item:
                words = [item.get("path") or "document", item.get("code"), item["message"], item.get("hint")]
                lines.append("  " + ": ".join(printable(str(word)) for word in words if word))
    if error.cause:
        lines.append(f"  cause: {', '.join(error.cause)}")
    return lines


def _worth_saying(value: object) -> bool:
    return isinstance(value, (str, int, float)) and value != ""


def _lines(text: str) -> str:
    """The text with its line ends, further lines indented."""
    return "\n    ".join(printable(line) for line in text.splitlines())


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"
