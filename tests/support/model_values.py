"""Hypothesis strategies for values of our models, made from the models themselves: every field within its bounds."""

from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from guestwire.model.desired import Desired

MANY = 3
"""Entries in a list, and about how long a text is."""
TEXT = st.text(max_size=12) | st.sampled_from(
    ["", "a\nb", ' "x" ', "'", '"""', "\\", "# c", "= [x]", "true", "3", "é\t\r\n"]
)


@cache
def values(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Instances; about half of the optional fields are at their default."""
    required = {name: _field(field) for name, field in model.model_fields.items() if field.is_required()}
    optional = {name: _field(field) for name, field in model.model_fields.items() if not field.is_required()}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: _made(model, given)).filter(bool)


def _made(model: type[BaseModel], given: dict[str, Any]) -> Any:
    """None for what only the model's own check refuses."""
    try:
        return model(**given)
    except ValidationError as err:
        if any(error["type"] != "value_error" for error in err.errors()):
            raise
        return None


def _field(field: FieldInfo) -> st.SearchStrategy[Any]:
    return _typed(field.annotation, tuple(field.metadata))


def _typed(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _typed(arguments[0], (*annotation.__metadata__, *metadata))
    if origin in (Union, UnionType):
        return st.one_of(*(_typed(part, metadata) for part in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[1:] == (...,):
        least = _bounds(metadata).get("min_length", 0)
        return st.lists(_typed(arguments[0], ()), min_size=least, max_size=least + MANY).map(tuple)
    if origin is tuple:
        return st.tuples(*(_typed(part, ()) for part in arguments))
    if origin is dict:
        return st.dictionaries(TEXT, _typed(arguments[1], ()), max_size=MANY)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return st.deferred(lambda: values(annotation))
    return _SIMPLE[annotation](_bounds(metadata))


def _bounds(metadata: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, FieldInfo):
            found |= _bounds(tuple(item.metadata))
        for name in ("ge", "gt", "le", "max_length", "min_length", "pattern"):
            if getattr(item, name, None) is not None:
                found[name] = getattr(item, name)
    return found


def _text(bounds: dict[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" not in bounds:
        smallest = bounds.get("min_length", 0)
        if smallest > MANY:
            return st.text(min_size=smallest, max_size=smallest + MANY)
        return TEXT.filter(lambda text: smallest <= len(text))
    pattern = bounds["pattern"].removeprefix("^").removesuffix("$")
    return st.from_regex(pattern, fullmatch=True).filter(lambda text: len(text) <= bounds.get("max_length", 1 << 20))


def _int(bounds: dict[str, Any]) -> st.SearchStrategy[int]:
    return st.integers(bounds.get("ge", -(1 << 62)), bounds.get("le", 1 << 62))


def _bytes(bounds: dict[str, Any]) -> st.SearchStrategy[bytes]:
    least = bounds.get("min_length", 0)
    return st.binary(min_size=least, max_size=min(bounds.get("max_length", 1 << 20), least + MANY))


def _float(bounds: dict[str, Any]) -> st.SearchStrategy[float]:
    least = bounds.get("ge", bounds.get("gt", -1e9))
    return st.floats(least, bounds.get("le", 1e9), allow_nan=False, exclude_min="gt" in bounds)


_SIMPLE: dict[Any, Any] = {
    str: _text,
    int: _int,
    bytes: _bytes,
    float: _float,
    bool: lambda _: st.booleans(),
    type(None): lambda _: st.none(),
}


def _unique(desired: Desired) -> Desired:
    """A host whose entries have names of their own, as a project document has them."""
    kept = {}
    for part, identity in (
        *((name, "name") for name in ("guests", "areas", "events", "queues", "locks", "networks")),
        ("images", "id"), ("templates", "id"),
    ):  # fmt: skip
        kept[part] = tuple({getattr(entry, identity): entry for entry in getattr(desired, part)}.values())
    return desired.model_copy(update=kept)


def desired_values() -> st.SearchStrategy[Desired]:
    return values(Desired).map(_unique)
