"""A daemon's settings as a table: flags and documentation are loops over it. What they are is the daemon's."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from guestwire.settings.loading import MergedSettings
from guestwire.settings.section import Section


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting: where it can be given, what it may be, and what it is when nobody gives it."""

    section: str
    key: str
    type: str
    default: str
    text: str
    prefix: str

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def environment(self) -> str:
        return f"{self.prefix}{self.section}_{self.key}".upper()

    @property
    def flag(self) -> str:
        return f"--{self.section}-{self.key}".replace("_", "-")


def settings_table(model: type[MergedSettings]) -> tuple[SettingRow, ...]:
    """Every setting, in the order of the file."""
    return tuple(_rows(model))


def _rows(settings: type[MergedSettings]) -> Iterator[SettingRow]:
    for section, info in settings.model_fields.items():
        if get_origin(info.annotation) is tuple:
            continue  # tables of their own in the file: no flag can give one
        model = info.annotation
        assert isinstance(model, type)
        assert issubclass(model, Section)
        for key, field in model.model_fields.items():
            yield SettingRow(
                section, key, _type_text(field.annotation), _default_text(field), field.description or "",
                str(settings.model_config.get("env_prefix", "")),
            )  # fmt: skip


def _type_text(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(str(word) for word in inner)
    if origin is Annotated:
        return _type_text(inner[0])
    if origin is tuple:
        return "list"
    if inner:  # X | None
        return _type_text(inner[0])
    return {str: "text", int: "integer", float: "number", bool: "true | false", Path: "path"}[annotation]


def _default_text(field: FieldInfo) -> str:
    match field.default:
        case None | () | "":
            return ""
        case bool() as flag:
            return str(flag).lower()
        case tuple() as several:
            return ", ".join(str(one) for one in several)
        case value:
            return "(required)" if field.is_required() else str(value)


def add_flags(parser: argparse.ArgumentParser, model: type[MergedSettings]) -> None:
    """A flag for every setting, by its section; none has a default of its own."""
    for section, rows in groupby(settings_table(model), key=lambda row: row.section):
        group = parser.add_argument_group(f"[{section}]")
        for row in rows:
            metavar = row.type.upper() if "|" not in row.type else f"{{{row.type.replace(' ', '')}}}"
            group.add_argument(row.flag, dest=row.name, metavar=metavar, default=None, help=row.text.replace("%", "%%"))


def given_flags(arguments: argparse.Namespace, model: type[MergedSettings]) -> dict[str, str]:
    """The settings among the parsed arguments, for `load`."""
    names = {row.name for row in settings_table(model)}
    return {name: text for name, text in vars(arguments).items() if name in names and text is not None}
