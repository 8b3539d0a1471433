"""Documents that people write for a controller: TOML or JSON, as the file's name says."""

import json
import tomllib
from pathlib import Path
from typing import Any

from guestwire.model.errors import GuestwireError


def read_document(file: Path) -> dict[str, Any]:
    """What a file says. Raises DOCUMENT-INVALID, OSError."""
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except ValueError as err:
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise GuestwireError("DOCUMENT-INVALID", f"{file} is not {kind}: {err}") from err
    if not isinstance(found, dict):
        raise GuestwireError("DOCUMENT-INVALID", f"{file} holds no table of settings.")
    return found
