"""A section of a daemon's settings, and how its values may be written."""

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

CREDENTIAL: Final = "credential:"
"""What a path begins with that names a credential of systemd (LoadCredential=, LoadCredentialEncrypted=)."""


def words(value: object) -> object:
    """A list written as one text, as environment and flags have it: separated by commas or blanks."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def empty_is_none(value: object) -> object:
    """An empty text says that there is none."""
    return None if value == "" else value


Slug = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,36}$")]
OptionalPath = Annotated[Path | None, BeforeValidator(empty_is_none)]
Level = Literal["off", "debug", "info", "warning", "error"]


class Section(BaseModel):
    """A section. Texts become numbers where a number is wanted: environment and flags have only texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _credential(cls, value: object) -> object:
        if isinstance(value, Path) and str(value).startswith(CREDENTIAL):
            return _credential_file(str(value).removeprefix(CREDENTIAL))
        return value


def _credential_file(name: str) -> Path:
    """Where systemd has put it for this service."""
    line = f"LoadCredential={name}:FILE"
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(f"{CREDENTIAL}{name} names no credential: write {CREDENTIAL}NAME, and {line} into the unit")
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise ValueError(f"only a service of systemd has credentials: put {line} into its unit, or name a file")
    path = Path(folder) / name
    if not path.exists():
        raise ValueError(f"the service has no credential {name}: put {line} into its unit and restart it")
    return path
