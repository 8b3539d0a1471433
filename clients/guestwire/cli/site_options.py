"""What the commands of `guestwire site` share: the directory, the time, and how a draft is told."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings
from guestwire.model.errors import GuestwireError

if TYPE_CHECKING:
    from guestwire.site.drafts import Draft

F = TypeVar("F", bound=Callable[..., Any])
ROLE_NAMES = ("observer", "operator", "engineer", "admin", "controller", "host")
SIGNATURE_BYTES = 64

directory: Callable[[F], F] = click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def read_signature(path: Path) -> bytes:
    """The raw Ed25519 signature in a file. Raises TRUST-INVALID, and OSError where it cannot be read."""
    with path.open("rb") as file:
        data = file.read(SIGNATURE_BYTES + 1)
    if len(data) != SIGNATURE_BYTES:
        raise GuestwireError("TRUST-INVALID", f"{path} is no raw Ed25519 signature: that has {SIGNATURE_BYTES} bytes.")
    return data


def tell_draft(settings: Settings, directory: Path, draft: "Draft | None") -> None:
    """What stands to be signed after a change."""
    if draft is None:
        failures.remark(settings, "Nothing to sign: everything is as it is in force.")
    else:
        text = f"Drafted as revision {draft.document.rev}. It counts once it is signed: guestwire site trust publish {directory}"
        failures.remark(settings, text)
