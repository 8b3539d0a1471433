"""Documents that people write, read strictly: every mistake at once, each with its place.

The models of the wire ignore keys they do not know, since a newer peer may send more; a person's key that nobody knows is
a mistake. Values are the plain ones of a TOML reader.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from guestwire.formats.toml_text import Mistake, invalid, path_text
from guestwire.model import patterns

__all__ = ["Labels", "Mistake", "did_you_mean", "invalid", "read"]

M = TypeVar("M", bound=BaseModel)
Place = tuple[str | int, ...]
Labels = Mapping[Place, Sequence[str]]
"""What the entries of a list are called in the text, by the list's place: a guest is a table there, keyed by its name."""


class _Error(NamedTuple):
    """A validation error: `choice` is the place where the type has alternatives, None where it has none."""

    place: Place
    choice: Place | None
    details: Mapping[str, Any]
    value: Any


def read(
    model: type[M], data: Mapping[str, Any], labels: Labels | None = None, prefix: Place = ()
) -> tuple[M | None, list[Mistake]]:
    """The model that plain data mean, and every mistake in them; None where there is a mistake of type or value.
    `prefix` goes before each place."""
    values = _tuples(data)
    mistakes = [_mistake(place, message, labels, prefix) for place, message in _unknown(model, values, ())]
    try:
        return model.model_validate(values), mistakes
    except ValidationError as err:
        found = [
            _located(details, values) for details in err.errors(include_url=False, include_input=False)
        ]  # fmt: skip
    mistakes += [_mistake(place, message, labels, prefix) for place, message in _worded(found)]
    return None, mistakes


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ " (did you mean X?)" for the known word that is nearest, "" where none is near."""
    near = get_close_matches(word[:64], list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def bare(annotation: Any) -> Any:
    """A type without its constraints."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def choices(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a type, None left out; one that has none is its own."""
    annotation = bare(annotation)
    if get_origin(annotation) not in (Union, UnionType):
        return (annotation,)
    return tuple(bare(part) for part in get_args(annotation) if part is not type(None))


def _mistake(place: Place, message: str, labels: Labels | None, prefix: Place) -> Mistake:
    named: list[str | int] = []
    for number, part in enumerate(place):
        names = (labels or {}).get(place[:number])
        named.append(names[part] if names is not None and isinstance(part, int) else part)
    return Mistake(path_text((*prefix, *named)), message)


def _tuples(value: Any) -> Any:
    """Sequences in the models are tuples, and strict."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_tuples(item) for item in value)
    return value


def _unknown(annotation: Any, value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Keys of tables that no field of their model has."""
    for part in choices(annotation):
        origin, arguments = get_origin(part), get_args(part)
        if isinstance(part, type) and issubclass(part, BaseModel) and isinstance(value, dict):
            for key, item in value.items():
                if key in part.model_fields:
                    yield from _unknown(part.model_fields[key].annotation, item, (*place, key))
                else:
                    yield (*place, key), f"there is no such key{did_you_mean(key, part.model_fields)}"
        elif origin is tuple and isinstance(value, tuple) and arguments[1:] == (...,):
            for index, item in enumerate(value):
                yield from _unknown(arguments[0], item, (*place, index))
        elif origin is dict and isinstance(value, dict):
            for key, item in value.items():
                yield from _unknown(arguments[1], item, (*place, key))


def _located(details: Any, data: Any) -> _Error:
    """An error with its place in the data. pydantic's own place also names the alternatives of a type that it tried: what
    leads nowhere in the data."""
    place: Place = ()
    choice: Place | None = None
    value = data
    last = len(details["loc"]) - 1
    for number, part in enumerate(details["loc"]):
        if _leads(part, value):
            value = value[part]
        elif number != last or details["type"] != "missing":
            choice = place if choice is None else choice
            continue
        place = (*place, part)
    return _Error(place, choice, details, value)


def _leads(part: str | int, value: Any) -> bool:
    if isinstance(value, tuple):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def _worded(errors: Sequence[_Error]) -> Iterator[tuple[Place, str]]:
    """One message for each place: what all alternatives of a type say of it is one mistake."""
    alternatives: dict[Place, list[_Error]] = {}
    for error in errors:
        if error.choice is None:
            yield error.place, _message(error)
        else:
            alternatives.setdefault(error.choice, []).append(error)
    for choice, tried in alternatives.items():
        deeper = [error for error in tried if len(error.place) > len(choice)]
        if deeper or len(tried) == 1:
            yield from ((error.place, _message(error)) for error in deeper or tried)
            continue
        wanted = " or ".join(_wanted(error.details) or _message(error) for error in tried)
        yield choice, f"must be {wanted}, not {shown(tried[0].value)}"


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_WORDS = {
    "missing": "is missing",
    "greater_than_equal": "must be at least {ge}, not {value}",
    "less_than_equal": "must be at most {le}, not {value}",
    "string_too_long": "has more than {max_length} characters",
    "string_too_short": "has less than {min_length} characters",
    "too_long": "has more than {max_length} entries",
    "value_error": "{error}",
}


def _wanted(details: Mapping[str, Any]) -> str | None:
    if details["type"] == "literal_error":
        return str(details["ctx"]["expected"])
    if details["type"] == "string_pattern_mismatch":
        pattern = details["ctx"]["pattern"]
        return patterns.WORDS.get(pattern, f"of the form {pattern}")
    return _WANTED.get(details["type"])


def _message(error: _Error) -> str:
    wanted = _wanted(error.details)
    if wanted is not None:
        return f"must be {wanted}, not {shown(error.value)}"
    words = _WORDS.get(error.details["type"])
    if words is None:
        return str(error.details["msg"])
    return words.format(value=shown(error.value), **error.details.get("ctx", {}))


def shown(value: Any) -> str:
    """A value as a message has it: short."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else f"{value[:57]!r}..."
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, date | time):
        return "a date or time"
    return str(value)
