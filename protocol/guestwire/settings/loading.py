"""Reads a daemon's settings: defaults < TOML file < environment < flags. With `section` the only place that reads the environment."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from guestwire.model.errors import GuestwireError
from guestwire.model.patterns import in_words


class MergedSettings(BaseSettings):
    """The settings of a daemon, made by `load`: one field for each section, and a `model_config` that is frozen, forbids what
    it does not know, and says which variables of the environment are meant."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`load` has merged the sources already."""
        return (init_settings,)


S = TypeVar("S", bound=MergedSettings)


def load(model: type[S], file: Path | None, default: Path, flags: Mapping[str, str] | None = None) -> S:
    """The settings. `file` None means the `default` one, which may be missing; `flags` by dotted name (`log.level`).

    Raises GuestwireError CONFIG-INVALID with `field` = section.key of the first wrong one, all of them in `detail`.
    """
    try:
        merged = _read(file, default)
        _merge(merged, EnvSettingsSource(model)())
        for name, text in (flags or {}).items():
            section, _, key = name.partition(".")
            _merge(merged, {section: {key: text}})
        return model(**merged)
    except ValidationError as err:
        wrong = [(_field(error["loc"]), _why(error)) for error in err.errors()]
        field, why = wrong[0]
        raise GuestwireError(
            "CONFIG-INVALID",
            f"{field}: {why}",
            field=field,
            detail={"wrong": [f"{name}: {text}" for name, text in wrong]},
        ) from err


def service_environment() -> dict[str, str]:
    """What systemd put into the environment for sd_notify."""
    return {name: os.environ[name] for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID") if name in os.environ}


def _read(file: Path | None, default: Path) -> dict[str, Any]:
    path = file if file is not None else default
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        if file is None:
            return {}
        raise GuestwireError("CONFIG-INVALID", f"{path}: there is no such file", field=str(path)) from err
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise GuestwireError("CONFIG-INVALID", f"{path}: {err}", field=str(path)) from err


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), dict):
            _merge(below[key], value)
        else:
            below[key] = dict(value) if isinstance(value, Mapping) else value


def _field(place: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in place)


def _why(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "no such setting"
        case "missing":
            return "must be given"
        case "value_error":
            return str(error["msg"])
        case _:
            return f"{in_words(error)}, not {error['input']!r}"
